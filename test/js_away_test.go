package test

import (
	"fmt"
	"sync"
	"testing"
)

// TestClientsComeBackAfterFiftyThousandEvents drives the shipped binary with
// matrix-js-sdk, and tells how long catching up takes.
func TestClientsComeBackAfterFiftyThousandEvents(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	count := 50000
	if testing.Short() {
		count = 3000
	}
	alice, bob, carol, dave := s.registers("alice"), s.registers("bob"), s.registers("carol"), s.registers("dave")
	room := alice.creates(map[string]any{"preset": "public_chat", "name": "Before"})
	bob.joins(room)
	carol.joins(room)
	carol.says(room, "before")
	fill := func(string) {
		var all sync.WaitGroup
		for w := range 32 {
			all.Go(func() {
				for i := w; i < count; i += 32 {
					if i == 320 {
						alice.sets(room, "m.room.name", "", map[string]string{"name": "Meanwhile"}).ok(nil)
						dave.joins(room)
					}
					carol.says(room, fmt.Sprintf("message %d", i))
				}
			})
		}
		all.Wait()
		carol.says(room, "the end")
	}
	plays(t, "away.mjs", s.url, fill, fmt.Sprint(count), room)
}
