package statetrie

import (
	"sync"
	"testing"
)

func TestTheCacheServesReadsAndStaysWithinItsBound(t *testing.T) {
	m := newMemory(t)
	cache := NewCache(100_000)
	trie := small(m, bucketSize).WithCache(cache, 1)
	root := set(t, trie, 0, m, members(20_000)...)
	read(t, trie, root)
	if s := cache.Stats(); s.Bytes > s.Limit || s.Bytes < s.Limit/2 {
		t.Fatalf("%+v", s)
	}
	held := int64(0)
	for i := range cache.places {
		if e := cache.places[i].Load(); e != nil {
			held += e.cost
		}
	}
	if s := cache.Stats(); held != s.Bytes {
		t.Fatalf("the cache counts %d bytes and holds %d", s.Bytes, held)
	}
	trie.Get(ctx, root, "m.room.member", "@user7:example.org")
	m.reads = 0
	hits := cache.Stats().Hits
	if _, ok, _ := trie.Get(ctx, root, "m.room.member", "@user7:example.org"); !ok || m.reads != 0 {
		t.Fatalf("the second read of a key asked the store for %d nodes", m.reads)
	}
	if cache.Stats().Hits == hits {
		t.Fatal("hits are not counted")
	}
}

func TestRoomsDoNotShareCachedNodes(t *testing.T) {
	m := newMemory(t)
	cache := NewCache(1 << 20)
	one, two := small(m, 4).WithCache(cache, 1), small(newMemory(t), 4).WithCache(cache, 2)
	root := set(t, one, 0, m, members(100)...)
	if _, _, err := two.Get(ctx, root, "m.room.member", "@user1:example.org"); err == nil {
		t.Fatal("room 2 reads a node of room 1")
	}
}

func TestAHotGetAllocatesNothing(t *testing.T) {
	m := newMemory(t)
	trie := small(m, bucketSize).WithCache(NewCache(64<<20), 1)
	root := set(t, trie, 0, m, members(100_000)...)
	if n := testing.AllocsPerRun(100, func() { trie.Get(ctx, root, "m.room.member", "@user4711:example.org") }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestManyReadersAndWritersShareACache(t *testing.T) {
	cache := NewCache(50_000)
	var wg sync.WaitGroup
	for room := range int64(4) {
		wg.Go(func() {
			m, r := newMemory(t), seeded(uint64(room))
			trie := small(m, 4).WithCache(cache, room%2)
			for _, s := range history(t, trie, m, r, 100, 300) {
				if !read(t, trie, s.root).equals(s.want) {
					t.Error("a snapshot is not what it was")
				}
			}
		})
	}
	wg.Wait()
	if s := cache.Stats(); s.Bytes > s.Limit || s.Bytes < 0 {
		t.Fatalf("%+v", s)
	}
}
