package clientapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

// createRoomBody is the body of POST /createRoom.
type createRoomBody struct {
	Visibility   string            `json:"visibility"`
	AliasName    string            `json:"room_alias_name"`
	Name         string            `json:"name"`
	Topic        string            `json:"topic"`
	Invite       []string          `json:"invite"`
	Invite3PID   []json.RawMessage `json:"invite_3pid"`
	Version      string            `json:"room_version"`
	Creation     json.RawMessage   `json:"creation_content"`
	InitialState []struct {
		Type     string          `json:"type"`
		StateKey string          `json:"state_key"`
		Content  json.RawMessage `json:"content"`
	} `json:"initial_state"`
	Preset      string          `json:"preset"`
	IsDirect    bool            `json:"is_direct"`
	PowerLevels json.RawMessage `json:"power_level_content_override"`
}

// POST /_matrix/client/v3/createRoom
func (a *API) createRoom(r *http.Request, c caller) (any, error) {
	var b createRoomBody
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if err := a.limit(a.creations, c.User); err != nil {
		return nil, err
	}
	if err := b.check(a.set.ServerName); err != nil {
		return nil, err
	}
	req := roomserver.CreateRequest{Creator: c.User, Version: b.Version, Visibility: b.Visibility, Preset: b.Preset, Name: b.Name,
		Topic: b.Topic, AliasName: b.AliasName, Invite: b.Invite, CreationContent: b.Creation, PowerLevelOverride: b.PowerLevels, IsDirect: b.IsDirect}
	for _, st := range b.InitialState {
		req.InitialState = append(req.InitialState, roomserver.StateDraft{Type: st.Type, StateKey: st.StateKey, Content: st.Content})
	}
	room, alias, err := a.rooms.CreateRoom(r.Context(), req)
	if err != nil {
		return nil, err
	}
	out := map[string]string{"room_id": room}
	if alias != "" {
		out["room_alias"] = alias
	}
	return out, nil
}

func (b *createRoomBody) check(server string) error {
	switch b.Visibility {
	case "", "public", "private":
	default:
		return matrixerr.InvalidParam("visibility is public or private")
	}
	switch b.Preset {
	case "", "private_chat", "trusted_private_chat", "public_chat":
	default:
		return matrixerr.InvalidParam("Unknown preset")
	}
	if len(b.Invite3PID) > 0 {
		return matrixerr.New(http.StatusForbidden, "M_THREEPID_DENIED", "This server has no identity server to invite addresses by")
	}
	for _, u := range b.Invite {
		if !id.IsUser(u) {
			return matrixerr.InvalidParam("invite holds something that is not a user id")
		}
	}
	if b.AliasName != "" && (strings.ContainsAny(b.AliasName, ":#\x00 \t") || !id.IsAlias("#"+b.AliasName+":"+server)) {
		return matrixerr.InvalidParam("room_alias_name is not usable in an alias")
	}
	for _, raw := range []json.RawMessage{b.Creation, b.PowerLevels} {
		if len(raw) > 0 && string(raw) != "null" && raw[0] != '{' {
			return matrixerr.BadJSON("creation_content and power_level_content_override are objects")
		}
	}
	for _, st := range b.InitialState {
		if st.Type == "" || st.Type == "m.room.create" || st.Type == "m.room.member" {
			return matrixerr.InvalidParam("initial_state cannot hold " + st.Type)
		}
		if len(st.Content) == 0 || st.Content[0] != '{' {
			return matrixerr.BadJSON("initial_state needs a content, an object")
		}
	}
	return nil
}
