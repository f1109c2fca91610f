package userserver_test

import (
	"sync"
	"testing"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

// at runs n copies of fn at once and waits for them.
func at(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Add(1)
		go func() {
			defer all.Done()
			fn(i)
		}()
	}
	all.Wait()
}

func TestOneOfManyGetsTheName(t *testing.T) {
	each(t, func(t *town) {
		errs := make([]error, 8)
		at(len(errs), func(i int) {
			_, errs[i] = t.users.Register(ctx, userserver.NewAccount{Localpart: "alice"})
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !matrixerr.Is(err, "M_USER_IN_USE") {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d got the name", won)
		}
	})
}

func TestARefreshRepeatedAtOnceLeavesOneSuccessor(t *testing.T) {
	each(t, func(t *town) {
		in := t.login(t.register("alice"), userserver.LoginOptions{Refresh: true})
		t.knows(in.Access)
		next, errs := make([]userserver.Tokens, 8), make([]error, 8)
		at(len(next), func(i int) { next[i], errs[i] = t.users.Refresh(ctx, in.Refresh) })
		good := 0
		for i := range next {
			t.must(errs[i])
			if _, err := t.users.Authenticate(ctx, next[i].Access); err == nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("%d successors are good", good)
		}
		t.forgot(in.Access)
	})
}

// TestHardening_A10_NoCacheKeepsASessionThatEnded: requests race with the logout, and
// none after it is let in.
func TestHardening_A10_NoCacheKeepsASessionThatEnded(t *testing.T) {
	w := newTown(t, storagetest.SQLite(t))
	alice := w.register("alice")
	for range 100 {
		tok := w.login(alice, userserver.LoginOptions{}).Access
		stop := make(chan struct{})
		var all sync.WaitGroup
		for range 3 {
			all.Add(1)
			go func() {
				defer all.Done()
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = w.users.Authenticate(ctx, tok)
					}
				}
			}()
		}
		sess := w.knows(tok)
		w.must(w.users.Logout(ctx, sess))
		for range 20 {
			w.forgot(tok)
		}
		close(stop)
		all.Wait()
		w.forgot(tok)
	}
}
