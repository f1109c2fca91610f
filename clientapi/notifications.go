package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
)

// Limits of a page of notifications.
const (
	defaultNotifications = 50
	maxNotifications     = 500
)

type notificationJSON struct {
	Actions []json.RawMessage `json:"actions"`
	Event   json.RawMessage   `json:"event"`
	Read    bool              `json:"read"`
	RoomID  string            `json:"room_id"`
	TS      int64             `json:"ts"`
}

// GET /_matrix/client/v3/notifications
func (a *API) notifications(r *http.Request, c caller) (any, error) {
	limit, err := number(r, "limit", defaultNotifications, maxNotifications)
	if err != nil {
		return nil, err
	}
	if limit == 0 {
		return nil, matrixerr.InvalidParam("limit must be more than nothing")
	}
	q := r.URL.Query()
	list, next, err := a.rooms.Notifications(r.Context(), c.reader(), roomserver.NotificationsRequest{From: q.Get("from"), Limit: limit,
		Highlights: q.Get("only") == "highlight"})
	if err != nil {
		return nil, err
	}
	now := a.clock().UnixMilli()
	out := make([]notificationJSON, 0, len(list))
	for _, n := range list {
		out = append(out, notificationJSON{n.Actions, roomserver.Format(nil, n.Visible, true, now), n.Read, n.RoomID, n.Timestamp()})
	}
	answer := map[string]any{"notifications": out}
	if next != "" {
		answer["next_token"] = next
	}
	return answer, nil
}
