package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// StateDelta is one entry in which two states differ. Cur is the event of the
// newer one, with NID 0 when it is gone.
type StateDelta struct {
	Kind, Key string
	Old, Cur  Visible
}

// StateChanges are the entries in which the room's states at the roots old and cur
// differ, read in the caller's own transaction; in time of the difference.
func (s *Server) StateChanges(ctx context.Context, tx *storage.ReadTx, roomNID, old, cur int64) ([]StateDelta, error) {
	v := &view{s: s, nid: roomNID, tx: tx}
	type pair struct{ old, cur int64 }
	var pairs []pair
	var nids []int64
	err := v.trie().Diff(ctx, statetrie.Root(old), statetrie.Root(cur), func(_ uint64, before, after int64) error {
		pairs = append(pairs, pair{before, after})
		for _, nid := range []int64{before, after} {
			if nid != 0 {
				nids = append(nids, nid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	evs, err := v.eventsByNID(ctx, nids)
	if err != nil {
		return nil, err
	}
	out := make([]StateDelta, 0, len(pairs))
	for _, p := range pairs {
		d := StateDelta{}
		if p.old != 0 {
			d.Old = Visible{Event: evs[p.old], NID: p.old}
		}
		if p.cur != 0 {
			d.Cur = Visible{Event: evs[p.cur], NID: p.cur}
		}
		named := d.Cur
		if named.Event == nil {
			named = d.Old
		}
		d.Kind = named.Kind()
		d.Key, _ = named.Key()
		out = append(out, d)
	}
	return out, nil
}

// StateAtRoot is the whole of a state, in the caller's own transaction.
func (s *Server) StateAtRoot(ctx context.Context, tx *storage.ReadTx, roomNID, root int64) ([]Visible, error) {
	a := &access{v: &view{s: s, nid: roomNID, tx: tx}}
	return a.stateAt(ctx, statetrie.Root(root))
}

// StateEntry is one entry of a state, in the caller's own transaction; its Event is
// nil when there is none.
func (s *Server) StateEntry(ctx context.Context, tx *storage.ReadTx, roomNID, root int64, kind, key string) (Visible, error) {
	v := &view{s: s, nid: roomNID, tx: tx}
	e, err := v.lookup(ctx, statetrie.Root(root), kind, key)
	return Visible{Event: e.ev, NID: e.nid}, err
}

// Before is the root of the state before an event that Filter has returned.
func (v Visible) Before() int64 { return int64(v.before) }
