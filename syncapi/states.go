package syncapi

import (
	"encoding/json"

	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// states fills state or state_after: how the state that the client knows becomes
// the one before the timeline, or the one after it.
func (g *gathering) states(b *block, r storage.SyncRoom, fresh bool, start int64) error {
	end := r.Room.StateRoot
	if r.Room.LastPos > g.end(r) {
		// The room has gone on since.
		var err error
		if end, err = g.rootAt(r.Room.NID, g.end(r)); err != nil {
			return err
		}
	}
	var err error
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
	if !b.members && !fresh && !g.q.full {
		if g.sameMembers == nil {
			g.sameMembers = map[int64]bool{}
		}
		g.sameMembers[r.Room.NID] = true
	}
	if g.q.stateAfter {
		state := g.format(b, after, nil)
		if g.lazy() {
			more, err := g.senders(b, r, end)
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
		more, err := g.senders(b, r, start)
		if err != nil {
			return err
		}
		state = append(state, more...)
	}
	b.state = list(state)
	return nil
}

// stateAfter goes out under the name that it was asked for: a client looks for no other.
func (g *gathering) stateAfter(b *block) (stable, unstable *eventList) {
	if g.q.stateAfterU {
		return nil, b.stateAfter
	}
	return b.stateAfter, nil
}

func (g *gathering) lazy() bool { return g.q.filter.Room.State.LazyLoadMembers }

// senders are the member events of who speaks in the timeline and is not among
// the changes: a client that loads members lazily may not know them.
func (g *gathering) senders(b *block, r storage.SyncRoom, root int64) ([]json.RawMessage, error) {
	var users []string
	for _, v := range b.events {
		users = append(users, v.From())
	}
	return g.membersOf(b, r, root, users)
}

// membersOf are the member events of users that are not in the answer yet, and that the
// client has not had.
func (g *gathering) membersOf(b *block, r storage.SyncRoom, root int64, users []string) ([]json.RawMessage, error) {
	var out []json.RawMessage
	for _, u := range users {
		if b.named[u] {
			continue
		}
		b.name(u)
		m, err := g.a.rooms.StateEntry(g.ctx, g.tx, r.Room.NID, root, "m.room.member", u)
		if err != nil {
			return nil, err
		}
		if m.Event == nil || g.redundant(m.NID) {
			continue
		}
		g.tell(m.NID)
		out = append(out, g.write(m))
	}
	return out, nil
}

func (b *block) name(user string) {
	if b.named == nil {
		b.named = map[string]bool{}
	}
	b.named[user] = true
}

// redundant: the client has had this member event.
func (g *gathering) redundant(nid int64) bool {
	return !g.q.filter.Room.State.IncludeRedundantMembers && g.has[nid]
}

// tell notes that the answer carries a member event.
func (g *gathering) tell(nid int64) { g.carries = append(g.carries, nid) }

// heroMembers are the member events of the heroes: "When lazy-loading room members is
// enabled, the membership events for the heroes MUST be included in the state, unless
// they are redundant."
func (g *gathering) heroMembers(b *block, r storage.SyncRoom, s *summary) error {
	if s == nil || !g.lazy() {
		return nil
	}
	for _, v := range b.events {
		if key, ok := v.Key(); ok && v.Kind() == "m.room.member" {
			b.name(key)
		}
	}
	more, err := g.membersOf(b, r, r.Room.StateRoot, s.Heroes)
	if err != nil || len(more) == 0 {
		return err
	}
	to := &b.state
	if g.q.stateAfter {
		to = &b.stateAfter
	}
	if *to == nil {
		*to = &eventList{}
	}
	(*to).Events = append((*to).Events, more...)
	return nil
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
		if lazy && d.Kind == "m.room.member" {
			g.tell(d.Cur.NID)
			b.name(d.Key)
		}
		out = append(out, g.write(d.Cur))
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
