package statetrie

import "context"

// Diff calls fn for every key in which two snapshots differ, with the event that each has, 0 when it has
// none, and stops at fn's first error. It reads only nodes that the snapshots do not share. The order is
// fixed by the content of the snapshots but is not that of the paths.
func (t *Trie) Diff(ctx context.Context, a, b Root, fn func(path uint64, before, after int64) error) error {
	return t.DiffMany(ctx, []Root{a, b}, func(path uint64, events []int64) error {
		return fn(path, events[0], events[1])
	})
}

// DiffMany calls fn for every key in which the snapshots are not all equal; events[i] is what roots[i] has, 0
// when it has nothing. events is only valid during the call. Order, cost and errors are those of Diff.
func (t *Trie) DiffMany(ctx context.Context, roots []Root, fn func(path uint64, events []int64) error) error {
	d := differ{t: t, ctx: ctx, k: len(roots), fn: fn, events: make([]int64, len(roots))}
	for _, root := range roots {
		d.level = append(d.level, part{id: NodeID(root)})
	}
	if d.k == 0 || d.same(d.level) {
		return nil
	}
	for depth := 0; len(d.level) > 0; depth++ {
		if err := d.round(depth); err != nil {
			return err
		}
	}
	return nil
}

// part is one snapshot's share of a place in the trie: a node, or the entries of a leaf that stands higher up,
// or nothing.
type part struct {
	id      NodeID
	entries []entry
}

// differ compares k snapshots level by level. level holds k parts for each place in which they differ.
type differ struct {
	t      *Trie
	ctx    context.Context
	k      int
	fn     func(path uint64, events []int64) error
	level  []part
	next   []part
	events []int64
}

// same says whether the parts are equal as far as their names tell. Parts that were cut out of leaves are
// compared entry by entry later.
func (d *differ) same(parts []part) bool {
	for _, p := range parts {
		if p.id != parts[0].id || len(p.entries) > 0 {
			return false
		}
	}
	return true
}

func (d *differ) round(depth int) error {
	ids := make([]NodeID, 0, len(d.level))
	for _, p := range d.level {
		if p.id != 0 {
			ids = append(ids, p.id)
		}
	}
	loaded := make(map[NodeID]*node, len(ids))
	if err := d.t.loadAll(d.ctx, ids, loaded); err != nil {
		return err
	}
	d.next = nil
	for i := 0; i < len(d.level); i += d.k {
		if err := d.place(d.level[i:i+d.k], loaded, depth); err != nil {
			return err
		}
	}
	d.level = d.next
	return nil
}

// place opens the parts of one place and either compares their entries or goes down into the 16 children.
func (d *differ) place(parts []part, loaded map[NodeID]*node, depth int) error {
	branches := make([]*node, d.k)
	deeper := NodeID(0)
	for i, p := range parts {
		if p.id == 0 {
			continue
		}
		if n := loaded[p.id]; n.leaf() {
			parts[i] = part{entries: n.entries}
		} else {
			branches[i], deeper = n, p.id
		}
	}
	if deeper == 0 {
		return d.compare(parts)
	}
	if depth == maxDepth {
		return errTooDeep(deeper)
	}
	for child := range uint(fan) {
		at := len(d.next)
		for i := range parts {
			d.next = append(d.next, d.below(&parts[i], branches[i], child, depth))
		}
		if d.same(d.next[at:]) {
			d.next = d.next[:at]
		}
	}
	return nil
}

// below returns the share of a part that belongs to one child. Children are asked for in ascending order, so
// the entries of a leaf are used up from the front.
func (d *differ) below(p *part, branch *node, child uint, depth int) part {
	if branch != nil {
		return part{id: branch.child(child)}
	}
	n := 0
	for n < len(p.entries) && nibble(p.entries[n].path, depth) == child {
		n++
	}
	cut := p.entries[:n]
	p.entries = p.entries[n:]
	return part{entries: cut}
}

// compare merges the parts' entries and reports the paths at which they are not all equal.
func (d *differ) compare(parts []part) error {
	for {
		path, found := uint64(0), false
		for _, p := range parts {
			if len(p.entries) > 0 && (!found || p.entries[0].path < path) {
				path, found = p.entries[0].path, true
			}
		}
		if !found {
			return nil
		}
		equal := true
		for i := range parts {
			d.events[i] = 0
			if e := parts[i].entries; len(e) > 0 && e[0].path == path {
				d.events[i] = e[0].event
				parts[i].entries = e[1:]
			}
			equal = equal && d.events[i] == d.events[0]
		}
		if equal {
			continue
		}
		if err := d.fn(path, d.events); err != nil {
			return err
		}
	}
}
