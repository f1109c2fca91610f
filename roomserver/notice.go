package roomserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// Notice is an event that a user is to be told of, with what a notification says of
// where it is.
type Notice struct {
	Event   *event.Event
	RoomID  string
	Outcome pushrules.Outcome
	// RoomName is what the user calls the room, RoomAlias its canonical alias, and
	// SenderName the sender's name in it.
	RoomName, RoomAlias, SenderName string
	// Encrypted: the room is.
	Encrypted bool
}

// Notice is what is left to be told of an event to a user. It is nil when there is
// nothing: the user has read it or is gone, it was redacted, or the user's rules have
// changed their mind.
func (s *Server) Notice(ctx context.Context, tx *storage.ReadTx, user string, room, event int64) (*Notice, error) {
	row, err := tx.RoomByNID(room)
	if err != nil {
		return nil, notFoundAs(err, nil)
	}
	evs, err := tx.EventsByNID(room, []int64{event})
	if err != nil {
		return nil, err
	}
	st, ok := evs[event]
	if !ok || st.RedactedBy != 0 {
		return nil, nil
	}
	m, err := tx.Membership(room, user)
	if err != nil {
		return nil, notFoundAs(err, nil)
	}
	invited := m.Membership == "invite" && m.EventNID == event
	if m.Membership != "join" && !invited {
		return nil, nil
	}
	if read, err := s.hasBeenRead(tx, user, st); err != nil || read {
		return nil, err
	}
	o, err := s.outcome(ctx, tx, user, row, st.Event)
	if err != nil || !o.Notify {
		return nil, err
	}
	n := &Notice{Event: st.Event, RoomID: row.ID, Outcome: o}
	if invited {
		return n, n.fromInvite(tx, user, room)
	}
	return n, s.nameNotice(ctx, tx, user, row, n)
}

// hasBeenRead reports whether the user's receipts cover an event.
func (s *Server) hasBeenRead(tx *storage.ReadTx, user string, st storage.StoredEvent) (bool, error) {
	list, err := tx.Markers(user, []int64{st.RoomNID})
	if err != nil {
		return false, err
	}
	return s.markedRead(tx, list, st.Pos, st.Thread)
}

func (s *Server) markedRead(tx *storage.ReadTx, m marks, pos, thread int64) (bool, error) {
	name := mainThread
	if thread != 0 {
		t, err := tx.ThreadByNID(thread)
		if err != nil {
			return false, err
		}
		name = t.RootID
	}
	return pos <= max(m.of("").Pos, m.of(name).Pos), nil
}

// outcome is what a user's rules say of an event, by the room as it is now.
func (s *Server) outcome(ctx context.Context, tx *storage.ReadTx, user string, row storage.RoomRow, ev *event.Event) (pushrules.Outcome, error) {
	p, err := s.personOf(tx, user)
	if err != nil {
		return pushrules.Outcome{}, err
	}
	if p == nil {
		p = &person{rules: s.rules.usual(user)}
	}
	if p.ignores[ev.From()] {
		return pushrules.Outcome{}, nil
	}
	v := &view{s: s, nid: row.NID, tx: tx}
	now := func(kind, key string) *event.Event {
		e, lookupErr := v.lookup(ctx, statetrie.Root(row.StateRoot), kind, key)
		err = errors.Join(err, lookupErr)
		return e.ev
	}
	o := p.rules.Outcome(&pushrules.Facts{Event: ev, Members: row.Joined,
		MayNotify: func(kind string) bool {
			pl, parseErr := authrules.ParsePowerLevels(now("m.room.power_levels", ""), now("m.room.create", ""))
			return parseErr == nil && pl.User(ev.From()) >= pl.Notification(kind)
		},
		DisplayName: func(u string) string { return textOf(now("m.room.member", u), "displayname") }})
	return o, err
}

func textOf(e *event.Event, path string) string {
	if e == nil {
		return ""
	}
	return gjson.GetBytes(e.Body(), path).Str
}

// ModesOf are the modes of users in a room, of those whose mode is not Normal.
func (s *Server) ModesOf(tx *storage.ReadTx, users []string, room string) (map[string]pushrules.Mode, error) {
	out := map[string]pushrules.Mode{}
	if err := s.know(tx, users); err != nil {
		return nil, err
	}
	for _, u := range users {
		p, err := s.personOf(tx, u)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		if m := p.rules.ModeOf(room); m != pushrules.Normal {
			out[u] = m
		}
	}
	return out, nil
}

// know reads the rules of many users at once.
func (s *Server) know(tx *storage.ReadTx, users []string) error {
	var strangers []string
	s.rules.mu.Lock()
	for _, u := range users {
		if _, ok := s.rules.people[u]; !ok {
			strangers = append(strangers, u)
		}
	}
	s.rules.mu.Unlock()
	if len(strangers) == 0 {
		return nil
	}
	gen, err := s.rules.generationOf(tx)
	if err != nil {
		return err
	}
	list, err := tx.UnusualUsers(strangers)
	if err != nil {
		return err
	}
	unusual := map[string]bool{}
	for _, u := range list {
		unusual[u.User] = true
		if _, err := s.rules.person(u, gen); err != nil {
			return err
		}
	}
	for _, u := range strangers {
		if !unusual[u] {
			s.rules.keep(u, nil, gen)
		}
	}
	return nil
}

// Badge is the number that a user's apps show: rooms with something unread, and
// invites.
func (s *Server) Badge(tx *storage.ReadTx, user string) (n int64, err error) {
	rooms, err := tx.JoinedRooms(user)
	if err != nil {
		return 0, err
	}
	counts, err := s.UnreadIn(tx, user, rooms)
	if err != nil {
		return 0, err
	}
	for _, u := range counts {
		n += count(u.All().Notify > 0)
	}
	invites, err := tx.RoomsOf(user, []string{"invite"}, false)
	return n + int64(len(invites)), err
}

// fromInvite takes the names from what an invited user is shown of the room.
func (n *Notice) fromInvite(tx *storage.ReadTx, user string, room int64) error {
	raw, err := tx.InviteState(user, room)
	if err != nil {
		return notFoundAs(err, nil)
	}
	gjson.ParseBytes(raw).ForEach(func(_, e gjson.Result) bool {
		switch e.Get("type").Str {
		case "m.room.name":
			n.RoomName = e.Get("content.name").Str
		case "m.room.canonical_alias":
			n.RoomAlias = e.Get("content.alias").Str
		case "m.room.member":
			if e.Get("state_key").Str == n.Event.From() {
				n.SenderName = e.Get("content.displayname").Str
			}
		}
		return true
	})
	n.settle()
	return nil
}

// settle gives names to what has none.
func (n *Notice) settle() {
	if n.SenderName == "" {
		n.SenderName = id.LocalpartOf(n.Event.From())
	}
	if n.RoomName == "" {
		n.RoomName = n.RoomAlias
	}
	if n.RoomName == "" {
		n.RoomName = n.SenderName
	}
}

// nameNotice finds the names of a room, and of who sent the event.
func (s *Server) nameNotice(ctx context.Context, tx *storage.ReadTx, user string, row storage.RoomRow, n *Notice) error {
	v := &view{s: s, nid: row.NID, tx: tx}
	for _, f := range []struct {
		kind, key, path string
		to              *string
	}{
		{"m.room.member", n.Event.From(), "displayname", &n.SenderName},
		{"m.room.name", "", "name", &n.RoomName}, {"m.room.canonical_alias", "", "alias", &n.RoomAlias},
	} {
		e, err := v.lookup(ctx, statetrie.Root(row.StateRoot), f.kind, f.key)
		if err != nil {
			return err
		}
		*f.to = textOf(e.ev, f.path)
	}
	e, err := v.lookup(ctx, statetrie.Root(row.StateRoot), "m.room.encryption", "")
	if err != nil {
		return err
	}
	n.Encrypted = e.ev != nil
	if n.RoomName == "" && n.RoomAlias == "" {
		if n.RoomName, err = v.namedAfterMembers(ctx, row, user); err != nil {
			return err
		}
	}
	n.settle()
	return nil
}

// namedAfterMembers calls a room without a name after who else is in it ("Calculating
// the display name for a room").
func (v *view) namedAfterMembers(ctx context.Context, row storage.RoomRow, user string) (string, error) {
	var names []string
	for _, membership := range []string{"join", "invite"} {
		list, err := v.tx.SomeMembers(row.NID, membership, user, 2-len(names))
		if err != nil {
			return "", err
		}
		for _, m := range list {
			e, err := v.lookup(ctx, statetrie.Root(row.StateRoot), "m.room.member", m.UserID)
			if err != nil {
				return "", err
			}
			name := textOf(e.ev, "displayname")
			if name == "" {
				name = id.LocalpartOf(m.UserID)
			}
			names = append(names, name)
		}
		if len(names) == 2 {
			break
		}
	}
	more := row.Joined + row.Invited - 3
	switch {
	case len(names) == 0:
		return "", nil
	case len(names) == 1:
		return names[0], nil
	case more > 0:
		return fmt.Sprintf("%s, %s and %d others", names[0], names[1], more), nil
	}
	return names[0] + " and " + names[1], nil
}
