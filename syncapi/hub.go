package syncapi

import (
	"sync"

	"github.com/chancery-im/chancery/internal/notify"
)

// hub wakes the requests that wait for something new. A waiter names its user and
// the rooms that the user is in; a ring that concerns neither leaves it asleep.
type hub struct {
	mu    sync.Mutex
	users map[string]map[*waiter]struct{}
	rooms map[string]map[*waiter]struct{}
}

// waiter is one waiting request. wake holds one token: several rings between two
// reads are one.
type waiter struct {
	wake  chan struct{}
	user  string
	rooms []string
}

func newHub() *hub {
	return &hub{users: map[string]map[*waiter]struct{}{}, rooms: map[string]map[*waiter]struct{}{}}
}

// join registers a waiter for a user. Do it before reading: what is committed
// after the read then wakes it.
func (h *hub) join(user string) *waiter {
	w := &waiter{wake: make(chan struct{}, 1), user: user}
	h.mu.Lock()
	defer h.mu.Unlock()
	put(h.users, user, w)
	return w
}

// listen sets the rooms whose events wake w.
func (h *hub) listen(w *waiter, rooms []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range w.rooms {
		remove(h.rooms, r, w)
	}
	w.rooms = rooms
	for _, r := range rooms {
		put(h.rooms, r, w)
	}
}

func (h *hub) leave(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remove(h.users, w.user, w)
	for _, r := range w.rooms {
		remove(h.rooms, r, w)
	}
}

// ring runs on the committer's goroutine and never blocks.
func (h *hub) ring(r notify.Ring) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range r.Rooms {
		wake(h.rooms[id])
	}
	for _, id := range r.Users {
		wake(h.users[id])
	}
}

func wake(set map[*waiter]struct{}) {
	for w := range set {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func put(m map[string]map[*waiter]struct{}, key string, w *waiter) {
	if m[key] == nil {
		m[key] = map[*waiter]struct{}{}
	}
	m[key][w] = struct{}{}
}

func remove(m map[string]map[*waiter]struct{}, key string, w *waiter) {
	if delete(m[key], w); len(m[key]) == 0 {
		delete(m, key)
	}
}
