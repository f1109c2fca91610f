// Package statetrie keeps the states of a room as snapshots of one persistent hash trie, so that two
// snapshots share everything in which they agree. It is for the three questions that a homeserver asks
// about state all day: one key of the state at some event (Get), the state after a change (Set), and in
// what two or more states differ (Diff, DiffMany). A change writes one bucket and the few branches above
// it, whatever the size of the state; a comparison walks only where the states differ.
//
// The trie is 16-way over a 64-bit keyed hash of (event type, state key). A subtree with at most
// bucketSize entries is one leaf, a larger one is a branch; that rule alone decides the shape, so the
// shape depends on the content and never on the history. Nodes are named by a keyed hash of their
// encoding. It follows that equal states of a room have equal roots, and that states are equal when
// their roots are.
//
// The package owns the encoding of nodes, their names, and a cache of decoded nodes. It does not store
// anything: the caller gives it Nodes to read from and receives new nodes through emit, and it knows
// nothing of rooms beyond the number under which the cache files a node, nor of events beyond theirs.
//
// # Collisions
//
// Both hashes are SHA-256 under a secret seed of the database, cut to 64 bits (paths) and 63 bits (node
// names). Without the seed nobody can search for a collision outside the server, and inside it each try
// costs an accepted state event, so chance alone counts.
//
// Paths: among n keys of one room two meet with probability n²/2^65: 3·10^-10 for a room of 100,000
// state entries. The entry carries the path and the event's number only; twice the path would make every
// leaf 1.6 times as large, which buys nothing at these odds. Should it happen, the later key takes the
// earlier one's place. Get then answers the event of the other key; a caller that has loaded the event
// compares type and state key and treats a mismatch as "not there", which is what the state holds.
//
// Node names: among m nodes ever stored for one room two meet with probability m²/2^64: 5·10^-8 after a
// million nodes, about 200,000 state changes. A store that inserts a node whose name exists compares the
// bodies and fails the write when they differ; the event is then refused, nothing stored is harmed.
//
// # Sweeping
//
// Set emits a node whenever it is new compared with the root it started from; the store may hold it
// already, because another snapshot has it or because a dead one had it. A sweeper that deletes
// unreachable nodes must therefore exclude writers of that room from marking until its delete is
// committed, or it removes a node that a writer has just taken over.
package statetrie

import (
	"context"
	"errors"
	"fmt"
)

// Root names a snapshot of a room's state; it is the name of its topmost node. 0 is the empty state.
type Root int64

// NodeID names a node inside its room. Names are positive; 0 stands for "no node".
type NodeID = int64

// Nodes supplies the encoded body of a node, including nodes that were emitted and are not committed yet.
// An unknown id is an error. The body is not changed and not kept by the trie.
type Nodes interface {
	Node(ctx context.Context, id NodeID) ([]byte, error)
}

// Multi may be implemented by Nodes. All, Diff, DiffMany and Set of several changes then ask once per level,
// so that a cold walk costs as many round trips as the trie is deep (4 at 100,000 entries). The ids are
// distinct; their number is bounded by the nodes of one level, and splitting it is up to the implementation.
type Multi interface {
	NodesBatch(ctx context.Context, ids []NodeID) (map[NodeID][]byte, error)
}

// Change gives a state key its event; Event 0 removes the key. Event numbers are positive.
type Change struct {
	Kind, Key string
	Event     int64
}

// ErrCorrupt says that a node is missing from the store's answer, is not what its name promises, or cannot be
// decoded.
var ErrCorrupt = errors.New("statetrie: corrupt node")

// ErrCollision says that two different nodes have the same name; see "Collisions" above.
var ErrCollision = errors.New("statetrie: two nodes have one name")

// ErrEvent says that a change carries a negative event number.
var ErrEvent = errors.New("statetrie: event numbers are positive")

// bucketSize is the number of entries up to which a subtree is one leaf. It is part of the stored format: with
// another number equal states would have unequal roots. Over rooms of 20 to 100,000 entries a change writes on
// average 2.6 nodes with 64 (0.44 KB) against 2.9 with 32 (0.36 KB) and 3.2 with 16 (0.33 KB); a row costs a store
// more than a hundred bytes in it, a room of up to 64 entries writes a single one, and a state of 10,000
// is 273 nodes instead of 3,497.
const bucketSize = 64

// Trie reads and derives snapshots of one room. It holds no state of its own and may be used concurrently
// when its Nodes may.
type Trie struct {
	hash   *Hasher
	nodes  Nodes
	cache  *Cache
	room   int64
	bucket int
}

// New returns a trie that names nodes with h and reads them from nodes, without a cache.
func New(h *Hasher, nodes Nodes) *Trie {
	return &Trie{hash: h, nodes: nodes, bucket: bucketSize}
}

// WithCache returns a trie like t that keeps decoded nodes in c, filed under the room's number. Set puts the
// nodes that it emits there too: they are named by their content, so they stay true if their commit fails.
func (t *Trie) WithCache(c *Cache, room int64) *Trie {
	with := *t
	with.cache, with.room = c, room
	return &with
}

// load returns one decoded node from the cache or the store.
func (t *Trie) load(ctx context.Context, id NodeID) (*node, error) {
	if t.cache != nil {
		if n := t.cache.get(t.room, id); n != nil {
			return n, nil
		}
	}
	return t.loadCold(ctx, id)
}

func (t *Trie) loadCold(ctx context.Context, id NodeID) (*node, error) {
	body, err := t.nodes.Node(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("state node %d: %w", id, err)
	}
	return t.open(id, body)
}

// open checks a stored body against its name, decodes it and files it in the cache.
func (t *Trie) open(id NodeID, body []byte) (*node, error) {
	if t.hash.name(body) != id {
		return nil, fmt.Errorf("%w %d: its content has another name", ErrCorrupt, id)
	}
	n, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("%w %d: %v", ErrCorrupt, id, err)
	}
	if t.cache != nil {
		t.cache.put(t.room, id, n)
	}
	return n, nil
}

// loadAll adds the nodes named in ids to into, in one round trip where the store can do that.
func (t *Trie) loadAll(ctx context.Context, ids []NodeID, into map[NodeID]*node) error {
	var missing []NodeID
	for _, id := range ids {
		if _, seen := into[id]; seen {
			continue
		}
		into[id] = nil
		if t.cache != nil {
			if n := t.cache.get(t.room, id); n != nil {
				into[id] = n
				continue
			}
		}
		missing = append(missing, id)
	}
	multi, ok := t.nodes.(Multi)
	if !ok || len(missing) < 2 {
		return t.loadEach(ctx, missing, into)
	}
	bodies, err := multi.NodesBatch(ctx, missing)
	if err != nil {
		return fmt.Errorf("state nodes: %w", err)
	}
	for _, id := range missing {
		body, ok := bodies[id]
		if !ok {
			return fmt.Errorf("%w %d: the store does not have it", ErrCorrupt, id)
		}
		if into[id], err = t.open(id, body); err != nil {
			return err
		}
	}
	return nil
}

func (t *Trie) loadEach(ctx context.Context, ids []NodeID, into map[NodeID]*node) (err error) {
	for _, id := range ids {
		if into[id], err = t.loadCold(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
