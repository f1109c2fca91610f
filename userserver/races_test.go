package userserver_test

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
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

// TestADeviceThatLoggedOutLeavesNoKeys: the keys arrive after the request was let in and
// before it is answered, while the same device logs out.
func TestADeviceThatLoggedOutLeavesNoKeys(t *testing.T) {
	each(t, func(w *town) {
		alice := w.register("alice")
		sess := w.knows(w.login(alice, userserver.LoginOptions{Device: "A"}).Access)
		up := userserver.KeyUpload{DeviceKeys: json.RawMessage(`{"user_id":"` + alice + `","device_id":"A","algorithms":["x"],"keys":{"ed25519:A":"k"},"signatures":{}}`),
			OneTimeKeys: map[string]json.RawMessage{"curve25519:B": json.RawMessage(`"k"`)}}
		_, err := w.users.UploadKeys(ctx, sess, up)
		w.must(err)
		w.must(w.users.Logout(ctx, sess))
		_, err = w.users.UploadKeys(ctx, sess, up)
		w.refused(err, "M_UNKNOWN_TOKEN")
		w.read(func(tx *storage.ReadTx) error {
			if key, err := tx.DeviceKey(alice, "A"); !errors.Is(err, storage.ErrNotFound) {
				w.Errorf("there are keys: %s %v", key, err)
			}
			return nil
		})
	})
}
