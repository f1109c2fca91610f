package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// TestNoReadOfAUserGoesThroughAllUsers: what one user asks costs what belongs to them.
func TestNoReadOfAUserGoesThroughAllUsers(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	texts, err := storage.Texts(db, func(tx *storage.ReadTx) error {
		var errs []error
		note := func(_ any, err error) {
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				errs = append(errs, err)
			}
		}
		note(tx.Account(alice))
		note(tx.Accounts(alice, 10))
		note(tx.SessionByToken([]byte{1}))
		note(tx.SessionByRefresh([]byte{1}))
		note(tx.LoginToken([]byte{1}, 1))
		note(tx.OpenIDUser([]byte{1}, 1))
		note(tx.UIA("x"))
		note(tx.Devices(alice))
		note(tx.Device(alice, "x"))
		note(tx.DeviceChangesFor(alice, 1, 2))
		note(tx.RegistrationToken("x"))
		note(tx.UserOfExternalID("x", "x"))
		note(tx.ExternalIDs(alice))
		note(tx.Profile(alice))
		note(tx.PendingProfile(alice))
		note(tx.Leaving())
		note(tx.AccountDataSince(alice, 1, 2))
		note(tx.RoomAccountDataSince(alice, "!r", 1, 2))
		note(tx.RoomsWithAccountData(alice, 1, 2))
		note(tx.AccountData(alice, "", "x"))
		note(tx.Filter(alice, "x"))
		_, _, err := tx.PushRules(alice)
		note(nil, err)
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	read(t, db, func(tx *storage.ReadTx) error {
		for _, text := range texts {
			plan, err := storage.Plan(tx, text)
			if err != nil {
				return err
			}
			for _, step := range plan {
				if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "AUTOMATIC") {
					t.Errorf("%s in\n%s\n%s", step, text, strings.Join(plan, "\n"))
				}
			}
		}
		return nil
	})
}
