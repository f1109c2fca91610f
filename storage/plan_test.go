package storage_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// TestNoReadOfARoomGoesThroughAWholeTable: a read costs what it looks at, and not what
// else is there.
func TestNoReadOfARoomGoesThroughAWholeTable(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	r := newRoom(t, db)
	to := storage.Edge{Topo: 9, NID: 9}
	texts, err := storage.Texts(db, func(tx *storage.ReadTx) error {
		var errs []error
		note := func(_ any, err error) {
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				errs = append(errs, err)
			}
		}
		note(tx.Room(r.id))
		note(tx.RoomByNID(r.nid))
		note(tx.EventByID(r.nid, "$x"))
		note(tx.EventsByID(r.nid, []string{"$x", "$y"}))
		note(tx.EventsByNID(r.nid, []int64{1, 2}))
		note(tx.EventNIDs(r.nid, []string{"$x"}))
		note(tx.Timeline(r.nid, storage.Edge{}, nil, false, 10, 0))
		note(tx.Timeline(r.nid, to, &storage.Edge{}, true, 10, 5))
		note(tx.NewEvents(1, 2, 10))
		note(tx.RedactionsOf(r.nid, "$x"))
		_, _, err := tx.TxnEvent([16]byte{})
		note(nil, err)
		note(tx.TxnIDs([8]byte{}, []int64{1}))
		note(tx.StateNodes(r.nid, []int64{1}))
		note(tx.StateNodes(r.nid, []int64{1, 2}))
		note(tx.StateRootAt(r.nid, 3))
		note(tx.CurrentStateOfType(r.nid, "m.space.child"))
		note(tx.Membership(r.nid, alice))
		note(tx.Members(r.nid, "join", ""))
		note(tx.SomeMembers(r.nid, "join", alice, 5))
		note(tx.RoomsOf(alice, []string{"join"}, false))
		_, _, err = tx.LastStay(r.nid, alice)
		note(nil, err)
		note(tx.InviteState(alice, r.nid))
		note(tx.RoomServers(r.nid))
		note(tx.SyncRooms(alice, 0, 100))
		note(tx.MemberMoves(alice, 0, 100))
		note(tx.ShareRoom(alice, bob))
		note(tx.SyncRoomsAmong(alice, []int64{r.nid}, 0, 100))
		note(tx.MemberMovesIn([]int64{r.nid}, alice, 0, 100))
		note(tx.JoinedRooms(alice))
		note(tx.Thread(r.nid, "$x"))
		note(tx.ThreadByNID(1))
		note(tx.ThreadsSince(r.nid, 1, 10))
		note(tx.ThreadCountsAt(1, 2))
		_, _, err = tx.CountsAt(r.nid, to)
		note(nil, err)
		note(tx.Markers(alice, []int64{r.nid}))
		note(tx.UnreadNotes(alice, []int64{r.nid}))
		note(tx.WithdrawnSince(r.nid, 1))
		note(tx.UnusualMembers(r.nid))
		note(tx.UnusualUsers([]string{alice}))
		note(tx.NamedMembers(r.nid, "example.org"))
		note(tx.JoinedAmong(r.nid, []string{alice, bob}))
		note(tx.AllRoomAccountDataSince(alice, 0, 100))
		note(tx.PositionBefore(1))
		note(tx.WhoShares(alice, []string{bob}))
		note(tx.Neighbours(alice))
		note(tx.RoomsOfAny([]string{alice, bob}))
		note(tx.AliasesOf(r.nid))
		note(tx.PublishedRooms())
		note(tx.HeardSince(1, 2, 10))
		note(tx.NotesSince(1, 2))
		note(tx.ReadingsSince(1, 2))
		note(tx.JoinedUsers(r.nid))
		note(tx.JoinedAmong(r.nid, []string{alice}))
		note(tx.Pushers(alice))
		note(tx.Pusher(1))
		note(tx.EnabledPushersOf([]string{alice}))
		note(tx.NextPushes(1, 10))
		note(tx.Cursor("push"))
		note(tx.NotifiedIn(r.nid, 1, 9, false, 10))
		note(tx.NotifiedIn(r.nid, 1, 9, true, 10))
		note(tx.NotedFor(alice, 9, 10))
		note(tx.NotifiedAt(r.nid, []int64{1}))
		note(tx.StaySince(r.nid, alice))
		note(tx.ChainPositions([]int64{1}))
		note(tx.ChainTips([]int64{1}))
		note(tx.ChainLinks([]authchain.Pos{{Chain: 1, Seq: 1}}))
		note(tx.ChainLinksWithin([]authchain.Range{{Chain: 1, From: 1, To: 2}}))
		note(tx.ChainEventsAt([]authchain.Range{{Chain: 1, From: 1, To: 2}}))
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
				// Lists (json_each) , the directory (p) and the recursion of ChainLinks (t) are gone through whole.
				small := strings.Contains(step, "json_each") || step == "SCAN t" || step == "SCAN p" || step == "SCAN CONSTANT ROW"
				if strings.HasPrefix(step, "SCAN") && !small || strings.Contains(step, "AUTOMATIC") {
					t.Errorf("%s in\n%s\n%s", step, text, strings.Join(plan, "\n"))
				}
			}
		}
		return nil
	})
}

// TestAPageOfATimelineIsReadInItsOrder: without sorting, or a short page would cost the
// whole room.
func TestAPageOfATimelineIsReadInItsOrder(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	r := newRoom(t, db)
	for _, backwards := range []bool{false, true} {
		texts, err := storage.Texts(db, func(tx *storage.ReadTx) error {
			_, err := tx.Timeline(r.nid, storage.Edge{Topo: 5, NID: 5}, nil, backwards, 10, 7)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		read(t, db, func(tx *storage.ReadTx) error {
			plan, err := storage.Plan(tx, texts[0])
			if all := strings.Join(plan, "\n"); strings.Contains(all, "TEMP B-TREE") || !strings.Contains(all, "events_timeline") {
				t.Errorf("the plan is:\n%s", all)
			}
			return err
		})
	}
}
