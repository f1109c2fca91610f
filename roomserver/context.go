package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// Surroundings are an event with what was said before and after it.
type Surroundings struct {
	Event         Visible
	Before, After []Visible // Before: newest first
	State         []Visible
	Start, End    string
}

// errNoEvent is the same for an event that is not there and for one that the
// reader may not see.
var errNoEvent = matrixerr.NotFound("Event not found")

// Context is an event and up to limit events around it.
func (s *Server) Context(ctx context.Context, r Reader, room, eventID string, limit int, f *filter.RoomEvents) (c Surroundings, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, st, err := s.openEvent(ctx, tx, r, room, eventID)
		if err != nil {
			return err
		}
		vis, err := a.filter(ctx, []storage.StoredEvent{st})
		if err != nil {
			return err
		}
		c.Event = vis[0]
		back, err := a.page(ctx, tx, before(st), nil, MessagesRequest{Backwards: true, Limit: limit / 2, Filter: f})
		if err != nil {
			return err
		}
		fwd, err := a.page(ctx, tx, after(st), nil, MessagesRequest{Limit: limit - limit/2, Filter: f})
		if err != nil {
			return err
		}
		c.Before, c.After = back.Events, fwd.Events
		c.Start, c.End = edgeOr(back, before(st)), edgeOr(fwd, after(st))
		c.State, err = a.contextState(ctx, c, f)
		return err
	})
	return c, err
}

// edgeOr is where a page ends, even when nothing follows: a client may page on
// later.
func edgeOr(p Page, from storage.Edge) string {
	if p.End != "" {
		return p.End
	}
	if n := len(p.Events); n > 0 {
		last := storage.StoredEvent{Topo: p.Events[n-1].Topo, NID: p.Events[n-1].NID}
		return pageToken(beyond(last, last.Topo < from.Topo || last.Topo == from.Topo && last.NID < from.NID))
	}
	return pageToken(from)
}

// contextState is the state at the last event given; only the senders' members
// when members are loaded lazily.
func (a *access) contextState(ctx context.Context, c Surroundings, f *filter.RoomEvents) ([]Visible, error) {
	last := c.Event
	if n := len(c.After); n > 0 {
		last = c.After[n-1]
	}
	all, err := a.stateAt(ctx, last.before)
	if err != nil {
		return nil, err
	}
	if f == nil || !f.LazyLoadMembers {
		return all, nil
	}
	senders := map[string]bool{c.Event.From(): true}
	for _, list := range [][]Visible{c.Before, c.After} {
		for _, v := range list {
			senders[v.From()] = true
		}
	}
	out := all[:0]
	for _, v := range all {
		key, _ := v.Key()
		if v.Kind() != "m.room.member" || senders[key] {
			out = append(out, v)
		}
	}
	return out, nil
}

// Event is one event of the room.
func (s *Server) Event(ctx context.Context, r Reader, room, eventID string) (v Visible, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, st, err := s.openEvent(ctx, tx, r, room, eventID)
		if err != nil {
			return err
		}
		vis, err := a.filter(ctx, []storage.StoredEvent{st})
		if err == nil {
			v = vis[0]
		}
		return err
	})
	return v, err
}

// openEvent finds an event of the timeline that the reader may see.
func (s *Server) openEvent(ctx context.Context, tx *storage.ReadTx, r Reader, room, eventID string) (*access, storage.StoredEvent, error) {
	a, err := s.open(ctx, tx, r, room)
	if err != nil {
		if matrixerr.Is(err, "M_FORBIDDEN") {
			err = errNoEvent
		}
		return nil, storage.StoredEvent{}, err
	}
	st, err := tx.EventByID(a.row.NID, eventID)
	if err != nil {
		return nil, st, notFoundAs(err, errNoEvent)
	}
	hidden := storage.FlagOutlier | storage.FlagRejected | storage.FlagSoftFailed
	if st.Flags&int64(hidden) != 0 || a.until > 0 && st.Pos > a.until {
		return nil, st, errNoEvent
	}
	ok, _, err := a.sees(ctx, st)
	if err == nil && !ok {
		err = errNoEvent
	}
	return a, st, err
}

// stateAt is the whole of a state, as events.
func (a *access) stateAt(ctx context.Context, root statetrie.Root) ([]Visible, error) {
	var nids []int64
	err := a.v.trie().All(ctx, root, func(_ uint64, nid int64) error {
		nids = append(nids, nid)
		return nil
	})
	if err != nil {
		return nil, err
	}
	evs, err := a.v.eventsByNID(ctx, nids)
	if err != nil {
		return nil, err
	}
	out := make([]Visible, 0, len(nids))
	for _, nid := range nids {
		out = append(out, Visible{Event: evs[nid], NID: nid})
	}
	return out, nil
}
