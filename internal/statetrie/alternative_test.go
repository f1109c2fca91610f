package statetrie

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// deltas is the alternative to the trie that was measured: a snapshot is a row with a link to an earlier one
// and the changes since then. A row at depth d merges the changes of as many steps as the lowest set bit of d says,
// so that a reader passes at most log d rows down to the base, which is cut into chunks of some 256 entries
// by the leading bits of the path. After rebase steps a new base is made, sharing the chunks that did not change.
// It exists for the comparison in docs/performance.md only.
type deltas struct {
	rows   [][]byte // encoded rows; the id of a row is its index
	rebase int
	read   int // rows read
	wrote  int // bytes
}

// row is a decoded row: a snapshot with its delta, a base with the ids of its chunks, or a chunk.
type row struct {
	depth  int
	skip   int     // the snapshot that the delta starts from
	base   int     // the base below
	delta  []entry // event 0: the key is gone
	chunks []int
	width  int // a base: leading bits of the path that number the chunk
}

func (d *deltas) put(r row) int {
	b := binary.AppendUvarint(nil, uint64(r.depth))
	b = binary.AppendUvarint(b, uint64(r.skip))
	b = binary.AppendUvarint(b, uint64(r.base))
	b = binary.AppendUvarint(b, uint64(r.width))
	b = binary.AppendUvarint(b, uint64(len(r.chunks)))
	for _, c := range r.chunks {
		b = binary.AppendUvarint(b, uint64(c))
	}
	b = binary.AppendUvarint(b, uint64(len(r.delta)))
	for _, e := range r.delta {
		b = binary.BigEndian.AppendUint64(b, e.path)
		b = binary.AppendUvarint(b, uint64(e.event))
	}
	d.rows = append(d.rows, b)
	d.wrote += len(b)
	return len(d.rows) - 1
}

func (d *deltas) get(id int) row {
	d.read++
	b := d.rows[id]
	next := func() int {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return int(v)
	}
	r := row{depth: next(), skip: next(), base: next(), width: next()}
	r.chunks = make([]int, next())
	for i := range r.chunks {
		r.chunks[i] = next()
	}
	r.delta = make([]entry, next())
	for i := range r.delta {
		path := binary.BigEndian.Uint64(b)
		b = b[8:]
		r.delta[i] = entry{path, int64(next())}
	}
	return r
}

// build stores a base; old chunks that are equal are shared.
func (d *deltas) build(entries []entry, old row) int {
	width := 0
	for len(entries)>>width > 256 {
		width++
	}
	r := row{width: width, chunks: make([]int, 1<<width)}
	for i := range r.chunks {
		n := 0
		for n < len(entries) && int(entries[n].path>>1>>(63-width)) == i {
			n++
		}
		if r.chunks[i] = -1; len(old.chunks) == len(r.chunks) && slices.Equal(d.get(old.chunks[i]).delta, entries[:n]) {
			r.chunks[i] = old.chunks[i]
		} else {
			r.chunks[i] = d.put(row{delta: entries[:n]})
		}
		entries = entries[n:]
	}
	return d.based(d.put(r))
}

// based makes the snapshot that is the base itself.
func (d *deltas) based(base int) int { return d.put(row{base: base, skip: len(d.rows)}) }

// set returns the snapshot after one change.
func (d *deltas) set(from int, change entry) int {
	at := d.get(from)
	base, depth := at.base, at.depth+1
	if depth > d.rebase {
		merged, _ := merge(d.all(from), []entry{change})
		return d.build(live(merged), d.get(base))
	}
	delta, span := []entry{change}, depth&-depth
	id := from
	for at.depth > depth-span {
		delta = over(delta, at.delta)
		id, at = at.skip, d.get(at.skip)
	}
	return d.put(row{depth: depth, skip: id, base: base, delta: delta})
}

// over lays newer changes over older ones.
func over(newer, older []entry) []entry {
	out := make([]entry, 0, len(newer)+len(older))
	for _, e := range newer {
		for len(older) > 0 && older[0].path < e.path {
			out, older = append(out, older[0]), older[1:]
		}
		if len(older) > 0 && older[0].path == e.path {
			older = older[1:]
		}
		out = append(out, e)
	}
	return append(out, older...)
}

func (d *deltas) find(id int, path uint64) int64 {
	at := d.get(id)
	for at.depth > 0 {
		if i, ok := slices.BinarySearchFunc(at.delta, path, func(e entry, p uint64) int { return byPath(e, entry{path: p}) }); ok {
			return at.delta[i].event
		}
		at = d.get(at.skip)
	}
	base := d.get(at.base)
	return find(d.get(base.chunks[path>>1>>(63-base.width)]).delta, path)
}

// since returns the changes from a base to a snapshot, and the base.
func (d *deltas) since(id int) ([]entry, int) {
	var changes []entry
	at := d.get(id)
	for at.depth > 0 {
		changes = over(changes, at.delta)
		at = d.get(at.skip)
	}
	return changes, at.base
}

func (d *deltas) all(id int) []entry {
	changes, base := d.since(id)
	var entries []entry
	for _, c := range d.get(base).chunks {
		entries = append(entries, d.get(c).delta...)
	}
	return live(over(changes, entries))
}

// diff returns how many keys differ. Over one base the rows that both snapshots pass are left out; over two,
// the chunks that they do not share are compared.
func (d *deltas) diff(a, b int) int {
	ra, rb := d.get(a), d.get(b)
	var ca, cb []entry
	base := ra.base == rb.base
	for a != b && (ra.depth > 0 || rb.depth > 0) {
		if ra.depth >= rb.depth {
			ca = over(ca, ra.delta)
			a, ra = ra.skip, d.get(ra.skip)
		} else {
			cb = over(cb, rb.delta)
			b, rb = rb.skip, d.get(rb.skip)
		}
	}
	if !base {
		ca, cb = d.unshared(ca, cb, ra.base, rb.base)
		return unequal(ca, cb)
	}
	return d.unequalOver(ca, cb, ra)
}

// unequalOver compares two sets of changes to one snapshot: a key that only one has may have what it had before.
func (d *deltas) unequalOver(a, b []entry, below row) int {
	n := 0
	before := func(path uint64) int64 {
		at := below
		for at.depth > 0 {
			for _, e := range at.delta {
				if e.path == path {
					return e.event
				}
			}
			at = d.get(at.skip)
		}
		base := d.get(at.base)
		return find(d.get(base.chunks[path>>1>>(63-base.width)]).delta, path)
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].path < b[0].path:
			if before(a[0].path) != a[0].event {
				n++
			}
			a = a[1:]
		case len(a) == 0 || b[0].path < a[0].path:
			if before(b[0].path) != b[0].event {
				n++
			}
			b = b[1:]
		default:
			if a[0].event != b[0].event {
				n++
			}
			a, b = a[1:], b[1:]
		}
	}
	return n
}

// unshared lays changes over those chunks that two bases do not share or that are changed.
func (d *deltas) unshared(ca, cb []entry, a, b int) ([]entry, []entry) {
	ra, rb := d.get(a), d.get(b)
	if ra.width != rb.width {
		return d.whole(ca, ra), d.whole(cb, rb)
	}
	touched := make([]bool, len(ra.chunks))
	for _, e := range slices.Concat(ca, cb) {
		touched[e.path>>1>>(63-ra.width)] = true
	}
	var ea, eb []entry
	for i := range ra.chunks {
		if touched[i] || ra.chunks[i] != rb.chunks[i] {
			ea = append(ea, d.get(ra.chunks[i]).delta...)
			eb = append(eb, d.get(rb.chunks[i]).delta...)
		}
	}
	return live(over(ca, ea)), live(over(cb, eb))
}

func (d *deltas) whole(changes []entry, base row) []entry {
	var entries []entry
	for _, c := range base.chunks {
		entries = append(entries, d.get(c).delta...)
	}
	return live(over(changes, entries))
}

func unequal(a, b []entry) (n int) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].path < b[0].path:
			a, n = a[1:], n+1
		case a[0].path > b[0].path:
			b, n = b[1:], n+1
		default:
			if a[0].event != b[0].event {
				n++
			}
			a, b = a[1:], b[1:]
		}
	}
	return n + len(a) + len(b)
}

// steps is the number of steps after which a state of n entries gets a new base.
func rebaseAfter(n int) int { return min(max(1<<bits.Len(uint(n/16)), 64), 8192) }
