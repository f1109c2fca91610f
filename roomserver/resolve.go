package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/stateres"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// resolve is the one state of several. Equal states have equal roots, so that
// most forks cost nothing.
func (b *batch) resolve(ctx context.Context, roots []statetrie.Root) (statetrie.Root, error) {
	roots = distinct(roots)
	if len(roots) == 0 {
		return 0, nil
	}
	if len(roots) == 1 {
		return roots[0], nil
	}
	conflicted, err := b.conflicts(ctx, roots)
	if err != nil {
		return 0, err
	}
	resolved, err := stateres.Resolve(b.rm.rules, conflicted.sets, &resolver{ctx: ctx, b: b, base: roots[0], conflicted: conflicted})
	if err != nil {
		return 0, err
	}
	return b.applyResolved(ctx, roots[0], conflicted, resolved)
}

func distinct(roots []statetrie.Root) []statetrie.Root {
	var out []statetrie.Root
	for _, r := range roots {
		dup := false
		for _, o := range out {
			dup = dup || o == r
		}
		if !dup {
			out = append(out, r)
		}
	}
	return out
}

// conflictSet is where several states differ: for each state, key → event id, for
// the keys in which they are not all equal.
type conflictSet struct {
	sets []map[stateres.Key]string
	keys map[stateres.Key]bool
}

func (b *batch) conflicts(ctx context.Context, roots []statetrie.Root) (*conflictSet, error) {
	c := &conflictSet{keys: map[stateres.Key]bool{}}
	for range roots {
		c.sets = append(c.sets, map[stateres.Key]string{})
	}
	var rows [][]int64
	var all []int64
	err := b.v.trie().DiffMany(ctx, roots, func(_ uint64, events []int64) error {
		rows = append(rows, append([]int64(nil), events...))
		for _, nid := range events {
			if nid != 0 {
				all = append(all, nid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	evs, err := b.v.eventsByNID(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		for i, nid := range row {
			if nid == 0 {
				continue
			}
			k := keyOf(evs[nid])
			c.sets[i][k] = evs[nid].ID()
			c.keys[k] = true
		}
	}
	return c, nil
}

func keyOf(e *event.Event) stateres.Key {
	key, _ := e.Key()
	return stateres.Key{Kind: e.Kind(), Key: key}
}

// applyResolved puts what resolution decided over the first state.
func (b *batch) applyResolved(ctx context.Context, base statetrie.Root, c *conflictSet, resolved map[stateres.Key]string) (statetrie.Root, error) {
	var ids []string
	for _, id := range resolved {
		ids = append(ids, id)
	}
	evs, err := b.storedByID(ctx, ids)
	if err != nil {
		return 0, err
	}
	var changes []statetrie.Change
	for k, id := range resolved {
		changes = append(changes, statetrie.Change{Kind: k.Kind, Key: k.Key, Event: evs[id].NID})
	}
	for k := range c.keys {
		if _, ok := resolved[k]; !ok {
			changes = append(changes, statetrie.Change{Kind: k.Kind, Key: k.Key})
		}
	}
	return b.v.trie().Set(ctx, base, changes, b.v.keep)
}

// storedByID returns events of this room, in flight or stored; missing ones are
// left out.
func (b *batch) storedByID(ctx context.Context, ids []string) (map[string]storage.StoredEvent, error) {
	out := make(map[string]storage.StoredEvent, len(ids))
	var miss []string
	for _, id := range ids {
		if st, ok := b.pendingRow(id); ok {
			out[id] = st
		} else {
			miss = append(miss, id)
		}
	}
	if len(miss) == 0 {
		return out, nil
	}
	err := b.v.read(ctx, func(tx *storage.ReadTx) error {
		m, err := tx.EventsByID(b.rm.nid, miss)
		for id, st := range m {
			out[id] = st
		}
		return err
	})
	return out, err
}

// resolver is what state resolution reads of a room.
type resolver struct {
	ctx        context.Context
	b          *batch
	base       statetrie.Root
	conflicted *conflictSet
	rejected   map[string]bool
}

// Events implements stateres.Store.
func (r *resolver) Events(ids []string) (map[string]*event.Event, error) {
	m, err := r.b.storedByID(r.ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*event.Event, len(m))
	for id, st := range m {
		out[id] = st.Event
		if st.Flags&storage.FlagRejected != 0 {
			if r.rejected == nil {
				r.rejected = map[string]bool{}
			}
			r.rejected[id] = true
		}
	}
	return out, nil
}

// Rejected implements stateres.Store, for events that Events has returned.
func (r *resolver) Rejected(id string) bool { return r.rejected[id] }

// Unconflicted implements stateres.Store: the event all states agree on.
func (r *resolver) Unconflicted(k stateres.Key) (string, bool, error) {
	if r.conflicted.keys[k] {
		return "", false, nil
	}
	e, err := r.b.v.lookup(r.ctx, r.base, k.Kind, k.Key)
	if err != nil || e.ev == nil {
		return "", false, err
	}
	return e.ev.ID(), true, nil
}

// AuthChainDifference implements stateres.Store.
func (r *resolver) AuthChainDifference(sets [][]string) ([]string, error) {
	nids := make([][]int64, len(sets))
	for i, set := range sets {
		var err error
		if nids[i], err = r.b.nidsOf(r.ctx, set); err != nil {
			return nil, err
		}
	}
	diff, err := authchain.DifferenceOver(r.ctx, r.b.chains(), agreed{r}, nids)
	if err != nil {
		return nil, err
	}
	return r.idsOf(diff)
}

// agreed is the part of the states in which they are equal: it belongs to each.
type agreed struct{ r *resolver }

// Events implements authchain.Common.
func (a agreed) Events(ctx context.Context) ([]int64, error) {
	var nids []int64
	err := a.r.b.v.trie().All(ctx, a.r.base, func(_ uint64, nid int64) error {
		nids = append(nids, nid)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.Among(ctx, nids)
}

// Among implements authchain.Common.
func (a agreed) Among(ctx context.Context, nids []int64) ([]int64, error) {
	evs, err := a.r.b.v.eventsByNID(ctx, nids)
	if err != nil {
		return nil, err
	}
	var out []int64
	for _, nid := range nids {
		k := keyOf(evs[nid])
		if a.r.conflicted.keys[k] {
			continue
		}
		at, ok, err := a.r.b.v.trie().Get(ctx, a.r.base, k.Kind, k.Key)
		if err != nil {
			return nil, err
		}
		if ok && at == nid {
			out = append(out, nid)
		}
	}
	return out, nil
}

// ConflictedSubgraph implements stateres.Store (room version 12).
func (r *resolver) ConflictedSubgraph(ids []string) ([]string, error) {
	nids, err := r.b.nidsOf(r.ctx, ids)
	if err != nil {
		return nil, err
	}
	sub, err := authchain.Subgraph(r.ctx, r.b.chains(), nids)
	if err != nil {
		return nil, err
	}
	return r.idsOf(sub)
}

func (r *resolver) idsOf(nids []int64) ([]string, error) {
	evs, err := r.b.v.eventsByNID(r.ctx, nids)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(nids))
	for _, nid := range nids {
		out = append(out, evs[nid].ID())
	}
	return out, nil
}
