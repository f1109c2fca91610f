package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

func deviceJSON(d storage.Device) map[string]any {
	m := map[string]any{"device_id": d.ID}
	if d.Name != nil {
		m["display_name"] = *d.Name
	}
	if d.Seen > 0 {
		m["last_seen_ts"] = d.Seen
	}
	if d.IP != "" {
		m["last_seen_ip"] = d.IP
	}
	return m
}

// GET /_matrix/client/v3/devices
func (a *API) devices(r *http.Request, c caller) (any, error) {
	list, err := a.users.Devices(r.Context(), c.User)
	out := make([]map[string]any, 0, len(list))
	for _, d := range list {
		out = append(out, deviceJSON(d))
	}
	return map[string]any{"devices": out}, err
}

// GET /_matrix/client/v3/devices/{deviceId}
func (a *API) device(r *http.Request, c caller) (any, error) {
	device, err := nameParam(r, "deviceID")
	if err != nil {
		return nil, err
	}
	d, err := a.users.Device(r.Context(), c.User, device)
	return deviceJSON(d), err
}

// PUT /_matrix/client/v3/devices/{deviceId}
func (a *API) renameDevice(r *http.Request, c caller) (any, error) {
	device, err := nameParam(r, "deviceID")
	if err != nil {
		return nil, err
	}
	var b struct {
		Name *string `json:"display_name"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.RenameDevice(r.Context(), c.User, device, b.Name)
}

// DELETE /_matrix/client/v3/devices/{deviceId}
func (a *API) deleteDevice(r *http.Request, c caller) (any, error) {
	var b struct{}
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	device, err := nameParam(r, "deviceID")
	if err != nil {
		return nil, err
	}
	if err := a.confirm(r, c, "devices/"+device, auth, rest); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.DeleteDevices(r.Context(), c.User, []string{device})
}

// POST /_matrix/client/v3/delete_devices
func (a *API) deleteDevices(r *http.Request, c caller) (any, error) {
	var b struct {
		Devices []string `json:"devices"`
	}
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	if b.Devices == nil {
		return nil, matrixerr.MissingParam("devices is missing")
	}
	for _, d := range b.Devices {
		if !id.IsDevice(d) {
			return nil, matrixerr.InvalidParam("devices has an id that is not usable")
		}
	}
	if err := a.confirm(r, c, "delete_devices", auth, rest); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.DeleteDevices(r.Context(), c.User, b.Devices)
}
