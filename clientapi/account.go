package clientapi

import (
	"cmp"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// GET /_matrix/client/v3/account/whoami
func (a *API) whoami(_ *http.Request, c caller) (any, error) {
	out := map[string]any{"user_id": c.User, "is_guest": c.Guest}
	if c.Device != "" {
		out["device_id"] = c.Device
	}
	return out, nil
}

var errNoPassword error = matrixerr.Forbidden("The account has no password: its owner logs in otherwise")

// POST /_matrix/client/v3/account/password
func (a *API) changePassword(r *http.Request, c caller) (any, error) {
	var b struct {
		Password string `json:"new_password"`
		Logout   *bool  `json:"logout_devices"`
	}
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	if b.Password == "" {
		return nil, matrixerr.MissingParam("new_password is missing")
	}
	if err := a.users.CheckPassword(b.Password); err != nil {
		return nil, err
	}
	if has, err := a.users.HasPassword(r.Context(), c.User); err != nil || !has {
		return nil, cmp.Or(err, errNoPassword)
	}
	if err := a.confirm(r, c, "account/password", auth, rest); err != nil {
		return nil, err
	}
	logout := b.Logout == nil || *b.Logout
	return httpjson.Empty{}, a.users.SetPassword(r.Context(), c.User, b.Password, logout, c.Device)
}

// POST /_matrix/client/v3/account/deactivate
func (a *API) deactivate(r *http.Request, c caller) (any, error) {
	var b struct {
		Erase bool `json:"erase"`
	}
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	if err := a.confirm(r, c, "account/deactivate", auth, rest); err != nil {
		return nil, err
	}
	return map[string]string{"id_server_unbind_result": "no-support"}, a.users.Deactivate(r.Context(), c.User, b.Erase)
}
