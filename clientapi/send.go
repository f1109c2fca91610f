package clientapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

type eventID struct {
	ID string `json:"event_id"`
}

// PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}
func (a *API) send(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	content, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	kind := param(r, "type")
	txn := roomserver.Txn{Device: c.Device, Path: "send/" + room + "/" + kind, ID: param(r, "txnID")}
	if kind == "m.room.redaction" {
		var body struct {
			Redacts string `json:"redacts"`
		}
		if err := httpjson.Unmarshal(content, &body); err != nil {
			return nil, err
		}
		sent, err := a.rooms.Redact(r.Context(), room, c.User, body.Redacts, content, txn)
		return eventID{sent.EventID}, err
	}
	sent, err := a.rooms.Send(r.Context(), roomserver.Draft{RoomID: room, Sender: c.User, Type: kind, Content: content, Txn: txn})
	return eventID{sent.EventID}, err
}

// PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}
func (a *API) redact(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	content, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	var body struct {
		Reason *string `json:"reason"`
	}
	if err := httpjson.Unmarshal(content, &body); err != nil {
		return nil, err
	}
	out := map[string]any{}
	if body.Reason != nil {
		out["reason"] = *body.Reason
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	target := param(r, "eventID")
	txn := roomserver.Txn{Device: c.Device, Path: "redact/" + room + "/" + target, ID: param(r, "txnID")}
	sent, err := a.rooms.Redact(r.Context(), room, c.User, target, raw, txn)
	return eventID{sent.EventID}, err
}

// PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}
func (a *API) putState(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	content, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	key := param(r, "key")
	sent, err := a.rooms.Send(r.Context(), roomserver.Draft{RoomID: room, Sender: c.User, Type: param(r, "type"), StateKey: &key, Content: content, Guest: c.Guest})
	return eventID{sent.EventID}, err
}

// number is an integer of the query, within bounds; missing gives the default.
func number(r *http.Request, name string, byDefault, highest int) (int, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, matrixerr.InvalidParam(name + " must be a number, and not negative")
	}
	return min(n, highest), nil
}
