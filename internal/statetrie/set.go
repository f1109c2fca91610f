package statetrie

import (
	"context"
	"fmt"
	"slices"
)

// Set returns the snapshot that follows from root by the changes, and calls emit for each node of it that is
// new compared with root; the caller stores those nodes before or together with the root. When several changes
// name one key the last counts. Changes that change nothing return root itself and emit nothing. After an
// error the emitted nodes are worthless but harmless.
func (t *Trie) Set(ctx context.Context, root Root, changes []Change, emit func(id NodeID, body []byte)) (Root, error) {
	entries, err := t.paths(changes)
	if err != nil || len(entries) == 0 {
		return root, err
	}
	s := setter{t: t, ctx: ctx, emit: emit}
	if len(entries) > 1 && root != 0 {
		if err := s.warm(NodeID(root), entries); err != nil {
			return 0, err
		}
	}
	out, err := s.apply(NodeID(root), 0, entries)
	if err != nil {
		return 0, err
	}
	id, err := s.settle(out, 0)
	return Root(id), err
}

// Build returns the snapshot that holds just these entries and emits all its nodes. A Change with event 0 is
// a key that is not there.
func (t *Trie) Build(entries []Change, emit func(id NodeID, body []byte)) (Root, error) {
	return t.Set(context.Background(), 0, entries, emit)
}

// setter carries one Set through the recursion. held has the nodes that were loaded ahead.
type setter struct {
	t    *Trie
	ctx  context.Context
	emit func(id NodeID, body []byte)
	held map[NodeID]*node
}

// subtree is what became of a subtree: a node that is stored or emitted (id), or the entries of a leaf that is
// not emitted yet, since the branch above may swallow it. Both empty: nothing is left. Only leaves wait: a branch
// has more entries than a bucket, and so has everything above it.
type subtree struct {
	id    NodeID
	leaf  []entry
	total int
}

func (s *setter) load(id NodeID) (*node, error) {
	if n := s.held[id]; n != nil {
		return n, nil
	}
	return s.t.load(s.ctx, id)
}

// warm loads the nodes that the changes will touch level by level, so that many changes to a cold trie cost
// one round trip per level and not one per node.
func (s *setter) warm(root NodeID, changes []entry) error {
	if _, ok := s.t.nodes.(Multi); !ok {
		return nil
	}
	s.held = make(map[NodeID]*node)
	type place struct {
		id      NodeID
		changes []entry
	}
	level := []place{{root, changes}}
	for depth := 0; len(level) > 0 && depth <= maxDepth; depth++ {
		ids := make([]NodeID, len(level))
		for i, p := range level {
			ids[i] = p.id
		}
		if err := s.t.loadAll(s.ctx, ids, s.held); err != nil {
			return err
		}
		var next []place
		for _, p := range level {
			n := s.held[p.id]
			if n.leaf() || depth == maxDepth {
				continue
			}
			for rest := p.changes; len(rest) > 0; {
				i, size := group(rest, depth)
				if id := n.child(i); id != 0 {
					next = append(next, place{id, rest[:size]})
				}
				rest = rest[size:]
			}
		}
		level = next
	}
	return nil
}

// apply works the changes into the subtree id, which stands at a depth. The changes are not empty.
func (s *setter) apply(id NodeID, depth int, changes []entry) (subtree, error) {
	if id == 0 {
		return s.grow(live(changes), depth)
	}
	n, err := s.load(id)
	if err != nil {
		return subtree{}, err
	}
	if n.leaf() {
		merged, changed := merge(n.entries, changes)
		if !changed {
			return subtree{id: id, total: n.total}, nil
		}
		return s.grow(merged, depth)
	}
	if depth == maxDepth {
		return subtree{}, errTooDeep(id)
	}
	return s.applyBranch(id, n, depth, changes)
}

func (s *setter) applyBranch(id NodeID, n *node, depth int, changes []entry) (subtree, error) {
	var kids [fan]subtree
	for i := range kids {
		kids[i].id = n.child(uint(i))
	}
	total, changed := n.total, false
	for rest := changes; len(rest) > 0; {
		i, size := group(rest, depth)
		before := kids[i].id
		was, err := s.size(before)
		if err != nil {
			return subtree{}, err
		}
		if kids[i], err = s.apply(before, depth+1, rest[:size]); err != nil {
			return subtree{}, err
		}
		changed = changed || kids[i].id != before || len(kids[i].leaf) > 0
		total += kids[i].total - was
		rest = rest[size:]
	}
	if !changed {
		return subtree{id: id, total: n.total}, nil
	}
	if total <= s.t.bucket {
		return s.shrink(kids[:], total)
	}
	return s.branch(kids[:], depth, total, id)
}

// size returns the number of entries below a stored node.
func (s *setter) size(id NodeID) (int, error) {
	if id == 0 {
		return 0, nil
	}
	n, err := s.load(id)
	if err != nil {
		return 0, err
	}
	return n.total, nil
}

// grow makes a subtree of entries that stand at a depth: nothing, a leaf, or a branch when they are too many.
// At the last level all paths are equal, so there is one entry and no need to split.
func (s *setter) grow(entries []entry, depth int) (subtree, error) {
	if len(entries) <= s.t.bucket || depth == maxDepth {
		return subtree{leaf: entries, total: len(entries)}, nil
	}
	var kids [fan]subtree
	for rest := entries; len(rest) > 0; {
		i, size := group(rest, depth)
		var err error
		if kids[i], err = s.grow(rest[:size], depth+1); err != nil {
			return subtree{}, err
		}
		rest = rest[size:]
	}
	return s.branch(kids[:], depth, len(entries), 0)
}

// branch emits the leaves that wait among kids and the branch over them.
func (s *setter) branch(kids []subtree, depth, total int, before NodeID) (subtree, error) {
	n := &node{total: total, kids: make([]NodeID, 0, fan)}
	for i, kid := range kids {
		id, err := s.settle(kid, depth+1)
		if err != nil {
			return subtree{}, err
		}
		if id != 0 {
			n.present |= 1 << i
			n.kids = append(n.kids, id)
		}
	}
	id, err := s.put(encodeBranch(n), n, before)
	return subtree{id: id, total: total}, err
}

// shrink gathers what is left below a branch that has become small enough for one leaf.
func (s *setter) shrink(kids []subtree, total int) (subtree, error) {
	entries := make([]entry, 0, total)
	for _, kid := range kids {
		if kid.id == 0 {
			entries = append(entries, kid.leaf...)
			continue
		}
		n, err := s.load(kid.id)
		if err != nil {
			return subtree{}, err
		}
		if !n.leaf() {
			return subtree{}, fmt.Errorf("%w %d: a branch where a leaf must be", ErrCorrupt, kid.id)
		}
		entries = append(entries, n.entries...)
	}
	return subtree{leaf: entries, total: len(entries)}, nil
}

// settle returns the name of a subtree, emitting it when it is a leaf that waits.
func (s *setter) settle(sub subtree, depth int) (NodeID, error) {
	if sub.id != 0 || len(sub.leaf) == 0 {
		return sub.id, nil
	}
	n := &node{entries: slices.Clone(sub.leaf), total: len(sub.leaf)}
	return s.put(encodeLeaf(sub.leaf, depth), n, 0)
}

// put names a new node, hands it out and files it in the cache.
func (s *setter) put(body []byte, n *node, before NodeID) (NodeID, error) {
	id := s.t.hash.name(body)
	if id == before {
		return 0, fmt.Errorf("%w: %d", ErrCollision, id)
	}
	if s.emit != nil {
		s.emit(id, body)
	}
	if s.t.cache != nil {
		s.t.cache.put(s.t.room, id, n)
	}
	return id, nil
}

func errTooDeep(id NodeID) error {
	return fmt.Errorf("%w %d: a branch below the last level", ErrCorrupt, id)
}
