package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/storage"
)

// chainIndex is the stored reachability index as internal/authchain reads it.
type chainIndex struct{ v *view }

func (i chainIndex) Positions(ctx context.Context, nids []int64) (out map[int64]authchain.Pos, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainPositions(nids)
		return err
	})
	return out, err
}

func (i chainIndex) Tips(ctx context.Context, chains []int64) (out map[int64]int64, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainTips(chains)
		return err
	})
	return out, err
}

func (i chainIndex) Links(ctx context.Context, upTo []authchain.Pos) (out []authchain.Link, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainLinks(upTo)
		return err
	})
	return out, err
}

func (i chainIndex) LinksWithin(ctx context.Context, ranges []authchain.Range) (out []authchain.Link, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainLinksWithin(ranges)
		return err
	})
	return out, err
}

// LinksInto implements authchain.Incoming.
func (i chainIndex) LinksInto(ctx context.Context, ranges []authchain.Range, limit int) (out []authchain.Link, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainLinksInto(ranges, limit)
		return err
	})
	return out, err
}

func (i chainIndex) EventsAt(ctx context.Context, ranges []authchain.Range) (out map[authchain.Pos]int64, err error) {
	err = i.v.read(ctx, func(tx *storage.ReadTx) error {
		out, err = tx.ChainEventsAt(ranges)
		return err
	})
	return out, err
}

// placeInAuthChain indexes a state event: later ones may rest on it, and state
// resolution asks for the chain of any.
func (b *batch) placeInAuthChain(ctx context.Context, ev *event.Event, nid int64) error {
	key, isState := ev.Key()
	if !isState {
		return nil
	}
	ne := authchain.NewEvent{NID: nid}
	nids, err := b.nidsOf(ctx, ev.Auth())
	if err != nil {
		return err
	}
	evs, err := b.v.eventsByNID(ctx, nids)
	if err != nil {
		return err
	}
	for _, a := range nids {
		ne.Auth = append(ne.Auth, a)
		if evs[a].Is(ev.Kind(), key) {
			ne.Replaces = a
		}
	}
	if b.rm.rules.RoomIDFromCreate && ev.Kind() != "m.room.create" {
		// The create event is named by the room id instead of auth_events.
		create, err := b.get(ctx, "m.room.create", "")
		if err != nil {
			return err
		}
		if create.ev != nil {
			ne.Auth = append(ne.Auth, create.nid)
		}
	}
	alloc := func(n int) (int64, error) { return b.s.db.NextIDs(ctx, "chain", n) }
	placed, links, err := authchain.Place(ctx, b.chains(), alloc, []authchain.NewEvent{ne})
	if err != nil {
		return err
	}
	b.chains().Add(placed, links)
	for _, p := range placed {
		b.set.Chain = append(b.set.Chain, storage.ChainRow{Event: p.NID, Chain: p.Pos.Chain, Seq: p.Pos.Seq})
		b.placed = append(b.placed, p.NID)
	}
	b.set.Links = append(b.set.Links, links...)
	return nil
}

// chains is the index with what is in flight on top.
func (b *batch) chains() *chainCache {
	if b.rm.chains == nil {
		b.rm.chains = newChainCache(authchain.NewOverlay(chainIndex{&view{s: b.s, nid: b.rm.nid}}))
	}
	return b.rm.chains
}

// nidsOf are the numbers of events of this room, which must all be here.
func (b *batch) nidsOf(ctx context.Context, ids []string) ([]int64, error) {
	out := make([]int64, 0, len(ids))
	var miss []string
	for _, id := range ids {
		if st, ok := b.pendingRow(id); ok {
			out = append(out, st.NID)
		} else if nid, ok := b.rm.nidOf(id); ok {
			out = append(out, nid)
		} else {
			miss = append(miss, id)
		}
	}
	if len(miss) == 0 {
		return out, nil
	}
	err := b.v.read(ctx, func(tx *storage.ReadTx) error {
		m, err := tx.EventNIDs(b.rm.nid, miss)
		if err != nil {
			return err
		}
		for _, id := range miss {
			if m[id] == 0 {
				return storage.ErrNotFound
			}
			out = append(out, m[id])
		}
		return nil
	})
	return out, err
}

// nidOf finds an event's number among the room's remembered current state.
func (rm *room) nidOf(id string) (int64, bool) {
	nid, ok := rm.nids[id]
	return nid, ok
}
