package statetrie

import "slices"

// paths turns changes into entries, ascending by path, the last for a path winning.
func (t *Trie) paths(changes []Change) ([]entry, error) {
	entries := make([]entry, len(changes))
	for i, c := range changes {
		if c.Event < 0 {
			return nil, ErrEvent
		}
		entries[i] = entry{t.hash.Path(c.Kind, c.Key), c.Event}
	}
	slices.SortStableFunc(entries, byPath)
	kept := entries[:0]
	for i, e := range entries {
		if i+1 == len(entries) || entries[i+1].path != e.path {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

func byPath(a, b entry) int {
	switch {
	case a.path < b.path:
		return -1
	case a.path > b.path:
		return 1
	}
	return 0
}

// group returns the child that the first entry belongs to at a depth, and how many entries go there with it.
func group(entries []entry, depth int) (child uint, size int) {
	child = nibble(entries[0].path, depth)
	for size = 1; size < len(entries) && nibble(entries[size].path, depth) == child; size++ {
	}
	return child, size
}

// live returns the changes that set a key.
func live(changes []entry) []entry {
	kept := make([]entry, 0, len(changes))
	for _, c := range changes {
		if c.event != 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

// merge applies changes to the entries of a leaf; both ascend. It says whether anything differs.
func merge(old, changes []entry) (merged []entry, changed bool) {
	merged = make([]entry, 0, len(old)+len(changes))
	for _, c := range changes {
		for len(old) > 0 && old[0].path < c.path {
			merged = append(merged, old[0])
			old = old[1:]
		}
		var was int64
		if len(old) > 0 && old[0].path == c.path {
			was, old = old[0].event, old[1:]
		}
		if c.event != 0 {
			merged = append(merged, c)
		}
		changed = changed || was != c.event
	}
	return append(merged, old...), changed
}
