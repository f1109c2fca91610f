package syncapi

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func woken(w *waiter) bool {
	select {
	case <-w.wake:
		return true
	default:
		return false
	}
}

func TestPresenceWakesExactlyWhoIsInOneOfTheRooms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		h := newHub()
		var all []*waiter
		room := func() string { return fmt.Sprint(rnd.IntN(12)) }
		for i := range rnd.IntN(20) {
			w := h.join(fmt.Sprint("@", i), rnd.IntN(4) > 0)
			var rooms []string
			for range rnd.IntN(10) {
				if r := room(); !slices.Contains(rooms, r) {
					rooms = append(rooms, r)
				}
			}
			if fresh := h.listen(w, rooms); fresh != (len(rooms) > 0) || h.listen(w, rooms) {
				t.Fatal("what is fresh is not told")
			}
			all = append(all, w)
		}
		var changed []string
		for range rnd.IntN(8) {
			changed = append(changed, room())
		}
		n, want := h.wakePresence(changed), 0
		for _, w := range all {
			due := w.presence && slices.ContainsFunc(w.rooms, func(r string) bool { return slices.Contains(changed, r) })
			if due {
				want++
			}
			if woken(w) != due {
				t.Fatalf("a waiter in %v, wanting presence: %v, on changes in %v", w.rooms, w.presence, changed)
			}
		}
		if n != want {
			t.Fatalf("%d were woken, and %d counted", want, n)
		}
		for _, w := range all {
			h.leave(w)
		}
		if !h.idle() || len(h.rooms)+len(h.users) > 0 {
			t.Fatal("something is left of who has gone")
		}
	}
}

// BenchmarkPresenceOfABusyUser: somebody in 200 rooms with the same 5,000 others.
func BenchmarkPresenceOfABusyUser(b *testing.B) {
	h := newHub()
	var rooms []string
	for i := range 200 {
		rooms = append(rooms, fmt.Sprintf("!room-%d:example.org", i))
	}
	for i := range 5000 {
		h.listen(h.join(fmt.Sprint("@", i), true), rooms)
	}
	for b.Loop() {
		h.wakePresence(rooms)
	}
}
