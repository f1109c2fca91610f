package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

// Limits of a page of events.
const (
	defaultPage = 10
	maxPage     = 1000
)

// format writes events for clients.
func (a *API) format(list []roomserver.Visible) []json.RawMessage {
	now := a.clock().UnixMilli()
	out := make([]json.RawMessage, 0, len(list))
	for _, v := range list {
		out = append(out, roomserver.Format(nil, v, false, now))
	}
	return out
}

// GET /_matrix/client/v3/rooms/{roomId}/messages
func (a *API) page(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	req := roomserver.MessagesRequest{From: q.Get("from"), To: q.Get("to")}
	switch q.Get("dir") {
	case "b":
		req.Backwards = true
	case "f", "": // required, but clients of before version 1.3 left it out
	default:
		return nil, matrixerr.InvalidParam("dir is b or f")
	}
	if req.Limit, err = number(r, "limit", defaultPage, maxPage); err != nil {
		return nil, err
	}
	if req.Filter, err = filter.ParseRoomEvents(q.Get("filter")); err != nil {
		return nil, err
	}
	p, err := a.rooms.Messages(r.Context(), c.reader(), room, req)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"chunk": a.format(p.Events), "start": p.Start}
	if p.End != "" {
		out["end"] = p.End
	}
	if len(p.State) > 0 {
		out["state"] = a.format(p.State)
	}
	return out, nil
}

// GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}
func (a *API) context(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", defaultPage, maxPage)
	if err != nil {
		return nil, err
	}
	f, err := filter.ParseRoomEvents(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	s, err := a.rooms.Context(r.Context(), c.reader(), room, param(r, "eventID"), limit, f)
	if err != nil {
		return nil, err
	}
	return map[string]any{"event": a.format([]roomserver.Visible{s.Event})[0], "events_before": a.format(s.Before),
		"events_after": a.format(s.After), "state": a.format(s.State), "start": s.Start, "end": s.End}, nil
}

// GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}
func (a *API) getEvent(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	v, err := a.rooms.Event(r.Context(), c.reader(), room, param(r, "eventID"))
	if err != nil {
		return nil, err
	}
	return a.format([]roomserver.Visible{v})[0], nil
}

// GET /_matrix/client/v3/rooms/{roomId}/state
func (a *API) getState(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	list, err := a.rooms.State(r.Context(), c.reader(), room)
	if err != nil {
		return nil, err
	}
	return a.format(list), nil
}

// GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}
func (a *API) getStateEvent(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	v, err := a.rooms.StateEvent(r.Context(), c.reader(), room, param(r, "type"), param(r, "key"))
	if err != nil {
		return nil, err
	}
	if r.URL.Query().Get("format") == "event" {
		return a.format([]roomserver.Visible{v})[0], nil
	}
	return httpjson.Raw(v.Body()), nil
}

// GET /_matrix/client/v3/rooms/{roomId}/members
func (a *API) members(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	for _, m := range []string{q.Get("membership"), q.Get("not_membership")} {
		switch m {
		case "", "join", "invite", "knock", "leave", "ban":
		default:
			return nil, matrixerr.InvalidParam("Unknown membership " + m)
		}
	}
	list, err := a.rooms.Members(r.Context(), c.reader(), room, q.Get("at"), q.Get("membership"), q.Get("not_membership"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"chunk": a.format(list)}, nil
}

// GET /_matrix/client/v3/rooms/{roomId}/joined_members
func (a *API) joinedMembers(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	m, err := a.rooms.JoinedMembers(r.Context(), c.reader(), room)
	return map[string]any{"joined": m}, err
}

// GET /_matrix/client/v3/joined_rooms
func (a *API) joinedRooms(r *http.Request, c caller) (any, error) {
	rooms, err := a.rooms.JoinedRooms(r.Context(), c.User)
	return map[string]any{"joined_rooms": rooms}, err
}

// userParam is the user of the path, who must be the caller.
func userParam(r *http.Request, c caller) error {
	if user := param(r, "userID"); !id.IsUser(user) {
		return matrixerr.InvalidParam("Not a user id")
	} else if user != c.User {
		return matrixerr.Forbidden("That is another user's")
	}
	return nil
}
