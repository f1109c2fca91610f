// Package notify is the bell: after a commit it tells whoever waits that there
// is something new to read. It carries no data that anyone depends on; who
// misses a ring finds the same work in its rows.
//
// It does not know what a room or a user is, and stores nothing.
package notify

import "sync"

// Ring says what a commit touched. Pos is the highest stream position of it.
type Ring struct {
	Pos     int64
	Rooms   []string // room ids with new events or new ephemeral rows
	Users   []string // users with something of their own: to-device, account data, membership
	Servers []string // servers that have something to be sent
	Rules   []string // users whose push rules or ignored users changed
	Members []string // local users whose membership of some room changed
	// Receipts are rooms of Rooms where a receipt moved, Devices users whose devices
	// changed: what else happened there did not touch these.
	Receipts, Devices []string
	Keys              []string // users with a device whose one-time or fallback keys changed
	Pushers           []string // users whose pushers changed
	// Presence are users whose presence changed. Whom that concerns is the listener's
	// to find out.
	Presence []string
}

// Bell delivers rings, in commit order, to its listeners.
type Bell struct {
	mu        sync.RWMutex
	listeners map[int]func(Ring)
	next      int
}

// NewBell makes a bell that nobody listens to yet.
func NewBell() *Bell { return &Bell{listeners: map[int]func(Ring){}} }

// Listen calls fn for every ring until the returned function is called. fn runs
// on the committer's goroutine: it must not block, and must not write.
func (b *Bell) Listen(fn func(Ring)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	n := b.next
	b.listeners[n] = fn
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.listeners, n)
	}
}

// Ring tells every listener. Only the committer, and the owners of what is not
// stored (typing, presence), call it.
func (b *Bell) Ring(r Ring) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, fn := range b.listeners {
		fn(r)
	}
}
