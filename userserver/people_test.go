package userserver_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

var ctx = context.Background()

// clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// fakeRooms notes what is asked of rooms, and fails while told to.
type fakeRooms struct {
	mu    sync.Mutex
	fail  error
	calls []string
}

func (f *fakeRooms) note(s string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.calls = append(f.calls, s)
	return nil
}

func (f *fakeRooms) UpdateProfile(_ context.Context, user string) error {
	return f.note("profile " + user)
}
func (f *fakeRooms) Leave(_ context.Context, user, room, _ string) error {
	return f.note("leave " + user + " " + room)
}

func (f *fakeRooms) count(s string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == s {
			n++
		}
	}
	return n
}

// town is a people core over a real database.
type town struct {
	*testing.T
	db    *storage.DB
	users *userserver.Server
	clock *clock
	rooms *fakeRooms
}

func quiet() *logrus.Entry {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return logrus.NewEntry(log)
}

// each runs a story on every database.
func each(t *testing.T, story func(t *town)) {
	t.Helper()
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) { story(newTown(t, p)) })
}

func newTown(t *testing.T, p storagetest.Place) *town {
	t.Helper()
	w := &town{T: t, clock: newClock(), rooms: &fakeRooms{}}
	w.db = p.Open(t, func(o *storage.Options) { o.Clock = w.clock.now })
	w.begin()
	return w
}

// begin makes the core, as a start of the server does.
func (w *town) begin() {
	w.users = userserver.New(userserver.Options{DB: w.db, ServerName: storagetest.ServerName, Clock: w.clock.now, Log: quiet()})
	w.users.SetRooms(w.rooms)
}

const password = "correct horse battery"

func (w *town) register(name string) string {
	w.Helper()
	user, err := w.users.Register(ctx, userserver.NewAccount{Localpart: name, Password: password})
	w.must(err)
	return user
}

func (w *town) login(user string, o userserver.LoginOptions) userserver.Tokens {
	w.Helper()
	t, err := w.users.Login(ctx, user, o)
	w.must(err)
	return t
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused checks that an error has a code.
func (w *town) refused(err error, code string) {
	w.Helper()
	if !matrixerr.Is(err, code) {
		w.Fatalf("got %v, want %s", err, code)
	}
}

// knows and forgot check whether an access token is good.
func (w *town) knows(token string) userserver.Session {
	w.Helper()
	s, err := w.users.Authenticate(ctx, token)
	w.must(err)
	return s
}

func (w *town) forgot(token string) {
	w.Helper()
	_, err := w.users.Authenticate(ctx, token)
	w.refused(err, "M_UNKNOWN_TOKEN")
}

func (w *town) read(fn func(tx *storage.ReadTx) error) {
	w.Helper()
	w.must(w.db.Read(ctx, fn))
}

func (w *town) devices(user string) (ids []string) {
	w.Helper()
	list, err := w.users.Devices(ctx, user)
	w.must(err)
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	return ids
}

func (f *fakeRooms) RulesChanged(*storage.Tx, string, *pushrules.Compiled, *pushrules.Compiled) error {
	return nil
}
