package storage_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

var ctx = context.Background()

func TestAnEventIsThereAfterItsCommit(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		set := r.message()
		pos := commit(t, db, set)
		list := timeline(t, db, r.nid)
		if len(list) != 3 {
			t.Fatalf("the timeline has %d events, want 3", len(list))
		}
		got, want := list[2], set.Events[0]
		if got.NID != want.NID || got.Pos != pos || got.Topo != want.Topo || string(got.Event.Bytes()) != string(want.JSON) {
			t.Errorf("stored %+v, want number %d at %d", got, want.NID, pos)
		}
		read(t, db, func(tx *storage.ReadTx) error {
			row, err := tx.Room(r.id)
			if err == nil && (row.Rev != r.rev || row.LastPos != pos || row.BumpPos != pos || row.Extremities[0] != r.last) {
				t.Errorf("the room's head is %+v", row)
			}
			return err
		})
	})
}

func TestPositionsAreInTheOrderOfCommitsUnderConcurrency(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		rooms := []*room{newRoom(t, db), newRoom(t, db), newRoom(t, db)}
		var reader sync.WaitGroup
		stop := make(chan struct{})
		reader.Go(func() { // whoever reads up to a position has all before it
			seen := map[int64]int64{}
			for {
				var upto int64
				var list []storage.StoredEvent
				read(t, db, func(tx *storage.ReadTx) (err error) {
					if upto, err = tx.Position(); err == nil {
						list, err = tx.NewEvents(0, upto, 1_000_000)
					}
					return err
				})
				now := map[int64]int64{}
				for _, e := range list {
					now[e.Pos] = e.NID
				}
				for pos, nid := range seen {
					if now[pos] != nid {
						t.Errorf("position %d was event %d and is %d", pos, nid, now[pos])
					}
				}
				for pos, nid := range now {
					if _, old := seen[pos]; !old && len(seen) > 0 && pos <= highest(seen) {
						t.Errorf("position %d (event %d) appeared after a later one was read", pos, nid)
					}
				}
				seen = now
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		var writers sync.WaitGroup
		for _, r := range rooms {
			var mu sync.Mutex // the room lock: building and enqueuing
			for range 6 {
				writers.Go(func() {
					last := int64(0)
					for range 10 {
						mu.Lock()
						p := db.Commit(r.message())
						mu.Unlock()
						if err := p.Wait(ctx); err != nil {
							t.Errorf("commit: %v", err)
							return
						}
						if p.Pos() <= last {
							t.Errorf("position %d after %d", p.Pos(), last)
						}
						last = p.Pos()
					}
				})
			}
		}
		writers.Wait()
		close(stop)
		reader.Wait()
		for _, r := range rooms {
			pos := int64(0)
			for _, e := range timeline(t, db, r.nid) {
				if e.Pos <= pos {
					t.Errorf("room %d: position %d follows %d", r.nid, e.Pos, pos)
				}
				pos = e.Pos
			}
		}
	})
}

func highest(m map[int64]int64) (n int64) {
	for k := range m {
		n = max(n, k)
	}
	return n
}

func TestSetsOfOneRoomInOneBatchAreAChain(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		release := hold(db)
		var all []*storage.Pending
		for range 20 {
			all = append(all, db.Commit(r.message()))
		}
		release()
		last := int64(0)
		for i, p := range all {
			if err := p.Wait(ctx); err != nil {
				t.Fatalf("set %d: %v", i, err)
			}
			if p.Pos() != last+1 && last != 0 {
				t.Errorf("set %d has position %d after %d", i, p.Pos(), last)
			}
			last = p.Pos()
		}
		if n := len(timeline(t, db, r.nid)); n != 22 {
			t.Errorf("%d events, want 22", n)
		}
	})
}

func TestATransactionIDIsTakenOnce(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r, other := newRoom(t, db), newRoom(t, db)
		first := r.message()
		first.Txns = []storage.TxnRow{txn("m1", r.last)}
		commit(t, db, first)
		again := other.message()
		again.Txns = []storage.TxnRow{txn("m1", other.last)}
		release := hold(db)
		p, good := db.Commit(again), db.Commit(r.message())
		release()
		if err := p.Wait(ctx); !errors.Is(err, storage.ErrExists) {
			t.Errorf("the second got %v, want ErrExists", err)
		}
		if err := good.Wait(ctx); err != nil {
			t.Errorf("its neighbour got %v", err)
		}
		read(t, db, func(tx *storage.ReadTx) error {
			nid, id, err := tx.TxnEvent(txn("m1", 0).Key)
			if nid != first.Events[0].NID || id != first.Events[0].Judged.Event().ID() {
				t.Errorf("the transaction id names event %d %s, want %d", nid, id, first.Events[0].NID)
			}
			names, err2 := tx.TxnIDs(txn("", 0).Device, []int64{nid})
			if names[nid] != "m1" {
				t.Errorf("the event's transaction id is %q", names[nid])
			}
			return errors.Join(err, err2)
		})
	})
}

func TestTheBellRingsOnceTheWriteCanBeRead(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		bell := notify.NewBell()
		db := p.Open(t, func(o *storage.Options) { o.Bell = bell })
		r := newRoom(t, db)
		var rings []notify.Ring
		var mu sync.Mutex
		stop := bell.Listen(func(ring notify.Ring) {
			mu.Lock()
			defer mu.Unlock()
			rings = append(rings, ring)
			if at, _ := db.Position(ctx); at < ring.Pos {
				t.Errorf("rung for %d at position %d", ring.Pos, at)
			}
		})
		defer stop()
		set := r.message()
		set.RingUsers, set.RingServers = []string{alice}, []string{"far.example"}
		pos := commit(t, db, set)
		mu.Lock()
		defer mu.Unlock()
		if len(rings) != 1 || rings[0].Pos < pos || rings[0].Rooms[0] != r.id || rings[0].Users[0] != alice || rings[0].Servers[0] != "far.example" {
			t.Errorf("rung %+v for position %d", rings, pos)
		}
	})
}

func TestAReaderNeverSeesHalfABatch(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		a, b := newRoom(t, db), newRoom(t, db)
		stop := make(chan struct{})
		var readers sync.WaitGroup
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				read(t, db, func(tx *storage.ReadTx) error {
					ra, err := tx.RoomByNID(a.nid)
					if err != nil {
						return err
					}
					list, err := tx.Timeline(a.nid, storage.Edge{}, nil, false, 1_000_000, 0)
					if err != nil {
						return err
					}
					rb, err := tx.RoomByNID(b.nid)
					if ra.LastTopo != int64(len(list)) || ra.LastTopo != rb.LastTopo {
						t.Errorf("heads at %d and %d, %d events", ra.LastTopo, rb.LastTopo, len(list))
					}
					return err
				})
			}
		})
		for range 40 { // both rooms in one batch, so that their heads move together
			release := hold(db)
			pa, pb := db.Commit(a.message()), db.Commit(b.message())
			release()
			if err := errors.Join(pa.Wait(ctx), pb.Wait(ctx)); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		readers.Wait()
	})
}
