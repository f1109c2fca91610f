package syncapi

import (
	"encoding/json"

	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// states fills state or state_after: how the state that the client knows becomes
// the one before the timeline, or the one after it.
func (g *gathering) states(b *block, r storage.SyncRoom, fresh bool, start int64) error {
	end, err := g.rootAt(r.Room.NID, g.end(r))
	if err != nil {
		return err
	}
	var known int64
	if !fresh && !g.q.full {
		if known, err = g.rootAt(r.Room.NID, g.q.since); err != nil {
			return err
		}
	}
	if len(b.events) == 0 {
		start = end
	}
	after, err := g.delta(r, known, end)
	if err != nil {
		return err
	}
	for _, d := range after {
		b.members = b.members || d.Kind == "m.room.member"
	}
	if g.q.stateAfter {
		state := g.format(b, after, nil)
		if g.lazy() {
			more, err := g.senders(b, r, end, after)
			if err != nil {
				return err
			}
			state = append(state, more...)
		}
		b.stateAfter = &eventList{append([]json.RawMessage{}, state...)}
		return nil
	}
	before := after
	if start != end {
		if before, err = g.delta(r, known, start); err != nil {
			return err
		}
	}
	state := g.format(b, before, g.untold(b, before, after))
	if g.lazy() {
		more, err := g.senders(b, r, start, before)
		if err != nil {
			return err
		}
		state = append(state, more...)
	}
	b.state = list(state)
	return nil
}

func (g *gathering) lazy() bool { return g.q.filter.Room.State.LazyLoadMembers }

// senders are the member events of who speaks in the timeline and is not among
// the changes: a client that loads members lazily may not know them.
func (g *gathering) senders(b *block, r storage.SyncRoom, root int64, changes []roomserver.StateDelta) ([]json.RawMessage, error) {
	done := map[string]bool{}
	for _, d := range changes {
		if d.Kind == "m.room.member" {
			done[d.Key] = true
		}
	}
	var out []json.RawMessage
	for _, v := range b.events {
		if done[v.From()] {
			continue
		}
		done[v.From()] = true
		m, err := g.a.rooms.StateEntry(g.ctx, g.tx, r.Room.NID, root, "m.room.member", v.From())
		if err != nil {
			return nil, err
		}
		if m.Event != nil {
			out = append(out, roomserver.Format(nil, m, true, g.now))
		}
	}
	return out, nil
}

// untold are changes that neither the state before the timeline nor the timeline
// tells: state resolution moved the room without an event.
func (g *gathering) untold(b *block, before, after []roomserver.StateDelta) []roomserver.StateDelta {
	type key struct{ kind, key string }
	told := map[key]int64{}
	for _, d := range before {
		told[key{d.Kind, d.Key}] = d.Cur.NID
	}
	for _, v := range b.events {
		if k, ok := v.Key(); ok {
			told[key{v.Kind(), k}] = v.NID
		}
	}
	var out []roomserver.StateDelta
	for _, d := range after {
		if nid, ok := told[key{d.Kind, d.Key}]; !ok || nid != d.Cur.NID {
			out = append(out, d)
		}
	}
	return out
}

func (g *gathering) delta(r storage.SyncRoom, old, cur int64) ([]roomserver.StateDelta, error) {
	if old == cur {
		return nil, nil
	}
	return g.a.rooms.StateChanges(g.ctx, g.tx, r.Room.NID, old, cur)
}

// format writes the state events that the filter wants. untold ones replace those
// of the same key.
func (g *gathering) format(b *block, list, untold []roomserver.StateDelta) []json.RawMessage {
	type key struct{ kind, key string }
	instead := map[key]bool{}
	for _, d := range untold {
		instead[key{d.Kind, d.Key}] = true
	}
	senders := map[string]bool{g.q.user: true}
	for _, v := range b.events {
		senders[v.From()] = true
	}
	lazy := g.lazy()
	var out []json.RawMessage
	add := func(d roomserver.StateDelta) {
		if d.Cur.NID == 0 || lazy && d.Kind == "m.room.member" && !senders[d.Key] || !g.q.filter.Room.State.Match(d.Cur.Event) {
			return
		}
		out = append(out, roomserver.Format(nil, d.Cur, true, g.now))
	}
	for _, d := range list {
		if !instead[key{d.Kind, d.Key}] {
			add(d)
		}
	}
	for _, d := range untold {
		add(d)
	}
	return out
}
