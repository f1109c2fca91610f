package roomserver_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// house is a room server with a database, and words to tell stories with.
type house struct {
	t   *testing.T
	s   *roomserver.Server
	db  *storage.DB
	ctx context.Context
	txn int
}

func each(t *testing.T, fn func(h *house)) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) { fn(newHouse(t, db)) })
}

func newHouse(t *testing.T, db *storage.DB) *house {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := event.NewSigner(storagetest.ServerName, event.Key{ID: "ed25519:1", Private: key}, rand.Reader)
	s := roomserver.New(roomserver.Options{DB: db, ServerName: storagetest.ServerName, Signer: signer, Clock: time.Now, Rand: rand.Reader, Log: quiet()})
	return &house{t: t, s: s, db: db, ctx: context.Background()}
}

func user(name string) string { return "@" + name + ":" + storagetest.ServerName }

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) creates(who string, req roomserver.CreateRequest) string {
	h.t.Helper()
	req.Creator = user(who)
	room, _, err := h.s.CreateRoom(h.ctx, req)
	h.must(err)
	return room
}

func (h *house) says(who, room, text string) string {
	h.t.Helper()
	h.txn++
	sent, err := h.s.Send(h.ctx, roomserver.Draft{RoomID: room, Sender: user(who), Type: "m.room.message",
		Content: json.RawMessage(fmt.Sprintf(`{"msgtype":"m.text","body":%q}`, text)), Txn: roomserver.Txn{Device: "D", Path: "p", ID: fmt.Sprint(h.txn)}})
	h.must(err)
	return sent.EventID
}

func (h *house) joins(who, room string) {
	h.t.Helper()
	_, err := h.s.Join(h.ctx, user(who), room, roomserver.JoinOptions{})
	h.must(err)
}

// reads is every message of the room that somebody can page to, oldest first.
func (h *house) reads(who, room string) []string {
	h.t.Helper()
	var out []string
	from := ""
	for {
		p, err := h.s.Messages(h.ctx, roomserver.Reader{UserID: user(who)}, room, roomserver.MessagesRequest{From: from, Backwards: true, Limit: 7})
		h.must(err)
		for _, v := range p.Events {
			if v.Kind() == "m.room.message" {
				var c struct{ Body string }
				_ = json.Unmarshal(v.Body(), &c)
				out = append([]string{c.Body}, out...)
			}
		}
		if p.End == "" {
			return out
		}
		from = p.End
	}
}

func TestTwoPeopleTalkInARoomOfEveryVersion(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range event.Versions() {
			room := h.creates("alice", roomserver.CreateRequest{Version: string(v), Preset: "public_chat", Name: "Hall", Topic: "talk"})
			h.joins("bob", room)
			h.says("alice", room, "hello")
			h.says("bob", room, "hi")
			if got := strings.Join(h.reads("bob", room), " "); got != "hello hi" {
				t.Errorf("version %s: read %q", v, got)
			}
		}
	})
}

func TestSixtyFourSendersLoseNothing(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{Preset: "public_chat"})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 5 {
					_, err := h.s.Send(h.ctx, roomserver.Draft{RoomID: room, Sender: user("alice"), Type: "m.room.message",
						Content: json.RawMessage(fmt.Sprintf(`{"body":"%d-%d"}`, i, j)), Txn: roomserver.Txn{Device: "D", Path: "p", ID: fmt.Sprintf("%d-%d", i, j)}})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		seen := map[string]int{}
		for _, text := range h.reads("alice", room) {
			seen[text]++
		}
		for i := range 64 {
			for j := range 5 {
				if n := seen[fmt.Sprintf("%d-%d", i, j)]; n != 1 {
					t.Fatalf("%d-%d is there %d times", i, j, n)
				}
			}
		}
	})
}

func TestARepeatedTransactionIsOneEvent(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{})
		ids := make([]string, 20)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				sent, err := h.s.Send(h.ctx, roomserver.Draft{RoomID: room, Sender: user("alice"), Type: "m.room.message",
					Content: json.RawMessage(`{"body":"once"}`), Txn: roomserver.Txn{Device: "D", Path: "p", ID: "same"}})
				if err != nil {
					t.Error(err)
				}
				ids[i] = sent.EventID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("two events: %s and %s", id, ids[0])
			}
		}
		if got := h.reads("alice", room); len(got) != 1 {
			t.Fatalf("read %q", got)
		}
	})
}

// quiet is a log that nobody reads.
func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}
