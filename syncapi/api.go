// Package syncapi is the door through which clients learn what is new: /sync with
// its long-poll. It waits, gathers what one user may know in one read, and cuts it
// to the client's filter.
//
// It owns no data and decides no rules: what is visible is roomserver's to say.
package syncapi

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/bearer"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/userserver"
)

// Options are what an API needs; all must be set.
type Options struct {
	DB    *storage.DB
	Rooms *roomserver.Server
	Users *userserver.Server
	Bell  *notify.Bell
	Count *notify.Count // of what is not stored: the one that the cores use
	Clock func() time.Time
	Log   *logrus.Entry
}

// API serves /sync.
type API struct {
	db    *storage.DB
	rooms *roomserver.Server
	users *userserver.Server
	count *notify.Count
	clock func() time.Time
	log   *logrus.Entry
	hub   *hub
	told  *told
	marks *marks
	deep  *deep
	// filters are parsed once.
	filters *filters
	// handed are devices by the position up to which they may have been given to-device
	// messages that are still there; 0: none.
	handed *handed
	epoch  int64
	stop   chan struct{}
	end    sync.Once
	quiet  func()

	ringer *ringer
	ended  chan struct{} // closed when the ringer has ended
}

// New makes the door and begins to listen to the bell.
func New(o Options) *API {
	a := &API{db: o.DB, rooms: o.Rooms, users: o.Users, count: o.Count, clock: o.Clock, log: o.Log, hub: newHub(), told: newTold(), filters: newFilters(), deep: newDeep(), handed: newHanded(),
		epoch: o.Clock().UnixMilli(), stop: make(chan struct{}),
		ringer: newRinger(), ended: make(chan struct{})}
	pos, err := o.DB.Position(context.Background())
	if err != nil {
		pos = math.MaxInt64 // of nothing is anything known: everything is read
	}
	a.marks = newMarks(pos)
	a.quiet = o.Bell.Listen(func(r notify.Ring) {
		a.marks.ring(r)
		a.hub.ring(r)
		a.ringer.add(r.Presence)
	})
	go a.ringPresence()
	return a
}

// Close lets every waiting request answer at once.
func (a *API) Close() {
	a.end.Do(func() {
		a.quiet()
		close(a.stop)
		<-a.ended
		a.deep.close()
	})
}

// Register hangs up the routes.
func (a *API) Register(r *mux.Router) {
	budget := httpjson.Budget{Time: maxWait + time.Minute}
	for _, v := range []string{"v3", "r0"} {
		r.Handle("/_matrix/client/"+v+"/sync", httpjson.Wrap(a.serveSync, budget, a.log)).Methods(http.MethodGet, http.MethodOptions)
	}
}

func (a *API) authenticate(r *http.Request) (userserver.Session, error) {
	tok, err := bearer.Token(r)
	if err != nil {
		return userserver.Session{}, err
	}
	return a.users.Authenticate(r.Context(), tok)
}

// still fails when the session of a waiting request has ended. Only a ring for the user
// can be about that.
func (a *API) still(r *http.Request, w *waiter) error {
	if !w.own.Swap(false) {
		return nil
	}
	tok, err := bearer.Token(r)
	if err != nil {
		return err
	}
	return a.deep.run(r.Context(), func() error {
		_, err := a.users.AuthenticateAnew(r.Context(), tok)
		return err
	})
}

func (a *API) timer(d time.Duration) *time.Timer { return time.NewTimer(d) }

// read runs fn on a snapshot.
func (a *API) read(ctx context.Context, fn func(*storage.ReadTx) error) error {
	return a.db.Read(ctx, fn)
}
