package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

func profileUser(r *http.Request) (string, error) {
	user := param(r, "userID")
	if !id.IsUser(user) {
		return "", matrixerr.InvalidParam("Not a user id")
	}
	return user, nil
}

// GET /_matrix/client/v3/profile/{userId}
func (a *API) getProfile(r *http.Request, _ caller) (any, error) {
	user, err := profileUser(r)
	if err != nil {
		return nil, err
	}
	return a.users.Profile(r.Context(), user)
}

// GET /_matrix/client/v3/profile/{userId}/{keyName}
func (a *API) getProfileField(r *http.Request, _ caller) (any, error) {
	user, err := profileUser(r)
	if err != nil {
		return nil, err
	}
	fields, err := a.users.Profile(r.Context(), user)
	if err != nil {
		return nil, err
	}
	field := param(r, "field")
	v, ok := fields[field]
	if !ok {
		return nil, matrixerr.NotFound("The profile has no such field")
	}
	return map[string]json.RawMessage{field: v}, nil
}

// PUT /_matrix/client/v3/profile/{userId}/{keyName}
func (a *API) putProfileField(r *http.Request, c caller) (any, error) {
	field, err := ownField(r, c)
	if err != nil {
		return nil, err
	}
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, matrixerr.BadJSON("The body is not an object")
	}
	v, ok := m[field]
	if !ok {
		return nil, matrixerr.MissingParam("The body has no " + field)
	}
	if text := string(v); (field == "displayname" || field == "avatar_url") && (text == "null" || text == `""`) {
		v = nil // how clients took them away before there was DELETE
	}
	return httpjson.Empty{}, a.users.SetProfile(r.Context(), c.User, field, v)
}

// DELETE /_matrix/client/v3/profile/{userId}/{keyName}
func (a *API) deleteProfileField(r *http.Request, c caller) (any, error) {
	field, err := ownField(r, c)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.SetProfile(r.Context(), c.User, field, nil)
}

// ownField is the field of a request to change the caller's own profile. "Guest users
// may only modify their display name" ("Guest access").
func ownField(r *http.Request, c caller) (string, error) {
	field := param(r, "field")
	if c.Guest && field != "displayname" {
		return "", matrixerr.GuestForbidden()
	}
	return field, userParam(r, c)
}
