package clientapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

// memberBody is the body of the membership endpoints.
type memberBody struct {
	UserID     string          `json:"user_id"`
	Reason     string          `json:"reason"`
	ThirdParty json.RawMessage `json:"third_party_signed"`
}

type roomID struct {
	Room string `json:"room_id"`
}

// POST /_matrix/client/v3/join/{roomIdOrAlias}, /rooms/{roomId}/join
func (a *API) join(r *http.Request, c caller) (any, error) {
	var b memberBody
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	if err := httpjson.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	target := param(r, "room")
	if !id.IsRoom(target) && !id.IsAlias(target) {
		return nil, matrixerr.InvalidParam("Neither a room id nor an alias")
	}
	o := roomserver.JoinOptions{Content: without(raw, "reason", "third_party_signed", "membership"), Reason: b.Reason, Guest: c.Guest, Servers: append(r.URL.Query()["via"], r.URL.Query()["server_name"]...)}
	if len(b.ThirdParty) > 0 && b.ThirdParty[0] == '{' {
		o.ThirdPartySigned = b.ThirdParty
	}
	if err := a.limit(a.joins, c.User); err != nil {
		return nil, err
	}
	room, err := a.rooms.Join(r.Context(), c.User, target, o)
	return roomID{room}, err
}

// without is an object less some of its keys.
func without(raw []byte, keys ...string) json.RawMessage {
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &m) != nil {
		return nil
	}
	for _, k := range keys {
		delete(m, k)
	}
	out, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return out
}

// POST /_matrix/client/v3/knock/{roomIdOrAlias}
func (a *API) knock(r *http.Request, c caller) (any, error) {
	var b memberBody
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	target := param(r, "room")
	if !id.IsRoom(target) && !id.IsAlias(target) {
		return nil, matrixerr.InvalidParam("Neither a room id nor an alias")
	}
	room, err := a.rooms.Knock(r.Context(), c.User, target, b.Reason)
	return roomID{room}, err
}

// POST /_matrix/client/v3/rooms/{roomId}/leave
func (a *API) leave(r *http.Request, c caller) (any, error) {
	room, b, err := member(r, false)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.rooms.Leave(r.Context(), c.User, room, b.Reason)
}

// POST /_matrix/client/v3/rooms/{roomId}/invite
func (a *API) invite(r *http.Request, c caller) (any, error) {
	room, b, err := member(r, true)
	if err != nil {
		return nil, err
	}
	if err := a.limit(a.invites, c.User); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.rooms.Invite(r.Context(), c.User, room, b.UserID, b.Reason, false)
}

// POST /_matrix/client/v3/rooms/{roomId}/kick
func (a *API) kick(r *http.Request, c caller) (any, error) { return a.moderate(r, c, a.rooms.Kick) }

// POST /_matrix/client/v3/rooms/{roomId}/ban
func (a *API) ban(r *http.Request, c caller) (any, error) { return a.moderate(r, c, a.rooms.Ban) }

// POST /_matrix/client/v3/rooms/{roomId}/unban
func (a *API) unban(r *http.Request, c caller) (any, error) { return a.moderate(r, c, a.rooms.Unban) }

func (a *API) moderate(r *http.Request, c caller, act func(ctx context.Context, sender, room, target, reason string) error) (any, error) {
	room, b, err := member(r, true)
	if err != nil {
		return nil, err
	}
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, act(r.Context(), c.User, room, b.UserID, b.Reason)
}

// member reads the room and the body of a membership request.
func member(r *http.Request, target bool) (room string, b memberBody, err error) {
	if room, err = roomParam(r); err != nil {
		return "", b, err
	}
	if err = httpjson.Decode(r, &b); err != nil || !target {
		return room, b, err
	}
	if b.UserID == "" {
		return room, b, matrixerr.MissingParam("user_id is missing")
	}
	if !id.IsUser(b.UserID) {
		return room, b, matrixerr.InvalidParam("user_id is not a user id")
	}
	return room, b, nil
}

// POST /_matrix/client/v3/rooms/{roomId}/forget
func (a *API) forget(r *http.Request, c caller) (any, error) {
	room, _, err := member(r, false)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.rooms.Forget(r.Context(), c.User, room)
}

// POST /_matrix/client/v3/rooms/{roomId}/upgrade
func (a *API) upgrade(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	var b struct {
		Version  string   `json:"new_version"`
		Creators []string `json:"additional_creators"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Version == "" {
		return nil, matrixerr.MissingParam("new_version is missing")
	}
	for _, u := range b.Creators {
		if !id.IsUser(u) {
			return nil, matrixerr.InvalidParam("additional_creators holds something that is not a user id")
		}
	}
	next, err := a.rooms.Upgrade(r.Context(), c.User, room, b.Version, b.Creators)
	if err != nil {
		return nil, err
	}
	return map[string]string{"replacement_room": next}, nil
}
