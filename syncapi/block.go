package syncapi

import (
	"encoding/json"
	"errors"
	"math"

	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// Limits of a timeline in one answer.
const (
	defaultTimeline = 10
	maxTimeline     = 1000
	scanBudget      = 4000
	firstChunk      = 3
)

// block is the timeline of a room with the state that belongs to it.
type block struct {
	timeline   *timeline
	state      *eventList
	stateAfter *eventList
	events     []roomserver.Visible // of the timeline, oldest first
	members    bool                 // memberships changed
	named      map[string]bool      // users whose member event is in the answer
	limited    bool
}

func (b *block) empty() bool {
	return len(b.events) == 0 && b.state == nil && (b.stateAfter == nil || len(b.stateAfter.Events) == 0) && !b.limited
}

// block reads the timeline of a room since the token, and the difference between
// the state that the client knows and the one the timeline begins with.
func (g *gathering) block(r storage.SyncRoom, fresh bool) (*block, error) {
	b := &block{}
	start, err := g.timeline(b, r, fresh)
	if err != nil {
		return nil, err
	}
	if err := g.states(b, r, fresh, start); err != nil {
		return nil, err
	}
	for _, v := range b.events {
		b.timeline.Events = append(b.timeline.Events, g.write(v))
	}
	if b.timeline.Events == nil {
		b.timeline.Events = []json.RawMessage{}
	}
	return b, nil
}

// write is an event as the filter wants it: all of it or some fields, for clients or
// as servers exchange it.
func (g *gathering) write(v roomserver.Visible) json.RawMessage {
	if g.q.filter.Raw() {
		return g.q.filter.Fields.Cut(v.Bytes())
	}
	return g.q.filter.Fields.Cut(roomserver.Format(nil, v, true, g.now))
}

// end is the last position of the room that concerns the user.
func (g *gathering) end(r storage.SyncRoom) int64 {
	if r.Membership == "join" {
		return g.upto
	}
	return r.Pos
}

// timeline reads the newest events back to the token or the limit. It returns the
// root of the state before the oldest, 0 when there is none.
func (g *gathering) timeline(b *block, r storage.SyncRoom, fresh bool) (int64, error) {
	f := g.q.filter.Room.Timeline
	limit := defaultTimeline
	if f.Limit != nil {
		limit = min(*f.Limit, maxTimeline)
	}
	at := storage.Edge{Topo: math.MaxInt64, NID: math.MaxInt64}
	var start int64
	b.timeline = &timeline{}
	chunk := limit + 1
	if !fresh {
		// Who waits for news gets a message or two at a time.
		chunk = firstChunk
	}
	for scanned := 0; ; chunk *= 4 {
		if scanned >= scanBudget {
			b.limited = true
			break
		}
		want := min(limit-len(b.events)+1, scanBudget-scanned, chunk)
		rows, err := g.tx.Timeline(r.Room.NID, at, nil, true, want, g.end(r))
		if err != nil {
			return 0, err
		}
		if scanned == 0 && len(rows) > 0 {
			at = storage.Edge{Topo: rows[0].Topo, NID: rows[0].NID + 1}
		}
		rows, reached := g.untilSince(rows, fresh)
		scanned += len(rows)
		full, err := g.prepend(b, r, rows, limit, &at, &start)
		if err != nil {
			return 0, err
		}
		if full {
			b.limited = true
			break
		}
		if reached || len(rows) < want {
			break
		}
	}
	if fresh && !b.limited && len(b.events) > 0 {
		b.limited = !b.events[0].Is("m.room.create", "")
	}
	b.timeline.Limited = b.limited
	b.timeline.PrevBatch = token.PageAt(at.Topo, at.NID, g.end(r))
	return start, nil
}

// untilSince cuts off what the client has had. What has no position came by
// backfill, and is no news.
func (g *gathering) untilSince(rows []storage.StoredEvent, fresh bool) ([]storage.StoredEvent, bool) {
	if fresh {
		return rows, false
	}
	for i, st := range rows {
		if st.Pos <= g.q.since {
			return rows[:i], true
		}
	}
	return rows, false
}

// prepend puts visible and wanted events before the others, up to the limit. It
// reports whether there was more than fits.
func (g *gathering) prepend(b *block, r storage.SyncRoom, rows []storage.StoredEvent, limit int, at *storage.Edge, start *int64) (bool, error) {
	vis, err := g.a.rooms.Filter(g.ctx, g.tx, g.q.reader(), r.Room, rows)
	if err != nil {
		return false, err
	}
	seen := make(map[int64]roomserver.Visible, len(vis))
	for _, v := range vis {
		seen[v.NID] = v
	}
	var take []roomserver.Visible
	for _, st := range rows {
		v, ok := seen[st.NID]
		ok = ok && g.q.filter.Room.Timeline.Match(v.Event) && !g.unheard(v)
		if ok && len(b.events)+len(take) >= limit {
			b.events = append(reversed(take), b.events...)
			return true, nil
		}
		if ok {
			take = append(take, v)
			*start = st.StateBefore
		}
		*at = storage.Edge{Topo: st.Topo, NID: st.NID}
	}
	b.events = append(reversed(take), b.events...)
	return false, nil
}

func reversed(in []roomserver.Visible) []roomserver.Visible {
	out := make([]roomserver.Visible, 0, len(in))
	for i := len(in) - 1; i >= 0; i-- {
		out = append(out, in[i])
	}
	return out
}

// rootAt is the root of the room's current state at a position, 0 before the room
// was here.
func (g *gathering) rootAt(room, pos int64) (int64, error) {
	root, err := g.tx.StateRootAt(room, pos)
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	return root, err
}
