package statetrie

import "context"

// Get returns the event that holds a state key in a snapshot; ok is false when the key is not set. It reads one
// node per level (4 at 100,000 entries) and allocates nothing when they are in the cache.
func (t *Trie) Get(ctx context.Context, root Root, kind, key string) (event int64, ok bool, err error) {
	return t.GetPath(ctx, root, t.hash.Path(kind, key))
}

// GetPath is Get for a path that the caller has from Hasher.Path, All or Diff.
func (t *Trie) GetPath(ctx context.Context, root Root, path uint64) (event int64, ok bool, err error) {
	id := NodeID(root)
	for depth := 0; id != 0; depth++ {
		n, err := t.load(ctx, id)
		if err != nil {
			return 0, false, err
		}
		if n.leaf() {
			event = find(n.entries, path)
			return event, event != 0, nil
		}
		if depth == maxDepth {
			return 0, false, errTooDeep(id)
		}
		id = n.child(nibble(path, depth))
	}
	return 0, false, nil
}
