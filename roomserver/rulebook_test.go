package roomserver

import (
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestASnapshotOfBeforeAChangeBringsNoOldRulesBack(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		db := p.Open(t)
		s := &Server{db: db, rules: newRuleBook(false)}
		const user = "@a:example.org"
		change := func(json string) {
			t.Helper()
			err := db.Write(t.Context(), func(tx *storage.Tx) error {
				return tx.PutAccountData(user, "", "m.ignored_user_list", []byte(json))
			})
			if err != nil {
				t.Fatal(err)
			}
			pos, err := db.Position(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.rules.forget([]string{user}, pos)
		}
		ignores := func(tx *storage.ReadTx) bool {
			t.Helper()
			who, err := s.personOf(tx, user)
			if err != nil {
				t.Fatal(err)
			}
			return who != nil && who.ignores["@b:x"]
		}
		err := db.Write(t.Context(), func(tx *storage.Tx) error { return tx.PutAccount(storage.Account{UserID: user, Kind: "human"}) })
		if err != nil {
			t.Fatal(err)
		}
		change(`{"ignored_users":{"@b:x":{}}}`)
		err = db.Read(t.Context(), func(tx *storage.ReadTx) error {
			if _, err := tx.Position(); err != nil {
				return err
			}
			change(`{}`)
			if !ignores(tx) {
				t.Error("the snapshot shows what came after it")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Read(t.Context(), func(tx *storage.ReadTx) error {
			if ignores(tx) {
				t.Error("what an old snapshot showed was kept")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
