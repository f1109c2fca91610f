package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// ownData is the room and the type of account data under the caller's own /user; the
// room is "" when the path has none.
func ownData(r *http.Request, c caller) (room, kind string, err error) {
	if room, err = ownRoom(r, c); err == nil {
		kind, err = nameParam(r, "type")
	}
	return room, kind, err
}

// ownRoom is the room of a path under the caller's own /user; "" when there is none.
func ownRoom(r *http.Request, c caller) (string, error) {
	if err := userParam(r, c); err != nil {
		return "", err
	}
	room := param(r, "roomID")
	if room != "" && !id.IsRoom(room) {
		return "", matrixerr.InvalidParam("Not a room id")
	}
	return room, nil
}

// GET /_matrix/client/v3/user/{userId}/account_data/{type}, and under rooms/{roomId}
func (a *API) getAccountData(r *http.Request, c caller) (any, error) {
	room, kind, err := ownData(r, c)
	if err != nil {
		return nil, err
	}
	raw, err := a.users.AccountData(r.Context(), c.User, room, kind)
	return httpjson.Raw(raw), err
}

// PUT /_matrix/client/v3/user/{userId}/account_data/{type}, and under rooms/{roomId}
func (a *API) putAccountData(r *http.Request, c caller) (any, error) {
	room, kind, err := ownData(r, c)
	if err != nil {
		return nil, err
	}
	if err := ofTheServer(kind); err != nil {
		return nil, err
	}
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.SetAccountData(r.Context(), c.User, room, kind, raw)
}

// DELETE /_matrix/client/unstable/org.matrix.msc3391/user/{userId}/account_data/{type},
// and under rooms/{roomId} (MSC3391)
func (a *API) deleteAccountData(r *http.Request, c caller) (any, error) {
	room, kind, err := ownData(r, c)
	if err != nil {
		return nil, err
	}
	if err := ofTheServer(kind); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.DeleteAccountData(r.Context(), c.User, room, kind)
}

// ofTheServer refuses to change what has endpoints of its own ("Account data").
func ofTheServer(kind string) error {
	if kind == "m.fully_read" || kind == "m.push_rules" {
		return matrixerr.New(http.StatusMethodNotAllowed, "M_BAD_JSON", kind+" has endpoints of its own")
	}
	return nil
}
