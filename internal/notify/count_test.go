package notify

import (
	"sync"
	"testing"
)

func TestNoNumberIsGivenTwice(t *testing.T) {
	var c Count
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[int64]bool{}
	for range 8 {
		all.Go(func() {
			for range 100 {
				n := c.Next()
				mu.Lock()
				if seen[n] || n > c.Now() {
					t.Errorf("%d was there, or is newer than the newest", n)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if c.Now() != 800 {
		t.Errorf("after 800 changes the count is %d", c.Now())
	}
}
