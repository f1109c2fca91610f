package clientapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// pusherJSON is a pusher as its user reads it, with what MSC3881 adds: on which
// device it is, and whether it sends.
type pusherJSON struct {
	AppID      string          `json:"app_id"`
	Key        string          `json:"pushkey"`
	Kind       string          `json:"kind"`
	AppName    string          `json:"app_display_name"`
	DeviceName string          `json:"device_display_name"`
	ProfileTag string          `json:"profile_tag,omitempty"`
	Lang       string          `json:"lang"`
	Data       json.RawMessage `json:"data"`
	Enabled    bool            `json:"org.matrix.msc3881.enabled"`
	Device     string          `json:"org.matrix.msc3881.device_id,omitempty"`
}

// GET /_matrix/client/v3/pushers
func (a *API) pushers(r *http.Request, c caller) (any, error) {
	list, err := a.users.Pushers(r.Context(), c.User)
	out := make([]pusherJSON, 0, len(list))
	for _, p := range list {
		out = append(out, pusherJSON{AppID: p.AppID, Key: p.Key, Kind: p.Kind, AppName: p.AppName, DeviceName: p.DeviceName,
			ProfileTag: p.ProfileTag, Lang: p.Lang, Data: p.Data, Enabled: p.Enabled, Device: p.Device})
	}
	return map[string]any{"pushers": out}, err
}

// pusherBody is what a client sets. Kind is null to remove the pusher.
type pusherBody struct {
	Kind       json.RawMessage `json:"kind"`
	AppID      *string         `json:"app_id"`
	Key        *string         `json:"pushkey"`
	AppName    *string         `json:"app_display_name"`
	DeviceName *string         `json:"device_display_name"`
	ProfileTag string          `json:"profile_tag"`
	Lang       *string         `json:"lang"`
	Data       json.RawMessage `json:"data"`
	Append     bool            `json:"append"`
	Enabled    *bool           `json:"org.matrix.msc3881.enabled"`
}

// POST /_matrix/client/v3/pushers/set
func (a *API) setPusher(r *http.Request, c caller) (any, error) {
	if err := a.limit(a.messages, c.User); err != nil {
		return nil, err
	}
	var b pusherBody
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	gone := string(b.Kind) == "null"
	if err := b.complete(gone); err != nil {
		return nil, err
	}
	if gone {
		return httpjson.Empty{}, a.users.DeletePusher(r.Context(), c.User, *b.AppID, *b.Key)
	}
	p := storage.Pusher{User: c.User, Device: c.Device, AppID: *b.AppID, Key: *b.Key, AppName: *b.AppName, DeviceName: *b.DeviceName,
		ProfileTag: b.ProfileTag, Lang: *b.Lang, Data: b.Data, Enabled: b.Enabled == nil || *b.Enabled}
	if err := json.Unmarshal(b.Kind, &p.Kind); err != nil {
		return nil, matrixerr.BadJSON("The member kind is of the wrong type")
	}
	if b.Data[0] != '{' {
		return nil, matrixerr.BadJSON("The member data is of the wrong type")
	}
	return httpjson.Empty{}, a.users.SetPusher(r.Context(), p, b.Append)
}

// complete names what is missing.
func (b *pusherBody) complete(gone bool) error {
	var missing []string
	need := func(name string, there bool) {
		if !there {
			missing = append(missing, name)
		}
	}
	need("kind", b.Kind != nil)
	need("app_id", b.AppID != nil)
	need("pushkey", b.Key != nil)
	if !gone {
		need("app_display_name", b.AppName != nil)
		need("device_display_name", b.DeviceName != nil)
		need("lang", b.Lang != nil)
		need("data", len(b.Data) > 0)
	}
	if missing != nil {
		return matrixerr.MissingParam("Missing parameters: " + strings.Join(missing, ", "))
	}
	return nil
}
