package storage_test

import (
	"errors"
	"testing"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestAFailingClosureFailsItsOwnerOnly(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		mine := errors.New("mine")
		release := hold(db)
		before := db.Commit(r.message())
		bad := db.Commit(&storage.Set{Do: []func(*storage.Tx) error{func(tx *storage.Tx) error {
			if err := tx.PutAlias("#half:test.example", r.nid, alice); err != nil {
				return err
			}
			return mine
		}}})
		taken := db.Commit(&storage.Set{Do: []func(*storage.Tx) error{
			func(tx *storage.Tx) error { return tx.PutAlias("#a:test.example", r.nid, alice) },
			func(tx *storage.Tx) error { return tx.PutAlias("#a:test.example", r.nid, alice) },
		}})
		after := db.Commit(r.message())
		release()
		for i, p := range []*storage.Pending{before, after} {
			if err := p.Wait(ctx); err != nil {
				t.Errorf("neighbour %d got %v", i, err)
			}
		}
		if err := bad.Wait(ctx); !errors.Is(err, mine) {
			t.Errorf("the owner got %v, want its own error", err)
		}
		if err := taken.Wait(ctx); !errors.Is(err, storage.ErrExists) {
			t.Errorf("a name taken twice got %v, want ErrExists", err)
		}
		read(t, db, func(tx *storage.ReadTx) error {
			list, err := tx.AliasesOf(r.nid)
			if len(list) != 0 {
				t.Errorf("failed closures left %v", list)
			}
			return err
		})
		if n := len(timeline(t, db, r.nid)); n != 4 {
			t.Errorf("%d events, want 4", n)
		}
	})
}

func TestAClosureThatSwallowsAFailedStatementIsNotAcknowledged(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		err := db.Write(ctx, func(tx *storage.Tx) error {
			for range 2 {
				_ = tx.PutAlias("#a:test.example", r.nid, alice)
			}
			return nil
		})
		if err == nil {
			t.Error("acknowledged, although a statement failed")
		}
		if err := db.Write(ctx, func(tx *storage.Tx) error { return tx.PutAlias("#a:test.example", r.nid, alice) }); err != nil {
			t.Errorf("a later write got %v", err)
		}
	})
}

func TestAPanicInAClosureReachesItsOwnerAsAnError(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		if err := db.Write(ctx, func(*storage.Tx) error { panic("a mistake") }); err == nil {
			t.Error("acknowledged, although the closure panicked")
		}
		newRoom(t, db)
	})
}

func TestAnEventThatNobodyJudgedReachesItsOwnerAsAnError(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r, other := newRoom(t, db), newRoom(t, db)
		s := r.message()
		s.Events[0].Judged = authrules.Judged{}
		release := hold(db)
		bad, good := db.Commit(s), db.Commit(other.message())
		release()
		if err := bad.Wait(ctx); err == nil {
			t.Error("stored an event that nobody judged")
		}
		if err := good.Wait(ctx); err != nil {
			t.Errorf("its neighbour got %v", err)
		}
	})
}
