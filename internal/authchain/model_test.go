package authchain

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// eachRoom runs a check on random DAGs and lifelike rooms, placed one by one, in small batches and at once.
func eachRoom(t *testing.T, check func(t *testing.T, r *room, rnd *rand.Rand, n int)) {
	for seed := range uint64(30) {
		rnd := seeded(seed)
		n := 5 + rnd.IntN(200)
		r := random(t, rnd, n, 1+rnd.IntN(6))
		if seed%2 == 0 {
			r = lively(t, rnd, n)
		}
		n = len(r.auth)
		r.place([]int{1, 7, 0}[seed%3])
		check(t, r, rnd, n)
	}
}

func TestReachIsTheEventsAndTheirAuthChains(t *testing.T) {
	eachRoom(t, func(t *testing.T, r *room, rnd *rand.Rand, n int) {
		for range 30 {
			from := pick(rnd, n, 4)
			cover, err := Reach(ctx, r.idx, from)
			if err != nil || !maps.Equal(r.covered(cover), r.walk(from...)) {
				t.Fatalf("Reach(%v) = %v, %v, want %v", from, r.covered(cover), err, r.walk(from...))
			}
			want := events{}
			for _, e := range from {
				maps.Copy(want, r.walk(r.auth[e]...))
			}
			cover, err = Ancestors(ctx, r.idx, from)
			if err != nil || !maps.Equal(r.covered(cover), want) {
				t.Fatalf("Ancestors(%v) = %v, %v, want %v", from, r.covered(cover), err, want)
			}
		}
	})
}

func TestReachesIsTrueForAncestorsOnly(t *testing.T) {
	eachRoom(t, func(t *testing.T, r *room, rnd *rand.Rand, n int) {
		for range 200 {
			from, to := int64(1+rnd.IntN(n)), int64(1+rnd.IntN(n))
			if got, err := Reaches(ctx, r.idx, from, to); err != nil || got != r.walk(from)[to] {
				t.Fatalf("Reaches(%d, %d) = %v, %v", from, to, got, err)
			}
		}
	})
}

func TestDifferenceIsWhatSomeChainsHaveAndOthersDoNot(t *testing.T) {
	eachRoom(t, func(t *testing.T, r *room, rnd *rand.Rand, n int) {
		for range 40 {
			sets := make([][]int64, rnd.IntN(5))
			for i := range sets {
				if rnd.IntN(8) > 0 {
					sets[i] = pick(rnd, n, 5)
				}
			}
			got, err := Difference(ctx, r.idx, sets)
			if want := r.walkDifference(nil, sets); err != nil || !slices.Equal(got, want) {
				t.Fatalf("Difference(%v) = %v, %v, want %v", sets, got, err, want)
			}
			common := pick(rnd, n, 3)
			for _, idx := range []Index{r.idx, forward{r.idx}} {
				got, err = DifferenceOver(ctx, idx, list{common, new(int)}, sets)
				if want := r.walkDifference(common, sets); err != nil || !slices.Equal(got, want) {
					t.Fatalf("DifferenceOver(%v, %v) = %v, %v, want %v", common, sets, got, err, want)
				}
			}
		}
	})
}

func TestSubgraphIsEverythingBetweenConflictedEvents(t *testing.T) {
	eachRoom(t, func(t *testing.T, r *room, rnd *rand.Rand, n int) {
		for range 40 {
			conflicted := pick(rnd, n, 6)
			got, err := Subgraph(ctx, r.idx, conflicted)
			if want := r.walkSubgraph(conflicted); err != nil || !slices.Equal(got, want) {
				t.Fatalf("Subgraph(%v) = %v, %v, want %v", conflicted, got, err, want)
			}
		}
	})
}

// An index whose store has some of the events and whose overlay has the others answers like one of either kind.
func TestAnOverlayAndItsBaseAnswerTogether(t *testing.T) {
	for seed := range uint64(10) {
		rnd := seeded(seed)
		r := lively(t, rnd, 150)
		n := len(r.auth)
		all := r.events
		r.events = all[:n/2]
		r.place(0)
		base := r.idx
		r.idx = NewOverlay(base)
		r.events = all[n/2:]
		r.place(3)
		for range 50 {
			conflicted := pick(rnd, n, 6)
			got, err := Subgraph(ctx, r.idx, conflicted)
			if want := r.walkSubgraph(conflicted); err != nil || !slices.Equal(got, want) {
				t.Fatalf("Subgraph(%v) = %v, %v, want %v", conflicted, got, err, want)
			}
			sets := [][]int64{pick(rnd, n, 4), pick(rnd, n, 4)}
			diff, err := Difference(ctx, r.idx, sets)
			if want := r.walkDifference(nil, sets); err != nil || !slices.Equal(diff, want) {
				t.Fatalf("Difference(%v) = %v, %v, want %v", sets, diff, err, want)
			}
			common := pick(rnd, n, 4)
			diff, err = DifferenceOver(ctx, r.idx, list{common, new(int)}, sets)
			if want := r.walkDifference(common, sets); err != nil || !slices.Equal(diff, want) {
				t.Fatalf("DifferenceOver(%v, %v) = %v, %v, want %v", common, sets, diff, err, want)
			}
		}
	}
}
