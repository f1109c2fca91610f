package roomserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// view reads one room's events and states: through tx when the caller is inside
// one (nobody takes a second connection while holding one), else by short reads of
// its own. over is set under the room lock only, and adds what is in flight.
type view struct {
	s    *Server
	nid  int64
	tx   *storage.ReadTx
	over *overlay
	more map[int64][]byte // nodes built and not yet handed over
}

func (v *view) read(ctx context.Context, fn func(*storage.ReadTx) error) error {
	if v.tx != nil {
		return fn(v.tx)
	}
	return v.s.db.Peek(ctx, fn)
}

// Node implements statetrie.Nodes.
func (v *view) Node(ctx context.Context, id int64) ([]byte, error) {
	m, err := v.NodesBatch(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	return m[id], nil
}

// NodesBatch implements statetrie.Multi. A node that is nowhere is a fault of the
// database, never an empty state.
func (v *view) NodesBatch(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	out := make(map[int64][]byte, len(ids))
	var miss []int64
	for _, id := range ids {
		if b := v.pendingNode(id); b != nil {
			out[id] = b
		} else {
			miss = append(miss, id)
		}
	}
	if len(miss) == 0 {
		return out, nil
	}
	err := v.read(ctx, func(tx *storage.ReadTx) error {
		m, err := tx.StateNodes(v.nid, miss)
		for id, b := range m {
			out[id] = b
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, id := range miss {
		if out[id] == nil {
			return nil, fmt.Errorf("roomserver: state node %d of room %d is missing", id, v.nid)
		}
	}
	return out, nil
}

func (v *view) pendingNode(id int64) []byte {
	if b := v.more[id]; b != nil {
		return b
	}
	if v.over != nil {
		return v.over.nodes[id]
	}
	return nil
}

func (v *view) trie() *statetrie.Trie {
	return statetrie.New(v.s.hasher, v).WithCache(v.s.nodes, v.nid)
}

// lookup is the state event of (kind, key) in the state root, or nil.
func (v *view) lookup(ctx context.Context, root statetrie.Root, kind, key string) (entry, error) {
	nid, ok, err := v.trie().Get(ctx, root, kind, key)
	if err != nil || !ok {
		return entry{}, err
	}
	ev, err := v.event(ctx, nid)
	if err != nil {
		return entry{}, err
	}
	if !ev.Is(kind, key) {
		// Another key with the same path: this one is absent.
		return entry{}, nil
	}
	return entry{nid, ev}, nil
}

func (v *view) event(ctx context.Context, nid int64) (*event.Event, error) {
	m, err := v.eventsByNID(ctx, []int64{nid})
	if err != nil {
		return nil, err
	}
	return m[nid], nil
}

// eventsByNID returns all the events, or an error when one is missing.
func (v *view) eventsByNID(ctx context.Context, nids []int64) (map[int64]*event.Event, error) {
	out := make(map[int64]*event.Event, len(nids))
	var miss []int64
	for _, nid := range nids {
		if v.over != nil {
			if ev := v.over.events[nid]; ev != nil {
				out[nid] = ev
				continue
			}
		}
		if ev := v.s.events.get(nid); ev != nil {
			out[nid] = ev
			continue
		}
		miss = append(miss, nid)
	}
	if len(miss) == 0 {
		return out, nil
	}
	gen := v.s.events.generation()
	err := v.read(ctx, func(tx *storage.ReadTx) error {
		m, err := tx.EventsByNID(v.nid, miss)
		for nid, st := range m {
			out[nid] = st.Event
			v.s.events.put(nid, st.Event, gen)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(out) < len(nids) {
		for _, nid := range nids {
			if out[nid] == nil {
				return nil, fmt.Errorf("roomserver: event number %d is not in room %d", nid, v.nid)
			}
		}
	}
	return out, nil
}

// stateAfter is the state after an event that is in the graph.
func (v *view) stateAfter(ctx context.Context, st storage.StoredEvent) (statetrie.Root, error) {
	before := statetrie.Root(st.StateBefore)
	key, isState := st.Event.Key()
	if !isState || st.Flags&storage.FlagRejected != 0 {
		return before, nil
	}
	return v.setState(ctx, before, st.Event.Kind(), key, st.NID)
}

// setState is root with one entry changed. New nodes are kept in v.more, and stay
// reachable until they are stored.
func (v *view) setState(ctx context.Context, root statetrie.Root, kind, key string, nid int64) (statetrie.Root, error) {
	return v.trie().Set(ctx, root, []statetrie.Change{{Kind: kind, Key: key, Event: nid}}, v.keep)
}

// keep holds a node that was built and is not stored yet.
func (v *view) keep(id int64, body []byte) {
	if v.more == nil {
		v.more = map[int64][]byte{}
	}
	v.more[id] = body
}

var errNoState = errors.New("roomserver: the state before this event is not known")
