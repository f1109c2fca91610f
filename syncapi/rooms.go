package syncapi

import (
	"encoding/json"
	"slices"

	"github.com/chancery-im/chancery/storage"
)

// allRooms fills the room lists.
func (g *gathering) allRooms() error {
	since := g.q.since
	if g.q.initial {
		since = 0
	}
	rooms, err := g.roomsSince(since)
	if err != nil {
		return err
	}
	lists := &roomLists{}
	for _, r := range rooms {
		if err := g.room(lists, r); err != nil {
			return err
		}
	}
	if err := g.unread(lists); err != nil {
		return err
	}
	if lists.Join != nil || lists.Invite != nil || lists.Knock != nil || lists.Leave != nil {
		g.ans.Rooms = lists
	}
	return nil
}

// roomsSince are the rooms that the answer may be about: those that are marked, when
// that is known, else all that the user is in, and those whose membership changed.
func (g *gathering) roomsSince(since int64) ([]storage.SyncRoom, error) {
	if g.news.known {
		g.rooms, g.people = g.news.all, g.news.people
		nids := g.news.rooms
		for nid := range g.receipts {
			nids = append(nids, nid)
		}
		if g.news.own {
			more, err := g.tx.RoomsWithAccountData(g.q.user, g.q.since, g.upto)
			if err != nil {
				return nil, err
			}
			nids = append(nids, more...)
		}
		slices.Sort(nids)
		return g.tx.SyncRoomsAmong(g.q.user, slices.Compact(nids), since, g.upto)
	}
	rooms, err := g.tx.SyncRooms(g.q.user, since, g.upto)
	if err != nil {
		return nil, err
	}
	var listed []listedRoom
	for _, r := range rooms {
		if r.Membership == "join" {
			listed = append(listed, listedRoom{r.Room.ID, r.Room.NID})
			g.rooms = append(g.rooms, r.Room.ID)
			g.people += r.Room.Joined
		}
	}
	g.a.marks.list(g.q.user, g.upto, g.people, listed)
	return rooms, nil
}

// room puts one room into the list that the user's membership says.
func (g *gathering) room(lists *roomLists, r storage.SyncRoom) error {
	changed := r.Pos > g.q.since || g.q.initial
	switch r.Membership {
	case "join":
		return g.joined(lists, r)
	case "invite", "knock":
		if !changed && !g.q.full {
			return nil
		}
		return g.stripped(lists, r)
	case "leave", "ban":
		// A room that was forgotten is no more; that it was left is news all
		// the same to a client that still shows it.
		if changed && !(r.Forgotten && g.q.initial) {
			return g.left(lists, r)
		}
	}
	return nil
}

func (g *gathering) wanted(r storage.SyncRoom) bool { return g.q.filter.Room.Wants(r.Room.ID) }

func (g *gathering) joined(lists *roomLists, r storage.SyncRoom) error {
	fresh := g.fresh(r)
	if fresh {
		g.came = append(g.came, r)
	}
	if !g.wanted(r) {
		return nil
	}
	data, err := g.roomAccountData(r, fresh)
	if err != nil {
		return err
	}
	ephemeral, err := g.ephemeral(r, fresh || g.q.full)
	if err != nil {
		return err
	}
	moved := r.Room.LastPos > g.q.since || fresh || g.q.full
	read := g.hasRead(r.Room.NID)
	if !moved && !read && len(data)+len(ephemeral) == 0 {
		return nil
	}
	out := &joinedRoom{AccountData: list(data), Ephemeral: list(ephemeral)}
	if moved {
		b, err := g.block(r, fresh)
		if err != nil {
			return err
		}
		if out.Summary, err = g.summary(r, b); err != nil {
			return err
		}
		if err = g.heroMembers(b, r, out.Summary); err != nil {
			return err
		}
		out.Timeline, out.State = b.timeline, b.state
		out.StateAfter, out.StateAfterU = g.stateAfter(b)
		if b.empty() && !read && len(data)+len(ephemeral) == 0 && !fresh && !g.q.full {
			return nil
		}
	}
	if lists.Join == nil {
		lists.Join = map[string]*joinedRoom{}
	}
	lists.Join[r.Room.ID] = out
	g.counted = append(g.counted, r.Room)
	return nil
}

func (g *gathering) stripped(lists *roomLists, r storage.SyncRoom) error {
	if !g.wanted(r) {
		return nil
	}
	raw, err := g.tx.InviteState(g.q.user, r.Room.NID)
	if err != nil {
		return err
	}
	var events []json.RawMessage
	if err := json.Unmarshal(raw, &events); err != nil {
		return err
	}
	if r.Membership == "invite" && g.inviterIgnored(events) {
		return nil
	}
	if r.Membership == "invite" {
		if lists.Invite == nil {
			lists.Invite = map[string]*strippedRoom{}
		}
		lists.Invite[r.Room.ID] = &strippedRoom{eventList{events}}
		return nil
	}
	if lists.Knock == nil {
		lists.Knock = map[string]*knockedRoom{}
	}
	lists.Knock[r.Room.ID] = &knockedRoom{eventList{events}}
	return nil
}

// left shows a room that the user is no longer in: how it was until they left.
func (g *gathering) left(lists *roomLists, r storage.SyncRoom) error {
	if r.WasAt == "join" {
		g.went = append(g.went, r)
	}
	if g.q.initial && !g.q.filter.Room.IncludeLeave || !g.wanted(r) {
		return nil
	}
	fresh := g.q.initial
	b, err := g.block(r, fresh)
	if err != nil {
		return err
	}
	if lists.Leave == nil {
		lists.Leave = map[string]*leftRoom{}
	}
	out := &leftRoom{Timeline: b.timeline, State: b.state}
	out.StateAfter, out.StateAfterU = g.stateAfter(b)
	if fresh {
		data, err := g.roomAccountData(r, true)
		if err != nil {
			return err
		}
		out.AccountData = list(data)
	}
	lists.Leave[r.Room.ID] = out
	return nil
}
