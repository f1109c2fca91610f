package syncapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

// door is /sync over real cores. It counts how often an answer is gathered, by the
// looks at the clock.
type door struct {
	testing.TB
	api     *API
	users   *userserver.Server
	rooms   *roomserver.Server
	handler http.Handler
	looks   atomic.Int64
	rings   atomic.Int64 // of presence
}

func newDoor(t testing.TB, p storagetest.Place) *door {
	t.Helper()
	d := &door{TB: t}
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	log, bell, count := logrus.NewEntry(logger), notify.NewBell(), &notify.Count{}
	db := p.Open(t, func(o *storage.Options) { o.Bell = bell })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.users = userserver.New(userserver.Options{DB: db, ServerName: storagetest.ServerName, Clock: time.Now, Log: log, Bell: bell, Count: count})
	d.rooms = roomserver.New(roomserver.Options{DB: db, ServerName: storagetest.ServerName, Clock: time.Now, Rand: rand.Reader, Log: log,
		Signer: event.NewSigner(storagetest.ServerName, event.Key{ID: "ed25519:1", Private: key}, rand.Reader), Profiles: d.users, Bell: bell, Count: count})
	d.users.SetRooms(d.rooms)
	bell.Listen(func(r notify.Ring) { d.rings.Add(int64(len(r.Presence))) })
	clock := func() time.Time {
		d.looks.Add(1)
		return time.Now()
	}
	d.api = New(Options{DB: db, Rooms: d.rooms, Users: d.users, Bell: bell, Count: count, Clock: clock, Log: log})
	t.Cleanup(d.api.Close)
	router := mux.NewRouter()
	d.api.Register(router)
	d.handler = router
	return d
}

// syncs makes a request and returns the next token.
func (d *door) syncs(token, query string) string {
	d.Helper()
	r := httptest.NewRequest("GET", "/_matrix/client/v3/sync?"+query, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	var out struct {
		Next string `json:"next_batch"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
		d.Errorf("/sync?%s: %d %s", query, w.Code, w.Body)
	}
	return out.Next
}

// listening is how many requests wait for something in a room.
func (d *door) listening(room string) int {
	d.api.hub.mu.Lock()
	defer d.api.hub.mu.Unlock()
	return len(d.api.hub.rooms[room])
}

func (d *door) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// TestHardening_C13_DevicesOfOneAccountDoNotWakeEachOther: a device that syncs is no
// news to the 50 others, so that an idle account costs nothing.
func TestHardening_C13_DevicesOfOneAccountDoNotWakeEachOther(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		d, ctx := newDoor(t, p), context.Background()
		user, err := d.users.Register(ctx, userserver.NewAccount{Localpart: "alice", Password: "correct horse"})
		d.must(err)
		room, _, err := d.rooms.CreateRoom(ctx, roomserver.CreateRequest{Creator: user})
		d.must(err)
		const devices, rounds = 50, 30
		var waiting sync.WaitGroup
		var first string
		for i := range devices {
			tok, err := d.users.Login(ctx, user, userserver.LoginOptions{Device: fmt.Sprint("D", i)})
			d.must(err)
			since := d.syncs(tok.Access, "")
			waiting.Go(func() { d.syncs(tok.Access, "timeout=300000&since="+since) })
			first = tok.Access
		}
		for end := time.Now().Add(time.Minute); d.listening(room) < devices && time.Now().Before(end); {
			runtime.Gosched()
		}
		looks, rings := d.looks.Load(), d.rings.Load()
		for range rounds {
			d.syncs(first, "since="+d.syncs(first, ""))
		}
		// That the account came online may have reached each of them in the meantime, once.
		if n := d.looks.Load() - looks - 2*rounds; n > devices {
			t.Errorf("%d answers were gathered for devices to which nothing happened", n)
		}
		if n := d.rings.Load() - rings; n != 0 {
			t.Errorf("%d changes of presence, where nobody came or went", n)
		}
		if n := d.listening(room); n != devices {
			t.Errorf("%d of %d devices wait", n, devices)
		}
		d.api.Close()
		waiting.Wait()
	})
}
