package roomserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// carried is the state that a new room takes over from the one it replaces
// ("Room upgrades", client-server API), beside bans, power levels and aliases.
var carried = []string{"m.room.server_acl", "m.room.encryption", "m.room.name", "m.room.avatar",
	"m.room.topic", "m.room.guest_access", "m.room.history_visibility", "m.room.join_rules",
	"m.room.pinned_events", "m.room.related_groups"}

// Upgrade replaces a room by a new one of another version: the new room is made
// with the old one's face, then the old one gets its tombstone and falls silent.
func (s *Server) Upgrade(ctx context.Context, user, oldRoom, version string, creators []string) (string, error) {
	rules := event.RulesOf(event.Version(version))
	if rules == nil {
		return "", matrixerr.New(400, "M_UNSUPPORTED_ROOM_VERSION", "This server does not know that room version")
	}
	old, err := s.oldRoom(ctx, user, oldRoom)
	if err != nil {
		return "", err
	}
	req := old.request(rules, user, creators)
	room, _, err := s.create(ctx, req, func(b *batch) error { return old.carryBans(ctx, b, user) })
	if err != nil {
		return "", err
	}
	if err := s.bury(ctx, user, oldRoom, room); err != nil {
		return "", err
	}
	return room, s.moveDirectory(ctx, user, old, room)
}

// oldState is what is taken over from a room.
type oldState struct {
	nid    int64
	id     string
	state  map[string]*event.Event // by type, with an empty state key
	bans   []*event.Event
	spaces []*event.Event
	tip    string
}

func (s *Server) oldRoom(ctx context.Context, user, room string) (*oldState, error) {
	rm, err := s.lockRoom(ctx, room)
	if err != nil {
		return nil, hidden(err)
	}
	defer rm.mu.Unlock()
	b := s.begin(rm)
	me, err := b.get(ctx, "m.room.member", user)
	if err != nil {
		return nil, err
	}
	if membership(me.ev) != "join" {
		return nil, errNotInRoom
	}
	if pl := b.powerLevels(ctx); pl == nil || pl.User(user) < pl.Event("m.room.tombstone", true) {
		return nil, matrixerr.Forbidden("You may not upgrade this room")
	}
	old := &oldState{nid: rm.nid, id: room, state: map[string]*event.Event{}, tip: b.head.tips[0].ref.ID}
	for _, kind := range append([]string{"m.room.create", "m.room.power_levels", "m.room.canonical_alias"}, carried...) {
		e, err := b.get(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		if e.ev != nil {
			old.state[kind] = e.ev
		}
	}
	return old, old.readLists(ctx, b)
}

// readLists finds the bans and, in a space, its children.
func (o *oldState) readLists(ctx context.Context, b *batch) error {
	return b.v.read(ctx, func(tx *storage.ReadTx) error {
		bans, err := tx.Members(b.rm.nid, "ban", "")
		if err != nil {
			return err
		}
		var nids []int64
		for _, m := range bans {
			nids = append(nids, m.EventNID)
		}
		children, err := tx.CurrentStateOfType(b.rm.nid, "m.space.child")
		if err != nil {
			return err
		}
		for _, st := range children {
			o.spaces = append(o.spaces, st.Event)
		}
		evs, err := tx.EventsByNID(b.rm.nid, nids)
		for _, st := range evs {
			o.bans = append(o.bans, st.Event)
		}
		return err
	})
}

// request is the createRoom of the replacement.
func (o *oldState) request(rules *event.Rules, user string, creators []string) CreateRequest {
	create := map[string]any{"predecessor": map[string]string{"room_id": o.id, "event_id": o.tip}}
	if rules.RoomIDFromCreate {
		create["predecessor"] = map[string]string{"room_id": o.id}
		if len(creators) > 0 {
			create["additional_creators"] = creators
		}
	}
	oldCreate := o.state["m.room.create"].Body()
	for _, k := range []string{"type", "m.federate"} {
		if v := gjson.GetBytes(oldCreate, k); v.Exists() {
			create[k] = json.RawMessage(v.Raw)
		}
	}
	req := CreateRequest{Creator: user, Version: string(rules.Version), Preset: "private_chat",
		CreationContent: object(create), PowerLevelOverride: o.powerLevels(rules, user, creators)}
	for _, kind := range carried {
		if ev := o.state[kind]; ev != nil {
			req.InitialState = append(req.InitialState, StateDraft{Type: kind, Content: ev.Body()})
		}
	}
	for _, ev := range o.spaces {
		if key, _ := ev.Key(); len(ev.Body()) > 2 {
			req.InitialState = append(req.InitialState, StateDraft{ev.Kind(), key, ev.Body()})
		}
	}
	return req
}

// powerLevels are the old room's, fit for the new version: its creators are not
// listed from room version 12 on, and before it the upgrading user must be able
// to set what is carried over.
func (o *oldState) powerLevels(rules *event.Rules, user string, creators []string) json.RawMessage {
	m := map[string]json.RawMessage{}
	users := map[string]json.RawMessage{}
	if ev := o.state["m.room.power_levels"]; ev != nil {
		_ = json.Unmarshal(ev.Body(), &m)
		_ = json.Unmarshal(m["users"], &users)
	}
	if rules.PrivilegedCreators {
		for _, u := range append([]string{user}, creators...) {
			delete(users, u)
		}
	} else if gjson.ParseBytes(users[user]).Int() < 100 {
		users[user] = json.RawMessage("100")
	}
	if rules.IntegerPowerLevels {
		toIntegers(m)
		toIntegers(users)
	}
	m["users"] = object(users)
	return object(m)
}

// toIntegers turns levels written as strings into numbers (room versions before 10
// allowed both).
func toIntegers(m map[string]json.RawMessage) {
	for k, v := range m {
		if r := gjson.ParseBytes(v); r.Type == gjson.String {
			m[k] = object(r.Int())
		}
	}
}

func (o *oldState) carryBans(ctx context.Context, b *batch, user string) error {
	for _, ban := range o.bans {
		target, _ := ban.Key()
		c := memberContent{membership: "ban", reason: gjson.GetBytes(ban.Body(), "reason").Str}
		if _, err := b.add(ctx, memberDraft(b.rm.id, user, target, c)); err != nil {
			return err
		}
	}
	return nil
}

// bury sends the tombstone and, where the user may, silences the old room.
func (s *Server) bury(ctx context.Context, user, oldRoom, room string) error {
	return s.write(ctx, oldRoom, func(b *batch) error {
		content := object(map[string]string{"body": "This room has been replaced", "replacement_room": room})
		_, err := b.add(ctx, Draft{RoomID: oldRoom, Sender: user, Type: "m.room.tombstone", StateKey: new(string), Content: content})
		if err != nil {
			return err
		}
		pl, err := b.get(ctx, "m.room.power_levels", "")
		levels := b.powerLevels(ctx)
		if err != nil || pl.ev == nil || levels == nil || levels.User(user) < levels.Event("m.room.power_levels", true) {
			return err
		}
		m := map[string]json.RawMessage{}
		if err := json.Unmarshal(pl.ev.Body(), &m); err != nil {
			return err
		}
		silent := max(50, levels.UsersDefault()+1)
		m["events_default"], m["invite"] = object(silent), object(silent)
		if levels.User(user) < silent {
			return nil
		}
		_, err = b.add(ctx, Draft{RoomID: oldRoom, Sender: user, Type: "m.room.power_levels", StateKey: new(string), Content: object(m)})
		return err
	})
}

// moveDirectory takes the aliases and the directory entry over to the new room.
func (s *Server) moveDirectory(ctx context.Context, user string, old *oldState, room string) error {
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		row, err := tx.Room(room)
		if err != nil {
			return err
		}
		return tx.MoveDirectory(old.nid, row.NID)
	})
	alias := old.state["m.room.canonical_alias"]
	if err != nil || alias == nil {
		return err
	}
	body := alias.Body()
	if _, err := s.Send(ctx, Draft{RoomID: room, Sender: user, Type: "m.room.canonical_alias", StateKey: new(string), Content: body}); err != nil {
		return err
	}
	_, err = s.Send(ctx, Draft{RoomID: old.id, Sender: user, Type: "m.room.canonical_alias", StateKey: new(string), Content: json.RawMessage("{}")})
	if matrixerr.Is(err, "M_FORBIDDEN") {
		return nil // the new room has the alias; the old one's label is only a label
	}
	return err
}

// carryOver: who joins a room that replaces one they were in finds their settings for
// the old one there ("Room upgrades").
func (b *batch) carryOver(ctx context.Context, user string) error {
	create, err := b.get(ctx, "m.room.create", "")
	if err != nil || create.ev == nil || b.s.settings == nil {
		return err
	}
	from, to := gjson.GetBytes(create.ev.Body(), "predecessor.room_id").Str, b.rm.id
	if from == "" || from == to {
		return nil
	}
	b.set.Do = append(b.set.Do, func(tx *storage.Tx) error {
		old, err := tx.Room(from)
		if err == nil {
			_, err = tx.Membership(old.NID, user)
		}
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return b.s.settings.CarryOver(tx, user, from, to)
	})
	return nil
}
