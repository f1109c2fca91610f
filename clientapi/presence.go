package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// atTheDevice are the routes whose use shows that somebody is there ("Last active ago":
// "a pro-active event may be sending a message to a room").
var atTheDevice = map[string]bool{
	"PUT /rooms/{roomID}/send/{type}/{txnID}":       true,
	"PUT /rooms/{roomID}/state/{type}/{key}":        true,
	"PUT /rooms/{roomID}/state/{type}/":             true,
	"PUT /rooms/{roomID}/state/{type}":              true,
	"PUT /rooms/{roomID}/redact/{eventID}/{txnID}":  true,
	"PUT /rooms/{roomID}/typing/{userID}":           true,
	"POST /rooms/{roomID}/receipt/{type}/{eventID}": true,
	"POST /rooms/{roomID}/read_markers":             true,
	"POST /createRoom":                              true,
	"POST /join/{room}":                             true,
	"POST /rooms/{room}/join":                       true,
}

// noted makes a handler tell that its caller is active, when it let them.
func (a *API) noted(rt route) func(r *http.Request, c caller) (any, error) {
	if !atTheDevice[rt.method+" "+rt.path] {
		return rt.handle
	}
	return func(r *http.Request, c caller) (any, error) {
		out, err := rt.handle(r, c)
		if err == nil {
			a.users.Active(c.Session)
		}
		return out, err
	}
}

// GET /_matrix/client/v3/presence/{userId}/status: for who is in a room with them.
func (a *API) getPresence(r *http.Request, c caller) (any, error) {
	user, err := profileUser(r)
	if err != nil {
		return nil, err
	}
	p, err := a.users.PresenceFor(r.Context(), c.User, user)
	if err != nil {
		return nil, err
	}
	return p.Content(a.clock().UnixMilli()), nil
}

// PUT /_matrix/client/v3/presence/{userId}/status: only one's own.
func (a *API) putPresence(r *http.Request, c caller) (any, error) {
	if err := userParam(r, c); err != nil {
		return nil, err
	}
	var b struct {
		Presence *string `json:"presence"`
		Status   *string `json:"status_msg"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Presence == nil {
		return nil, matrixerr.MissingParam("presence is missing")
	}
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	status := ""
	if b.Status != nil {
		status = *b.Status
	}
	return httpjson.Empty{}, a.users.SetPresence(r.Context(), c.Session, *b.Presence, status)
}
