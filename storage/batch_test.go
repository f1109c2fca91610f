package storage_test

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

const bob = "@bob:" + storagetest.ServerName

// inOneBatch commits the sets together.
func inOneBatch(t *testing.T, db *storage.DB, sets ...*storage.Set) (positions []int64) {
	t.Helper()
	release := hold(db)
	var all []*storage.Pending
	for _, s := range sets {
		all = append(all, db.Commit(s))
	}
	release()
	for i, p := range all {
		if err := p.Wait(ctx); err != nil {
			t.Fatalf("set %d: %v", i, err)
		}
		positions = append(positions, p.Pos())
	}
	return positions
}

func TestOfOpposedChangesInOneBatchTheLastHolds(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		child := func(key string, on bool) storage.StateChange {
			c := storage.StateChange{Type: "m.space.child", Key: key}
			if on {
				c.Event = r.last
			}
			return c
		}
		one, two := r.message(), (*storage.Set)(nil)
		one.State = []storage.StateChange{child("a", true), child("b", false)}
		one.Members = []storage.MemberChange{
			{User: bob, Membership: "invite", Event: r.last, Local: true, InviteState: []byte("[1]")},
			{User: alice, Membership: "leave", Event: r.last, Local: true},
		}
		two = r.message()
		two.State = []storage.StateChange{child("a", false), child("b", true)}
		two.Members = []storage.MemberChange{
			{User: bob, Membership: "join", Event: r.last, Local: true},
			{User: alice, Membership: "invite", Event: r.last, Local: true, InviteState: []byte("[2]")},
		}
		inOneBatch(t, db, one, two)
		read(t, db, func(tx *storage.ReadTx) error {
			children, err1 := tx.CurrentStateOfType(r.nid, "m.space.child")
			if len(children) != 1 || children[0].NID != r.last {
				t.Errorf("the state has %d children", len(children))
			}
			if _, err := tx.InviteState(bob, r.nid); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("an accepted invite is still there: %v", err)
			}
			again, err2 := tx.InviteState(alice, r.nid)
			m, err3 := tx.Membership(r.nid, bob)
			if string(again) != "[2]" || m.Membership != "join" {
				t.Errorf("the new invite is %q, bob's membership %q", again, m.Membership)
			}
			return errors.Join(err1, err2, err3)
		})
	})
}

func TestAServerIsInTheRoomFromItsFirstJoinUntilItsLastLeave(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		step := func(delta int) *storage.Set {
			s := r.message()
			s.Servers = []storage.ServerChange{{Server: "far.example", Delta: delta}}
			return s
		}
		pos := inOneBatch(t, db, step(1), r.message(), step(1), step(-1), step(-1), r.message(), step(1))
		read(t, db, func(tx *storage.ReadTx) error {
			got, err := storage.ReadRows(tx, `SELECT CAST(from_pos AS TEXT) || '-' || COALESCE(CAST(until_pos AS TEXT), '') FROM room_servers
				WHERE server = 'far.example' ORDER BY from_pos`)
			if want := []string{span(pos[0], pos[4]), span(pos[6], 0)}; !slices.Equal(got, want) {
				t.Errorf("the server was in the room %v, want %v", got, want)
			}
			in, err2 := tx.RoomServers(r.nid)
			if !slices.Contains(in, "far.example") {
				t.Errorf("in the room are %v", in)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestAChangeWithoutANewEventTakesAPlaceInTheStream(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		before, _ := db.Position(ctx)
		s := r.message()
		s.Events[0].New, s.Events[0].Topo, s.Events[0].Flags = false, 0, storage.FlagOutlier
		s.Members = []storage.MemberChange{{User: bob, Membership: "invite", Event: r.last, Local: true, InviteState: []byte("[]")}}
		s.LogRoot, s.Room.StateRoot = true, 77
		pos := commit(t, db, s)
		if pos <= before {
			t.Fatalf("position %d after %d", pos, before)
		}
		read(t, db, func(tx *storage.ReadTx) error {
			rooms, err := tx.SyncRooms(bob, before, pos)
			if len(rooms) != 1 || rooms[0].Membership != "invite" || rooms[0].WasAt != "" {
				t.Errorf("bob's rooms are %+v", rooms)
			}
			root, err2 := tx.StateRootAt(r.nid, pos)
			if root != 77 {
				t.Errorf("the root is %d", root)
			}
			if _, err := tx.StateRootAt(r.nid, before); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("the root before: %v", err)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestAnOutlierGetsItsPlaceUnderTheSameNumber(t *testing.T) {
	for _, together := range []bool{false, true} {
		storagetest.Each(t, func(t *testing.T, db *storage.DB) {
			r := newRoom(t, db)
			first := r.message()
			first.Events[0].New, first.Events[0].Topo, first.Events[0].Flags = false, 0, storage.FlagOutlier
			second := r.message()
			again := first.Events[0]
			again.New, again.Topo, again.Flags = true, second.Events[0].Topo, 0
			second.Events[0].Topo++
			second.Events = append([]storage.EventRow{again}, second.Events...)
			if together {
				inOneBatch(t, db, first, second)
			} else {
				commit(t, db, first)
				commit(t, db, second)
			}
			list := timeline(t, db, r.nid)
			if len(list) != 4 || list[2].NID != again.NID || list[2].Flags != 0 || list[2].Pos == 0 {
				t.Errorf("the timeline is %+v", list)
			}
		})
	}
}

func TestTheSameEventIDInTwoRoomsIsTwoEvents(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r, other := newRoom(t, db), newRoom(t, db)
		s := r.message()
		commit(t, db, s)
		taken := other.message()
		taken.Events[0].Judged, taken.Events[0].JSON = s.Events[0].Judged, s.Events[0].JSON
		commit(t, db, taken)
		read(t, db, func(tx *storage.ReadTx) error {
			for nid, want := range map[int64]int64{r.nid: s.Events[0].NID, other.nid: taken.Events[0].NID} {
				if got, err := tx.EventByID(nid, s.Events[0].Judged.Event().ID()); err != nil || got.NID != want {
					t.Errorf("room %d: event %d, %v; want %d", nid, got.NID, err, want)
				}
			}
			return nil
		})
	})
}

func TestOldTransactionIDsAreForgottenInPortions(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		for i, name := range []string{"a", "b", "c", "d"} {
			s := r.message()
			row := txn(name, r.last)
			row.TS = int64(i)
			s.Txns = []storage.TxnRow{row}
			commit(t, db, s)
		}
		for i, want := range []int64{2, 1, 0} {
			if err := db.Write(ctx, func(tx *storage.Tx) error {
				n, err := tx.PruneTxns(3, 2)
				if n != want {
					t.Errorf("portion %d had %d, want %d", i, n, want)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		read(t, db, func(tx *storage.ReadTx) error {
			_, _, err := tx.TxnEvent(txn("d", 0).Key)
			return err
		})
	})
}

func TestDeletedSpaceIsGivenBack(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		s := r.message()
		s.Nodes = []storage.NodeRow{{ID: 1, Body: make([]byte, 1<<20)}}
		commit(t, db, s)
		if err := db.Write(ctx, func(tx *storage.Tx) error { return storage.Exec(tx, `DELETE FROM state_nodes`) }); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			var err error
			if more, err = db.Reclaim(ctx, 100); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func span(from, until int64) string {
	s := strconv.FormatInt(from, 10) + "-"
	if until > 0 {
		s += strconv.FormatInt(until, 10)
	}
	return s
}

func TestAnOutlierThatWasRedactedStaysMarkedWhenItGetsItsPlace(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		first := r.message()
		first.Events[0].New, first.Events[0].Topo, first.Events[0].Flags = false, 0, storage.FlagOutlier
		commit(t, db, first)
		prune := r.message()
		pruned := first.Events[0].JSON
		prune.Prune = []storage.PruneRow{{Event: first.Events[0].NID, JSON: pruned, By: r.last}}
		by := r.last
		commit(t, db, prune)
		place := r.message()
		place.Events[0] = first.Events[0]
		place.Events[0].New, place.Events[0].Topo, place.Events[0].Flags = true, r.topo, 0
		commit(t, db, place)
		read(t, db, func(tx *storage.ReadTx) error {
			got, err := tx.EventByID(r.nid, first.Events[0].Judged.Event().ID())
			if got.Flags != storage.FlagPruned || got.RedactedBy != by || got.Pos == 0 {
				t.Errorf("the event is %+v", got)
			}
			return err
		})
	})
}
