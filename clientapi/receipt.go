package clientapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}
func (a *API) receipt(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	var b struct {
		Thread *string `json:"thread_id"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	thread := ""
	if b.Thread != nil {
		if thread = *b.Thread; thread != "main" && !id.IsEvent(thread) {
			return nil, matrixerr.InvalidParam("thread_id is main, or the id of an event")
		}
	}
	switch kind := param(r, "type"); kind {
	case "m.read", "m.read.private":
		return httpjson.Empty{}, a.rooms.PutReceipt(r.Context(), c.reader(), room, kind, param(r, "eventID"), thread)
	case "m.fully_read":
		if thread != "" {
			return nil, matrixerr.InvalidParam("m.fully_read knows no threads")
		}
		return httpjson.Empty{}, a.fullyRead(r, c, room, param(r, "eventID"))
	}
	return nil, matrixerr.InvalidParam("Unknown type of receipt")
}

func (a *API) fullyRead(r *http.Request, c caller, room, event string) error {
	if err := a.rooms.CheckMember(r.Context(), c.User, room); err != nil {
		return err
	}
	raw, err := json.Marshal(map[string]string{"event_id": event})
	if err != nil {
		return err
	}
	return a.users.SetAccountData(r.Context(), c.User, room, "m.fully_read", raw)
}

// POST /_matrix/client/v3/rooms/{roomId}/read_markers
func (a *API) readMarkers(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	var b struct {
		Full    string `json:"m.fully_read"`
		Read    string `json:"m.read"`
		Private string `json:"m.read.private"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	for kind, event := range map[string]string{"m.read": b.Read, "m.read.private": b.Private} {
		if event == "" {
			continue
		}
		if err := a.rooms.PutReceipt(r.Context(), c.reader(), room, kind, event, ""); err != nil {
			return nil, err
		}
	}
	if b.Full == "" {
		return httpjson.Empty{}, nil
	}
	return httpjson.Empty{}, a.fullyRead(r, c, room, b.Full)
}

// defaultTyping is how long somebody types who does not say how long.
const defaultTyping = 30 * time.Second

// PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}
func (a *API) typing(r *http.Request, c caller) (any, error) {
	room, err := roomParam(r)
	if err != nil {
		return nil, err
	}
	if err := userParam(r, c); err != nil {
		return nil, err
	}
	var b struct {
		Typing  *bool  `json:"typing"`
		Timeout *int64 `json:"timeout"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Typing == nil {
		return nil, matrixerr.MissingParam("typing is missing")
	}
	d := defaultTyping
	if b.Timeout != nil {
		if *b.Timeout < 0 {
			return nil, matrixerr.InvalidParam("timeout must not be negative")
		}
		d = time.Duration(min(*b.Timeout, 1<<31)) * time.Millisecond
	}
	return httpjson.Empty{}, a.rooms.SetTyping(r.Context(), c.User, room, *b.Typing, d)
}
