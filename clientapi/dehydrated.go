package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/userserver"
)

// PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device
func (a *API) putDehydrated(r *http.Request, c caller) (any, error) {
	var b userserver.DehydratedUpload
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	switch {
	case b.DeviceID == "":
		return nil, matrixerr.MissingParam("device_id is missing")
	case len(b.Data) == 0:
		return nil, matrixerr.MissingParam("device_data is missing")
	case len(b.DeviceKeys) == 0:
		return nil, matrixerr.MissingParam("device_keys is missing")
	}
	return map[string]string{"device_id": b.DeviceID}, a.users.PutDehydrated(r.Context(), c.User, b)
}

// GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device
func (a *API) getDehydrated(r *http.Request, c caller) (any, error) {
	d, err := a.users.Dehydrated(r.Context(), c.User)
	return map[string]any{"device_id": d.Device, "device_data": d.Data}, err
}

// DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device
func (a *API) deleteDehydrated(r *http.Request, c caller) (any, error) {
	device, err := a.users.DeleteDehydrated(r.Context(), c.User)
	return map[string]string{"device_id": device}, err
}

// GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events
func (a *API) dehydratedEvents(r *http.Request, c caller) (any, error) {
	return a.eventsOfDehydrated(r, c, r.URL.Query().Get("next_batch"))
}

// POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events
//
// An earlier draft of the proposal asks in this way, and so do clients.
func (a *API) postDehydratedEvents(r *http.Request, c caller) (any, error) {
	var b struct {
		Next string `json:"next_batch"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	return a.eventsOfDehydrated(r, c, b.Next)
}

func (a *API) eventsOfDehydrated(r *http.Request, c caller, from string) (any, error) {
	device, err := nameParam(r, "deviceID")
	if err != nil {
		return nil, err
	}
	var t token.Token
	if from != "" {
		if t, err = token.Parse(from); err != nil || t.IsPage() {
			return nil, matrixerr.InvalidParam("next_batch is not a token of this endpoint")
		}
	}
	list, last, err := a.users.DehydratedEvents(r.Context(), c.User, device, t.Pos)
	return map[string]any{"events": messagesJSON(list), "next_batch": token.Sync(last, 0, 0)}, err
}

func messagesJSON(list []storage.ToDeviceMessage) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(list))
	for _, m := range list {
		out = append(out, m.JSON())
	}
	return out
}
