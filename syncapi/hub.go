package syncapi

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chancery-im/chancery/internal/notify"
)

// hub wakes the requests that wait for something new. A waiter names its user and
// the rooms that the user is in; a ring that concerns neither leaves it asleep.
type hub struct {
	mu    sync.Mutex
	users map[string]map[*waiter]struct{}
	rooms map[string]map[*waiter]struct{}
	all   map[*waiter]struct{}
}

// waiter is one waiting request. wake holds one token: several rings between two
// reads are one.
type waiter struct {
	wake     chan struct{}
	own      atomic.Bool // it was woken for its user, and not only for a room
	user     string
	presence bool // others' presence is wanted
	rooms    []string
}

func newHub() *hub {
	return &hub{users: map[string]map[*waiter]struct{}{}, rooms: map[string]map[*waiter]struct{}{}, all: map[*waiter]struct{}{}}
}

// join registers a waiter for a user. Do it before reading: what is committed
// after the read then wakes it.
func (h *hub) join(user string, presence bool) *waiter {
	w := &waiter{wake: make(chan struct{}, 1), user: user, presence: presence}
	h.mu.Lock()
	defer h.mu.Unlock()
	put(h.users, user, w)
	h.all[w] = struct{}{}
	return w
}

// listen sets the rooms whose events wake w, and reports whether some of them did not
// before.
func (h *hub) listen(w *waiter, rooms []string) (fresh bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range rooms {
		if _, ok := h.rooms[r][w]; !ok {
			fresh = true
		}
	}
	for _, r := range w.rooms {
		remove(h.rooms, r, w)
	}
	w.rooms = rooms
	for _, r := range rooms {
		put(h.rooms, r, w)
	}
	return fresh
}

func (h *hub) leave(w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	remove(h.users, w.user, w)
	delete(h.all, w)
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
		for w := range h.users[id] {
			w.own.Store(true)
		}
		wake(h.users[id])
	}
}

// idle reports whether nobody waits.
func (h *hub) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all) == 0
}

// wakePresence wakes who wants presence and listens to one of the rooms, and reports
// how many that are. Who is in many large rooms has many rooms × members; then all
// waiters are asked for one such room of theirs, and outside of the lock.
func (h *hub) wakePresence(rooms []string) int {
	set := map[*waiter]struct{}{}
	type question struct {
		w     *waiter
		rooms []string
	}
	var ask []question
	h.mu.Lock()
	pairs := 0
	for _, r := range rooms {
		pairs += len(h.rooms[r])
	}
	if pairs > 2*len(h.all) {
		for w := range h.all {
			ask = append(ask, question{w, w.rooms})
		}
	} else {
		for _, r := range rooms {
			maps.Copy(set, h.rooms[r])
		}
	}
	h.mu.Unlock()
	in := make(map[string]bool, len(rooms))
	for _, r := range rooms {
		in[r] = true
	}
	for _, q := range ask {
		if slices.ContainsFunc(q.rooms, func(r string) bool { return in[r] }) {
			set[q.w] = struct{}{}
		}
	}
	maps.DeleteFunc(set, func(w *waiter, _ struct{}) bool { return !w.presence })
	wake(set)
	return len(set)
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
