package statetrie

import (
	"sync/atomic"
	"unsafe"
)

// Cache keeps decoded nodes of many rooms within a bound of bytes. Reading takes no lock, so that the hot path of
// Get costs a few nanoseconds a level on any number of processors. It is a table of sets with eight places
// each; within a set the place that was not read for longest, by a used mark, gives way.
type Cache struct {
	places []atomic.Pointer[cached]
	mask   uint64
	limit  int64
	size   atomic.Int64
	hand   atomic.Uint64

	hits, misses atomic.Uint64
}

type cached struct {
	room int64
	id   NodeID
	node *node
	cost int64
	used atomic.Bool
}

const (
	ways         = 8
	meanNodeCost = 200 // bytes; decides how many places the table has, not how much it may hold
)

// CacheStats are a cache's counters since it was made, and what it holds now.
type CacheStats struct {
	Hits, Misses uint64 // node look-ups
	Bytes, Limit int64
}

// NewCache returns a cache for at most limit bytes of decoded nodes, not counting its table, which is about
// a twentieth of that.
func NewCache(limit int64) *Cache {
	sets := uint64(1)
	for int64(sets)*ways*meanNodeCost < limit {
		sets *= 2
	}
	return &Cache{places: make([]atomic.Pointer[cached], sets*ways), mask: sets - 1, limit: limit}
}

// Stats returns the counters; they are read one after the other, not at one moment.
func (c *Cache) Stats() CacheStats {
	return CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Bytes: c.size.Load(), Limit: c.limit}
}

// set returns the places that may hold a node. Names are hashes already; the room spreads rooms with equal states.
func (c *Cache) set(room int64, id NodeID) []atomic.Pointer[cached] {
	h := (uint64(id) ^ uint64(room)*0x9e3779b97f4a7c15) & c.mask
	return c.places[h*ways : h*ways+ways]
}

func (c *Cache) get(room int64, id NodeID) *node {
	set := c.set(room, id)
	for i := range set {
		if e := set[i].Load(); e != nil && e.id == id && e.room == room {
			if !e.used.Load() {
				e.used.Store(true)
			}
			c.hits.Add(1)
			return e.node
		}
	}
	c.misses.Add(1)
	return nil
}

// put files a node. Two puts of one node at the same moment may file it twice, which costs memory until one gives way.
func (c *Cache) put(room int64, id NodeID, n *node) {
	e := &cached{room: room, id: id, node: n, cost: n.cost()}
	if e.cost > c.limit {
		return
	}
	set := c.set(room, id)
	for i := range set {
		if old := set[i].Load(); old != nil && old.id == id && old.room == room {
			return
		}
	}
	place := c.victim(set)
	old := place.Swap(e)
	c.size.Add(e.cost)
	c.forget(old)
	for tries := 0; c.size.Load() > c.limit && tries < len(c.places)*2; tries++ {
		c.step(e)
	}
}

// victim chooses the place of a set that a new node takes.
func (c *Cache) victim(set []atomic.Pointer[cached]) *atomic.Pointer[cached] {
	for i := range set {
		if set[i].Load() == nil {
			return &set[i]
		}
	}
	start := c.hand.Add(1)
	for i := range uint64(2 * ways) {
		place := &set[(start+i)%ways]
		if e := place.Load(); e == nil || !e.used.Swap(false) {
			return place
		}
	}
	return &set[start%ways]
}

// step moves the hand over one place and empties it if its node was not read since the last time; keep stays.
func (c *Cache) step(keep *cached) {
	place := &c.places[c.hand.Add(1)%uint64(len(c.places))]
	e := place.Load()
	if e == nil || e == keep || e.used.Swap(false) {
		return
	}
	if place.CompareAndSwap(e, nil) {
		c.forget(e)
	}
}

func (c *Cache) forget(e *cached) {
	if e != nil {
		c.size.Add(-e.cost)
	}
}

// cost is the memory that a decoded node takes in the cache.
func (n *node) cost() int64 {
	const fixed = int64(unsafe.Sizeof(node{}) + unsafe.Sizeof(cached{}))
	return fixed + int64(cap(n.entries))*int64(unsafe.Sizeof(entry{})) + int64(cap(n.kids))*8
}
