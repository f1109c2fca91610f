// Package ratelimit bounds how often something is done by one user or address: a
// bucket for each key, in memory. It decides no policy; the doors choose keys and
// rates.
package ratelimit

import (
	"sync"
	"time"
)

// Rate is how often something may be done: Burst at once, and PerSecond from then
// on.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Or is the rate, or another when it is not set.
func (r Rate) Or(other Rate) Rate {
	if r.PerSecond <= 0 || r.Burst <= 0 {
		return other
	}
	return r
}

// Limiter lets through a burst, and then one a period, for each key.
type Limiter struct {
	mu     sync.Mutex
	clock  func() time.Time
	burst  time.Duration // how far ahead of its rate a key may be
	period time.Duration
	next   map[string]time.Time // when a key's bucket would be full again
	full   int                  // size of next at which full buckets are forgotten
}

// maxKeys is how many keys are held before full buckets are first forgotten.
const maxKeys = 100_000

// New makes a limiter of a rate, which must be set.
func New(clock func() time.Time, r Rate) *Limiter {
	period := time.Duration(float64(time.Second) / r.PerSecond)
	return &Limiter{clock: clock, burst: time.Duration(r.Burst) * period, period: period, next: map[string]time.Time{}, full: maxKeys}
}

// Take lets one through, and returns 0; else how long to wait.
func (l *Limiter) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	l.forget(now)
	at := l.next[key]
	if at.Before(now) {
		at = now
	}
	if wait := at.Add(l.period).Sub(now) - l.burst; wait > 0 {
		return wait
	}
	l.next[key] = at.Add(l.period)
	return 0
}

// Give puts back what Take took: it did not count.
func (l *Limiter) Give(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.next[key]; ok {
		l.next[key] = at.Add(-l.period)
	}
}

// forget drops full buckets, when there are many: again once there are twice as many
// as were left, so that it costs each call little.
func (l *Limiter) forget(now time.Time) {
	if len(l.next) < l.full {
		return
	}
	for k, t := range l.next {
		if !t.After(now) {
			delete(l.next, k)
		}
	}
	l.full = max(maxKeys, 2*len(l.next))
}
