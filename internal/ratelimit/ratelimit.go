// Package ratelimit bounds how often something is done by one user or address: a
// bucket for each key, in memory. It decides no policy; the doors choose keys and
// rates.
package ratelimit

import (
	"sync"
	"time"
)

// Limiter lets through a burst, and then one a period, for each key.
type Limiter struct {
	mu     sync.Mutex
	clock  func() time.Time
	burst  time.Duration // how far ahead of its rate a key may be
	period time.Duration
	next   map[string]time.Time // when a key's bucket would be full again
}

// maxKeys bounds the memory; beyond it, full buckets are forgotten.
const maxKeys = 100_000

// New makes a limiter that lets burst through at once, then one each period.
func New(clock func() time.Time, burst int, period time.Duration) *Limiter {
	return &Limiter{clock: clock, burst: time.Duration(burst) * period, period: period, next: map[string]time.Time{}}
}

// Take lets one through, and returns 0; else how long to wait.
func (l *Limiter) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if len(l.next) > maxKeys {
		for k, t := range l.next {
			if !t.After(now) {
				delete(l.next, k)
			}
		}
	}
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
