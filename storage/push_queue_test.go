package storage_test

import (
	"fmt"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestTheQueueOfAPusher(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		db := p.Open(t)
		write := func(fn func(tx *storage.Tx) error) {
			t.Helper()
			if err := db.Write(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		left := func(pusher int64) (out string) {
			t.Helper()
			err := db.Read(t.Context(), func(tx *storage.ReadTx) error {
				list, err := tx.NextPushes(pusher, 10)
				for _, q := range list {
					out += fmt.Sprint(q.Pos, " ")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		is := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, wanted %q", what, got, want)
			}
		}
		write(func(tx *storage.Tx) error {
			var list []storage.Queued
			for pos := range int64(6) {
				list = append(list, storage.Queued{Pusher: 1, Pos: pos + 1, Room: 1, Event: pos % 5}, storage.Queued{Pusher: 2, Pos: pos + 1, Room: 1, Event: 9})
			}
			return tx.QueuePushes(list)
		})
		write(func(tx *storage.Tx) error { return tx.QueuePushes([]storage.Queued{{Pusher: 1, Pos: 2, Event: 7}}) })
		is("numbers of unread come last", left(1), "2 3 4 5 1 6 ")
		write(func(tx *storage.Tx) error { return tx.DropPushes(1, []storage.Queued{{Pos: 2}, {Pos: 4}}) })
		is("what is left", left(1), "3 5 1 6 ")
		write(func(tx *storage.Tx) error { return tx.TrimPushes(2, 2) })
		write(func(tx *storage.Tx) error { return tx.TrimPushes(1, 100) })
		is("the newest", left(2), "5 6 ")
		is("fewer than are kept", left(1), "3 5 1 6 ")
		write(func(tx *storage.Tx) error {
			if err := tx.PutPusher(storage.Pusher{ID: 1, User: "@a:x", Data: []byte("{}")}); err != nil {
				return err
			}
			return tx.PrunePushes(0, 0)
		})
		is("of a pusher that is gone", left(2), "")
		is("of one that is there", left(1), "3 5 1 6 ")
		write(func(tx *storage.Tx) error { return tx.PrunePushes(tx.Now()+1, 0) })
		is("of before", left(1), "")
	})
}
