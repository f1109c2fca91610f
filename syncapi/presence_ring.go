package syncapi

import (
	"context"
	"sync"
	"time"

	"github.com/chancery-im/chancery/storage"
)

// Presence is what changes most often, and concerns the most people: in a room of
// thousands every coming and going would end every long-poll. So it is rung by a
// goroutine of its own, which rests for a while that grows with how many it woke. What
// changes meanwhile is told in one answer.
const (
	restForEach = time.Millisecond // no more than a thousand long-polls a second are woken
	longestRest = 5 * time.Second
)

// ringer has the users whose presence changed, and of whom nobody was told yet.
type ringer struct {
	mu    sync.Mutex
	users map[string]struct{}
	kick  chan struct{}
}

func newRinger() *ringer {
	return &ringer{users: map[string]struct{}{}, kick: make(chan struct{}, 1)}
}

// add never blocks.
func (r *ringer) add(users []string) {
	if len(users) == 0 {
		return
	}
	r.mu.Lock()
	for _, u := range users {
		r.users[u] = struct{}{}
	}
	r.mu.Unlock()
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

func (r *ringer) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]string, 0, len(r.users))
	for u := range r.users {
		out = append(out, u)
	}
	clear(r.users)
	return out
}

// ringPresence wakes whom changes concern, until Close.
func (a *API) ringPresence() {
	defer close(a.ended)
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		if !await(a.stop, a.ringer.kick) || !await(a.stop, rest.C) {
			return
		}
		woken, err := a.wakeForPresence()
		if err != nil {
			// Nothing is lost: the next answer tells what changed.
			a.log.WithError(err).Warn("could not find out whom a change of presence concerns")
		}
		rest.Reset(min(time.Duration(woken)*restForEach, longestRest))
	}
}

// wakeForPresence wakes who shares a room with those whose presence changed.
func (a *API) wakeForPresence() (woken int, err error) {
	users := a.ringer.take()
	if a.hub.idle() {
		return 0, nil
	}
	var rooms []string
	err = a.read(context.Background(), func(tx *storage.ReadTx) (err error) {
		rooms, err = tx.RoomsOfAny(users)
		return err
	})
	return a.hub.wakePresence(rooms), err
}

// await waits for a signal; false when stop comes first.
func await[T any](stop <-chan struct{}, signal <-chan T) bool {
	select {
	case <-stop:
		return false
	case <-signal:
		return true
	}
}
