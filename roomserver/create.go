package roomserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/storage"
)

// CreateRequest is what POST /createRoom says, checked for form at the door.
type CreateRequest struct {
	Creator            string
	Version            string
	Visibility         string // public, private or ""
	Preset             string // private_chat, trusted_private_chat, public_chat or ""
	Name               string
	Topic              string
	AliasName          string // localpart
	Invite             []string
	CreationContent    json.RawMessage
	PowerLevelOverride json.RawMessage
	InitialState       []StateDraft
	IsDirect           bool
}

// StateDraft is a state event of initial_state.
type StateDraft struct {
	Type     string
	StateKey string
	Content  json.RawMessage
}

// CreateRoom makes a room with all its first events in one commit: it is there
// whole, or not at all. The order is that of the specification ("Creation",
// client-server API).
func (s *Server) CreateRoom(ctx context.Context, req CreateRequest) (room, alias string, err error) {
	return s.create(ctx, req, nil)
}

// create runs then, when given, on the batch of the new room before it is stored.
func (s *Server) create(ctx context.Context, req CreateRequest, then func(*batch) error) (room, alias string, err error) {
	rules, err := s.checkCreate(ctx, &req)
	if err != nil {
		return "", "", err
	}
	if req.AliasName != "" {
		alias = "#" + req.AliasName + ":" + s.name
		if _, _, err := s.ResolveAlias(ctx, alias); err == nil {
			return "", "", errAliasTaken
		}
	}
	b, err := s.newRoom(ctx, rules, req)
	if err != nil {
		return "", "", err
	}
	b.rm.mu.Lock()
	err = b.fillRoom(ctx, req, alias)
	if err == nil && then != nil {
		err = then(b)
	}
	f, err := b.finish(err)
	b.rm.mu.Unlock()
	if err != nil {
		return "", "", asInvalidState(err)
	}
	err = s.await(b.rm, b, f)
	if errors.Is(err, storage.ErrExists) && alias != "" {
		return "", "", errAliasTaken
	}
	if err != nil {
		return "", "", err
	}
	b.rm.mu.Lock()
	b.rm.chains = nil // from now on the index is the stored one
	b.rm.flight = nil
	b.rm.over = newOverlay()
	b.rm.mu.Unlock()
	s.keepRoom(b.rm)
	return b.rm.id, alias, nil
}

var errAliasTaken = matrixerr.New(400, "M_ROOM_IN_USE", "This alias is taken")

// asInvalidState: what the auth rules refuse of a room that is being made is a
// fault of the request's parameters, not of a right.
func asInvalidState(err error) error {
	if matrixerr.Is(err, "M_FORBIDDEN") {
		return matrixerr.New(400, "M_INVALID_ROOM_STATE", "The room cannot be made so: "+err.Error())
	}
	return err
}

func (s *Server) checkCreate(ctx context.Context, req *CreateRequest) (*event.Rules, error) {
	if err := s.policy.Decide(ctx, policy.Actor{User: req.Creator}, policy.CreateRoom, policy.Object{}); err != nil {
		return nil, err
	}
	version := event.Version(req.Version)
	if version == "" {
		version = s.version
	}
	rules := event.RulesOf(version)
	if rules == nil {
		return nil, matrixerr.New(400, "M_UNSUPPORTED_ROOM_VERSION", "This server does not know that room version")
	}
	for _, user := range req.Invite {
		if !s.isLocal(user) {
			return nil, errFederationOff
		}
	}
	if req.Preset == "" {
		req.Preset = "private_chat"
		if req.Visibility == "public" {
			req.Preset = "public_chat"
		}
	}
	return rules, nil
}

// newRoom makes the batch of a room that does not exist yet, with its create event.
func (s *Server) newRoom(ctx context.Context, rules *event.Rules, req CreateRequest) (*batch, error) {
	nid, err := s.db.NextIDs(ctx, "room", 1)
	if err != nil {
		return nil, err
	}
	rm := &room{}
	rm.reset(nid, rules)
	if !rules.RoomIDFromCreate {
		rm.id = id.NewRoomID(s.rand, s.name)
	}
	// A room that is not stored yet has no index to ask.
	rm.chains = newChainCache(authchain.NewOverlay(authchain.Nothing{}))
	b := s.begin(rm)
	b.set.NewRoom = &storage.NewRoom{Version: string(rules.Version)}
	ev, err := b.add(ctx, Draft{RoomID: rm.id, Sender: req.Creator, Type: "m.room.create", StateKey: new(string),
		Content: createContent(rules, req), Timestamp: s.newTime()})
	if err != nil {
		return nil, asInvalidState(err)
	}
	rm.id = ev.Room()
	b.set.RoomID = rm.id
	return b, nil
}

// newTime is the time, in ms, and never the same twice: in room version 12 the
// create event's hash is the room's id, and two rooms of one user made in the same
// millisecond would be one.
func (s *Server) newTime() int64 {
	for {
		last := s.lastCreate.Load()
		now := max(s.now(), last+1)
		if s.lastCreate.CompareAndSwap(last, now) {
			return now
		}
	}
}

func createContent(rules *event.Rules, req CreateRequest) json.RawMessage {
	m := map[string]any{}
	if len(req.CreationContent) > 0 {
		var extra map[string]json.RawMessage
		_ = json.Unmarshal(req.CreationContent, &extra)
		for k, v := range extra {
			m[k] = v
		}
	}
	m["room_version"] = rules.Version
	delete(m, "creator")
	if !rules.ImplicitCreator {
		m["creator"] = req.Creator
	}
	if rules.PrivilegedCreators && req.Preset == "trusted_private_chat" {
		m["additional_creators"] = union(additionalCreators(req.CreationContent), req.Invite)
	}
	return object(m)
}

func additionalCreators(content json.RawMessage) []string {
	var out []string
	for _, u := range gjson.GetBytes(content, "additional_creators").Array() {
		out = append(out, u.Str)
	}
	return out
}

func union(a, b []string) []string {
	out := append([]string{}, a...)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// fillRoom adds everything after the create event.
func (b *batch) fillRoom(ctx context.Context, req CreateRequest, alias string) error {
	name, avatar, err := b.s.profile(ctx, req.Creator)
	if err != nil {
		return err
	}
	if _, err := b.add(ctx, memberDraft(b.rm.id, req.Creator, req.Creator, memberContent{membership: "join", name: name, avatar: avatar})); err != nil {
		return err
	}
	for _, st := range b.firstState(req, alias) {
		key := st.StateKey
		d := Draft{RoomID: b.rm.id, Sender: req.Creator, Type: st.Type, StateKey: &key, Content: st.Content}
		if _, err := b.add(ctx, d); err != nil {
			return err
		}
	}
	for _, user := range req.Invite {
		name, avatar, err := b.s.profile(ctx, user)
		if err != nil {
			return err
		}
		c := memberContent{membership: "invite", name: name, avatar: avatar, isDirect: req.IsDirect}
		if _, err := b.add(ctx, memberDraft(b.rm.id, req.Creator, user, c)); err != nil {
			return err
		}
	}
	b.directory(req, alias)
	return nil
}

func (b *batch) directory(req CreateRequest, alias string) {
	nid := b.rm.nid
	if alias != "" {
		b.set.Do = append(b.set.Do, func(tx *storage.Tx) error { return tx.PutAlias(alias, nid, req.Creator) })
	}
	if req.Visibility == "public" {
		b.set.Do = append(b.set.Do, func(tx *storage.Tx) error { return tx.SetPublished(nid, true) })
	}
}

// firstState lists the state events between the creator's join and the invites:
// power levels, alias, the preset's, initial_state (which replaces the preset's),
// name and topic (which replace both).
func (b *batch) firstState(req CreateRequest, alias string) []StateDraft {
	var list []StateDraft
	put := func(kind, key string, content any) {
		raw, ok := content.(json.RawMessage)
		if !ok {
			raw = object(content)
		}
		for i, st := range list {
			if st.Type == kind && st.StateKey == key {
				list[i].Content = raw
				return
			}
		}
		list = append(list, StateDraft{kind, key, raw})
	}
	put("m.room.power_levels", "", powerLevels(b.rm.rules, req))
	if alias != "" {
		put("m.room.canonical_alias", "", map[string]string{"alias": alias})
	}
	p := presets[req.Preset]
	put("m.room.join_rules", "", map[string]string{"join_rule": p.joinRule})
	put("m.room.history_visibility", "", map[string]string{"history_visibility": "shared"})
	put("m.room.guest_access", "", map[string]string{"guest_access": p.guestAccess})
	for _, st := range req.InitialState {
		put(st.Type, st.StateKey, st.Content)
	}
	if req.Name != "" {
		put("m.room.name", "", map[string]string{"name": req.Name})
	}
	if req.Topic != "" {
		put("m.room.topic", "", map[string]any{"topic": req.Topic,
			"m.topic": map[string]any{"m.text": []any{map[string]string{"body": req.Topic}}}})
	}
	return list
}

var presets = map[string]struct{ joinRule, guestAccess string }{
	"private_chat":         {"invite", "can_join"},
	"trusted_private_chat": {"invite", "can_join"},
	"public_chat":          {"public", "forbidden"},
}

// powerLevels are the first power levels of a room: the creator's, those of a
// trusted chat's guests, and the request's override of any of the keys.
func powerLevels(rules *event.Rules, req CreateRequest) json.RawMessage {
	users := map[string]any{}
	if !rules.PrivilegedCreators {
		users[req.Creator] = 100
		if req.Preset == "trusted_private_chat" {
			for _, u := range req.Invite {
				users[u] = 100
			}
		}
	}
	tombstone := 100
	if rules.PrivilegedCreators {
		tombstone = 150 // an upgrade is the creators' alone
	}
	m := map[string]any{
		"users": users, "users_default": 0, "events_default": 0, "state_default": 50,
		"ban": 50, "kick": 50, "redact": 50, "invite": 0,
		"events": map[string]int{
			"m.room.name": 50, "m.room.avatar": 50, "m.room.canonical_alias": 50,
			"m.room.power_levels": 100, "m.room.history_visibility": 100, "m.room.encryption": 100,
			"m.room.server_acl": 100, "m.room.tombstone": tombstone,
		},
	}
	var override map[string]json.RawMessage
	if json.Unmarshal(req.PowerLevelOverride, &override) == nil {
		for k, v := range override {
			m[k] = v
		}
	}
	return object(m)
}

// keepRoom puts a new room among the active ones, unless somebody was faster.
func (s *Server) keepRoom(rm *room) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	if s.rooms.rooms[rm.id] == nil && len(s.rooms.rooms) < roomCacheSize {
		s.rooms.rooms[rm.id] = rm
	}
}
