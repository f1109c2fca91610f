package statetrie

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// snapshot is a state in a history, with what it must hold.
type snapshot struct {
	root Root
	want model
}

// history grows a tree of snapshots: each follows from a random earlier one, so it forks all the time.
func history(tb testing.TB, t *Trie, m *memory, r *rand.Rand, steps, space int) []snapshot {
	snapshots := []snapshot{{0, model{}}}
	for range steps {
		from := snapshots[len(snapshots)-1]
		if r.IntN(4) == 0 {
			from = snapshots[r.IntN(len(snapshots))]
		}
		changes := randomChanges(r, space)
		snapshots = append(snapshots, snapshot{set(tb, t, from.root, m, changes...), from.want.with(t, changes)})
	}
	return snapshots
}

func eachShape(t *testing.T, run func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int)) {
	for i, shape := range []struct{ bucket, space int }{{1, 8}, {1, 300}, {2, 60}, {4, 400}, {bucketSize, 60}, {bucketSize, 2000}} {
		m := newMemory(t)
		var nodes Nodes = m
		if i%2 == 1 {
			nodes = batching{m}
		}
		run(t, small(nodes, shape.bucket), m, seeded(uint64(i)), shape.space)
		m = newMemory(t)
		cached := small(batching{m}, shape.bucket).WithCache(NewCache(20_000), 1)
		run(t, cached, m, seeded(uint64(i)), shape.space)
	}
}

func TestEverySnapshotOfAForkingHistoryStaysWhatItWas(t *testing.T) {
	eachShape(t, func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int) {
		for i, s := range history(t, trie, m, r, 300, space) {
			if !read(t, trie, s.root).equals(s.want) {
				t.Fatalf("bucket %d: snapshot %d differs from the model", trie.bucket, i)
			}
			if n, err := trie.Len(ctx, s.root); err != nil || n != len(s.want) {
				t.Fatalf("Len = %d, %v, want %d", n, err, len(s.want))
			}
		}
	})
}

func TestGetFindsWhatIsThereAndNothingElse(t *testing.T) {
	eachShape(t, func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int) {
		snapshots := history(t, trie, m, r, 60, space)
		for _, s := range snapshots[len(snapshots)/2:] {
			for i := range space {
				c := member(i)
				want := s.want[trie.hash.Path(c.Kind, c.Key)]
				got, ok, err := trie.Get(ctx, s.root, c.Kind, c.Key)
				if err != nil || got != want || ok != (want != 0) {
					t.Fatalf("Get(%s) = %d, %v, %v, want %d", c.Key, got, ok, err, want)
				}
			}
		}
	})
}

func TestEqualStatesHaveEqualRootsWhateverTheirHistory(t *testing.T) {
	eachShape(t, func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int) {
		for _, s := range history(t, trie, m, r, 120, space) {
			if got := rebuilt(t, trie, m, r, s.want, space); got != s.root {
				t.Fatalf("bucket %d: %d entries give %d and %d", trie.bucket, len(s.want), s.root, got)
			}
		}
	})
}

// rebuilt makes a state by another road: in one go, or one by one in random order with detours.
func rebuilt(t *testing.T, trie *Trie, m *memory, r *rand.Rand, want model, space int) Root {
	var changes []Change
	for i := range space {
		c := member(i)
		if c.Event = want[trie.hash.Path(c.Kind, c.Key)]; c.Event != 0 {
			changes = append(changes, c)
		}
	}
	r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	if r.IntN(2) == 0 {
		root, err := trie.Build(changes, m.emit)
		if err != nil {
			t.Fatal(err)
		}
		return root
	}
	var root Root
	detour := Change{"m.room.topic", "", 9}
	for _, c := range changes {
		root = set(t, trie, root, m, c, detour)
	}
	detour.Event = 0
	return set(t, trie, root, m, detour)
}

func TestRemovingEverythingLeavesTheEmptyState(t *testing.T) {
	m := newMemory(t)
	trie := small(m, bucketSize)
	root := set(t, trie, 0, m, members(500)...)
	for _, i := range seeded(1).Perm(500) {
		c := member(i)
		c.Event = 0
		root = set(t, trie, root, m, c)
	}
	if root != 0 {
		t.Fatalf("root %d is left", root)
	}
}

func TestDiffTellsWhatTheModelsTell(t *testing.T) {
	eachShape(t, func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int) {
		snapshots := history(t, trie, m, r, 120, space)
		for range 300 {
			a, b := snapshots[r.IntN(len(snapshots))], snapshots[r.IntN(len(snapshots))]
			checkDiff(t, trie, a, b)
		}
	})
}

func checkDiff(t *testing.T, trie *Trie, a, b snapshot) {
	t.Helper()
	seen := model{}
	err := trie.Diff(ctx, a.root, b.root, func(path uint64, before, after int64) error {
		if before == after || before != a.want[path] || after != b.want[path] || seen[path] != 0 {
			t.Fatalf("Diff says %x: %d to %d; the models say %d to %d", path, before, after, a.want[path], b.want[path])
		}
		seen[path] = 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []model{a.want, b.want} {
		for path := range m {
			if a.want[path] != b.want[path] && seen[path] == 0 {
				t.Fatalf("Diff forgets %x", path)
			}
		}
	}
}

func TestDiffManyTellsWhereStatesAreNotAllEqual(t *testing.T) {
	eachShape(t, func(t *testing.T, trie *Trie, m *memory, r *rand.Rand, space int) {
		snapshots := history(t, trie, m, r, 120, space)
		for range 100 {
			picked := make([]snapshot, r.IntN(6))
			for i := range picked {
				picked[i] = snapshots[r.IntN(len(snapshots))]
			}
			checkDiffMany(t, trie, picked)
		}
	})
}

func checkDiffMany(t *testing.T, trie *Trie, states []snapshot) {
	t.Helper()
	roots, want := make([]Root, len(states)), map[uint64][]int64{}
	for i, s := range states {
		roots[i] = s.root
		for path := range s.want {
			events := make([]int64, len(states))
			for j := range states {
				events[j] = states[j].want[path]
			}
			if slices.Min(events) != slices.Max(events) {
				want[path] = events
			}
		}
	}
	err := trie.DiffMany(ctx, roots, func(path uint64, events []int64) error {
		if !slices.Equal(events, want[path]) {
			t.Fatalf("DiffMany says %x: %v, the models say %v", path, events, want[path])
		}
		delete(want, path)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Fatalf("DiffMany forgets %v (%v)", want, err)
	}
}
