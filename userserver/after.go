package userserver

import (
	"context"
	"sync"

	"github.com/chancery-im/chancery/storage"
)

// turns lets one job of a name run at a time, the others after it.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	mu    sync.Mutex
	users int
}

func (t *turns) take(name string) (give func()) {
	t.mu.Lock()
	one := t.of[name]
	if one == nil {
		one = &turn{}
		t.of[name] = one
	}
	one.users++
	t.mu.Unlock()
	one.mu.Lock()
	return func() {
		one.mu.Unlock()
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(t.of, name)
		}
	}
}

// after does what follows a commit in the user's rooms, and waits for its end as long
// as somebody waits for the answer. The commit left a row that says it is to be done,
// so that a failure is not lost: Resume tries again.
func (s *Server) after(ctx context.Context, name string, job func(context.Context) error) {
	if s.rooms == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer s.turns.take(name)()
		if err := job(context.WithoutCancel(ctx)); err != nil {
			s.log.WithError(err).Warnf("could not %s; it is tried again later", name)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Resume finishes what earlier requests left to be done in rooms: profiles that are
// not shown everywhere, and rooms that deactivated users are still in. homeserver
// calls it at the start and from time to time.
func (s *Server) Resume(ctx context.Context) error {
	var profiles, leaving []string
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		if profiles, err = tx.PendingProfiles(); err == nil {
			leaving, err = tx.Leaving()
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, user := range profiles {
		s.after(ctx, "show the profile of "+user, func(ctx context.Context) error { return s.showProfile(ctx, user) })
	}
	for _, user := range leaving {
		s.after(ctx, "leave "+user, func(ctx context.Context) error { return s.leaveAll(ctx, user) })
	}
	return ctx.Err()
}

// tidyAfter is how long what ran out is kept, in ms.
const tidyAfter = 24 * 60 * 60 * 1000

// Tidy removes what has run out. homeserver calls it from time to time.
func (s *Server) Tidy(ctx context.Context) error {
	return s.write(ctx, func(tx *storage.Tx) error { return tx.PrunePeople(tx.Now() - tidyAfter) })
}
