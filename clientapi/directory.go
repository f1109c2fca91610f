package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

func aliasParam(r *http.Request) (string, error) {
	alias := param(r, "alias")
	if !id.IsAlias(alias) {
		return "", matrixerr.InvalidParam("Not a room alias")
	}
	return alias, nil
}

// GET /_matrix/client/v3/directory/room/{roomAlias}
func (a *API) getAlias(r *http.Request, _ caller) (any, error) {
	alias, err := aliasParam(r)
	if err != nil {
		return nil, err
	}
	room, servers, err := a.rooms.ResolveAlias(r.Context(), alias)
	return map[string]any{"room_id": room, "servers": servers}, err
}

// PUT /_matrix/client/v3/directory/room/{roomAlias}
func (a *API) putAlias(r *http.Request, c caller) (any, error) {
	alias, err := aliasParam(r)
	if err != nil {
		return nil, err
	}
	var b roomID
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if !id.IsRoom(b.Room) {
		return nil, matrixerr.InvalidParam("room_id is not a room id")
	}
	return httpjson.Empty{}, a.rooms.CreateAlias(r.Context(), c.User, alias, b.Room)
}

// DELETE /_matrix/client/v3/directory/room/{roomAlias}
func (a *API) deleteAlias(r *http.Request, c caller) (any, error) {
	alias, err := aliasParam(r)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.rooms.DeleteAlias(r.Context(), c.User, alias)
}

// GET /_matrix/client/v3/rooms/{roomId}/aliases
func (a *API) roomAliases(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	list, err := a.rooms.AliasesOf(r.Context(), c.reader(), room)
	if list == nil {
		list = []string{}
	}
	return map[string]any{"aliases": list}, err
}

// GET /_matrix/client/v3/directory/list/room/{roomId}
func (a *API) getVisibility(r *http.Request, _ caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	v, err := a.rooms.DirectoryVisibility(r.Context(), a.perhaps(r), room)
	return map[string]string{"visibility": v}, err
}

// PUT /_matrix/client/v3/directory/list/room/{roomId}
func (a *API) putVisibility(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	var b struct {
		Visibility string `json:"visibility"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Visibility != "" && b.Visibility != "public" && b.Visibility != "private" {
		return nil, matrixerr.InvalidParam("visibility is public or private")
	}
	return httpjson.Empty{}, a.rooms.SetDirectoryVisibility(r.Context(), c.User, room, b.Visibility != "private")
}

// GET /_matrix/client/v3/publicRooms
func (a *API) publicRooms(r *http.Request, _ caller) (any, error) {
	limit, err := number(r, "limit", 0, 500)
	if err != nil {
		return nil, err
	}
	return a.rooms.PublicRooms(r.Context(), roomserver.PublicRoomsRequest{Limit: limit, Since: r.URL.Query().Get("since")})
}

// POST /_matrix/client/v3/publicRooms
func (a *API) searchPublicRooms(r *http.Request, _ caller) (any, error) {
	var b struct {
		Limit  int    `json:"limit"`
		Since  string `json:"since"`
		Filter struct {
			Term  string     `json:"generic_search_term"`
			Types *[]*string `json:"room_types"`
		} `json:"filter"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	q := roomserver.PublicRoomsRequest{Limit: b.Limit, Since: b.Since, Search: b.Filter.Term}
	if b.Filter.Types != nil {
		q.RoomTypes = []string{}
		for _, t := range *b.Filter.Types {
			if t == nil {
				q.RoomTypes = append(q.RoomTypes, "")
			} else {
				q.RoomTypes = append(q.RoomTypes, *t)
			}
		}
	}
	return a.rooms.PublicRooms(r.Context(), q)
}
