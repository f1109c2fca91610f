package statetrie

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestAChangeThatChangesNothingWritesNothing(t *testing.T) {
	m := newMemory(t)
	trie := small(batching{m}, bucketSize)
	root := set(t, trie, 0, m, members(1000)...)
	m.sent = 0
	if got := set(t, trie, root, m, member(5), member(77), Change{"m.room.topic", "", 0}); got != root || m.sent != 0 {
		t.Fatalf("root %d became %d with %d nodes", root, got, m.sent)
	}
	if got := set(t, trie, root, m); got != root || m.sent != 0 {
		t.Fatal("no change at all changed something")
	}
}

func TestAChangeWritesOneNodePerLevel(t *testing.T) {
	m := newMemory(t)
	trie := small(m, bucketSize)
	root := set(t, trie, 0, m, members(100_000)...)
	m.sent = 0
	set(t, trie, root, m, Change{"m.room.member", "@user5:example.org", 200_000})
	if m.sent < 3 || m.sent > 5 {
		t.Fatalf("%d nodes for one change", m.sent)
	}
}

func TestTheLastOfSeveralChangesToOneKeyCounts(t *testing.T) {
	m := newMemory(t)
	trie := small(m, bucketSize)
	root := set(t, trie, 0, m, Change{"a", "b", 1}, Change{"a", "b", 0}, Change{"a", "b", 3})
	if got, _, _ := trie.Get(ctx, root, "a", "b"); got != 3 {
		t.Fatalf("got %d", got)
	}
	if _, err := trie.Set(ctx, root, []Change{{"a", "b", -1}}, m.emit); !errors.Is(err, ErrEvent) {
		t.Fatalf("a negative event: %v", err)
	}
}

func TestTypeAndStateKeyCannotRunIntoEachOther(t *testing.T) {
	h := NewHasher(testSeed)
	if h.Path("a\x00", "b") == h.Path("a", "\x00b") || h.Path("ab", "c") == h.Path("a", "bc") {
		t.Fatal("two keys have one path")
	}
	if h.Path("a", "b") == NewHasher([32]byte{9}).Path("a", "b") {
		t.Fatal("the seed does not matter")
	}
}

func TestAColdWalkTakesOneRoundTripPerLevel(t *testing.T) {
	m := newMemory(t)
	trie := small(batching{m}, bucketSize)
	a := set(t, trie, 0, m, members(100_000)...)
	changes := members(100)
	for i := range changes {
		changes[i].Event += 500_000
	}
	m.trips = 0
	b := set(t, trie, a, m, changes...)
	m.checkTrips(t, "Set", 5)
	read(t, trie, a)
	m.checkTrips(t, "All", 5)
	n := 0
	if err := trie.Diff(ctx, a, b, func(uint64, int64, int64) error { n++; return nil }); err != nil || n != 100 {
		t.Fatalf("%d differences, %v", n, err)
	}
	m.checkTrips(t, "Diff", 5)
}

func (m *memory) checkTrips(t *testing.T, what string, most int) {
	t.Helper()
	if m.trips > most {
		t.Errorf("%s took %d round trips", what, m.trips)
	}
	m.trips = 0
}

func TestDiffReadsOnlyWhereTheStatesDiffer(t *testing.T) {
	m := newMemory(t)
	trie := small(batching{m}, bucketSize)
	a := set(t, trie, 0, m, members(100_000)...)
	b := set(t, trie, a, m, Change{"m.room.topic", "", 7})
	m.reads = 0
	if err := trie.Diff(ctx, a, b, func(uint64, int64, int64) error { return nil }); err != nil || m.reads > 10 {
		t.Fatalf("%d nodes read for one difference, %v", m.reads, err)
	}
}

func TestErrorsOfTheStoreAndOfTheCallerComeBack(t *testing.T) {
	m := newMemory(t)
	trie := small(batching{m}, 2)
	root := set(t, trie, 0, m, members(50)...)
	stop := errors.New("stop")
	if err := trie.All(ctx, root, func(uint64, int64) error { return stop }); err != stop {
		t.Fatalf("All: %v", err)
	}
	if err := trie.Diff(ctx, root, 0, func(uint64, int64, int64) error { return stop }); err != stop {
		t.Fatalf("Diff: %v", err)
	}
	if _, _, err := trie.Get(ctx, 12345, "a", "b"); err == nil {
		t.Fatal("an unknown root was read")
	}
	kids := Children(m.bodies[NodeID(root)])
	delete(m.bodies, kids[0])
	if err := trie.All(ctx, root, func(uint64, int64) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a missing node: %v", err)
	}
	m.bodies[kids[0]] = m.bodies[kids[1]]
	if err := trie.All(ctx, root, func(uint64, int64) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a node in another one's place: %v", err)
	}
}

func TestASweeperFindsEveryNodeThroughChildren(t *testing.T) {
	m := newMemory(t)
	trie := small(m, 4)
	root := set(t, trie, 0, m, members(2000)...)
	reachable := map[NodeID]bool{}
	for queue := []NodeID{NodeID(root)}; len(queue) > 0; {
		id := queue[0]
		queue = append(queue[1:], Children(m.bodies[id])...)
		reachable[id] = true
	}
	for id := range m.bodies {
		if !reachable[id] {
			delete(m.bodies, id)
		}
	}
	if len(m.bodies) != m.sent {
		t.Fatalf("Build emitted %d nodes, %d are reachable", m.sent, len(m.bodies))
	}
	if got := read(t, trie, root); len(got) != 2000 {
		t.Fatalf("%d entries are left", len(got))
	}
}

// Two keys with one path, which a seed can produce by chance only, share one entry instead of breaking the trie.
func TestEntriesThatShareAllButTheLastBitsFillTheLastLevel(t *testing.T) {
	m := newMemory(t)
	trie := small(m, 1)
	s := setter{t: trie, ctx: context.Background(), emit: m.emit}
	var entries []entry
	for i := range uint64(16) {
		entries = append(entries, entry{0xabcdef0123456780 | i, int64(i + 1)})
	}
	sub, err := s.grow(entries, 0)
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.settle(sub, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if got, ok, err := trie.GetPath(ctx, Root(root), e.path); got != e.event || !ok || err != nil {
			t.Fatalf("%x: %d, %v, %v", e.path, got, ok, err)
		}
	}
	if got := read(t, trie, Root(root)); len(got) != 16 {
		t.Fatalf("%d entries", len(got))
	}
}

func FuzzDecode(f *testing.F) {
	m := newMemory(f)
	trie := small(m, 3)
	set(f, trie, 0, m, members(100)...)
	for _, body := range m.bodies {
		f.Add(body)
	}
	f.Add([]byte{tagLeaf, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 1})
	f.Add([]byte{tagLeaf, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := decode(body)
		if err != nil {
			if Children(body) != nil {
				t.Fatal("children of a broken node")
			}
			return
		}
		again := encodeBranch(n)
		if n.leaf() {
			again = encodeLeaf(n.entries, 2*int(body[1]))
		}
		if !slices.Equal(again, body) {
			t.Fatalf("%x decodes to what encodes as %x", body, again)
		}
	})
}
