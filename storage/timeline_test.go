package storage_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// scattered makes a room whose events have been backfilled at all depths, many at the
// same one, and returns its timeline as it must be read.
func scattered(t *testing.T, db *storage.DB, rnd *rand.Rand) (*room, []storage.Edge) {
	t.Helper()
	r := newRoom(t, db)
	all := []storage.Edge{{Topo: 1, NID: r.last - 1}, {Topo: 2, NID: r.last}}
	for range 12 {
		s := r.message()
		for range rnd.IntN(6) {
			r.add(s, r.sign("m.room.message", nil, fmt.Sprintf(`{"n":%d}`, rnd.Int32())))
		}
		for i := range s.Events {
			e := &s.Events[i]
			switch rnd.IntN(4) {
			case 0: // backfilled
				e.New, e.Topo = false, 1+rnd.Int64N(8)
			case 1: // in no timeline
				e.New, e.Topo, e.Flags = false, 0, storage.FlagOutlier
			}
			if e.Topo > 0 {
				all = append(all, storage.Edge{Topo: e.Topo, NID: e.NID})
			}
		}
		commit(t, db, s)
	}
	slices.SortFunc(all, compare)
	return r, all
}

func compare(a, b storage.Edge) int {
	if a.Topo != b.Topo {
		return int(a.Topo - b.Topo)
	}
	return int(a.NID - b.NID)
}

func page(t *testing.T, db *storage.DB, nid int64, from storage.Edge, to *storage.Edge, backwards bool, limit int) (out []storage.Edge) {
	t.Helper()
	read(t, db, func(tx *storage.ReadTx) error {
		list, err := tx.Timeline(nid, from, to, backwards, limit, 0)
		for _, e := range list {
			out = append(out, storage.Edge{Topo: e.Topo, NID: e.NID})
		}
		return err
	})
	return out
}

// walk reads the timeline page by page, as a client does: each page from the gap at
// which the last one ended.
func walk(t *testing.T, db *storage.DB, nid int64, from storage.Edge, backwards bool, limit func() int) (out []storage.Edge) {
	t.Helper()
	for {
		p := page(t, db, nid, from, nil, backwards, limit())
		if len(p) == 0 {
			return out
		}
		out = append(out, p...)
		from = p[len(p)-1]
		if !backwards { // the gap behind it
			from.NID++
		}
	}
}

func TestPagesOfATimelineNeitherRepeatNorSkip(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 4 {
			r, all := scattered(t, db, rnd)
			newRoom(t, db) // a neighbour that must not show
			limit := func() int { return 1 + rnd.IntN(5) }
			if got := walk(t, db, r.nid, storage.Edge{}, false, limit); !slices.Equal(got, all) {
				t.Fatalf("forwards: %v, want %v", got, all)
			}
			back := slices.Clone(all)
			slices.Reverse(back)
			end := storage.Edge{Topo: math.MaxInt64, NID: math.MaxInt64}
			if got := walk(t, db, r.nid, end, true, limit); !slices.Equal(got, back) {
				t.Fatalf("backwards: %v, want %v", got, back)
			}
			for range 20 { // two gaps anywhere: what is between them, from both sides
				lo, hi := rnd.IntN(len(all)), rnd.IntN(len(all))
				lo, hi = min(lo, hi), max(lo, hi)
				from, to := all[lo], all[hi]
				if got := page(t, db, r.nid, from, &to, false, 1000); !slices.Equal(got, all[lo:hi]) {
					t.Fatalf("from %v to %v: %v, want %v", from, to, got, all[lo:hi])
				}
				want := slices.Clone(all[lo:hi])
				slices.Reverse(want)
				if got := page(t, db, r.nid, to, &from, true, 1000); !slices.Equal(got, want) {
					t.Fatalf("back from %v to %v: %v, want %v", to, from, got, want)
				}
			}
		}
	})
}

func TestATimelineLeavesOutWhatCameAfterAPosition(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		pos := commit(t, db, r.message())
		commit(t, db, r.message())
		read(t, db, func(tx *storage.ReadTx) error {
			list, err := tx.Timeline(r.nid, storage.Edge{}, nil, false, 100, pos)
			if len(list) != 3 || list[2].Pos != pos {
				t.Errorf("%d events up to %d", len(list), pos)
			}
			return err
		})
	})
}
