package storage_test

import (
	"errors"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestASetThatDoesNotFollowTheRoomGetsErrMoved(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		stale := *r.message()
		stale.ExpectRev -= 1
		if err := db.Commit(&stale).Wait(ctx); !errors.Is(err, storage.ErrMoved) {
			t.Fatalf("a stale set got %v, want ErrMoved", err)
		}
		// What was built on the loser goes with it, also in the same batch.
		other := newRoom(t, db)
		release := hold(db)
		next := db.Commit(r.message())
		good := db.Commit(other.message())
		release()
		if err := next.Wait(ctx); !errors.Is(err, storage.ErrMoved) {
			t.Errorf("the successor of a loser got %v, want ErrMoved", err)
		}
		if err := good.Wait(ctx); err != nil {
			t.Errorf("another room in the same batch got %v", err)
		}
		if n := len(timeline(t, db, r.nid)); n != 2 {
			t.Errorf("the room has %d events, want its first 2", n)
		}
	})
}

func TestASetThatDoesNotMoveItsRoomIsRefused(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		rev := r.rev
		for _, same := range []int64{0, rev} {
			s := r.message()
			s.ExpectRev, s.Rev = rev, same
			if err := db.Commit(s).Wait(ctx); err == nil {
				t.Errorf("took the revision %d on %d", same, rev)
			}
		}
	})
}

func TestTwoSetsOnTheSameRevisionHaveOneWinner(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		before := r.rev
		first := r.message()
		second := r.message()
		second.ExpectRev = before
		release := hold(db)
		a, b := db.Commit(first), db.Commit(second)
		release()
		if err := a.Wait(ctx); err != nil {
			t.Errorf("the first got %v", err)
		}
		if err := b.Wait(ctx); !errors.Is(err, storage.ErrMoved) {
			t.Errorf("the second got %v, want ErrMoved", err)
		}
	})
}
