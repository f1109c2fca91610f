package adminapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

var errNoSecret = matrixerr.New(http.StatusBadRequest, "M_UNKNOWN", "Registration by shared secret is not switched on")

// GET /_synapse/admin/v1/register gives a nonce for the request below. The form of
// both is the one that existing provisioning tools speak.
func (a *API) registerNonce(*http.Request) (any, error) {
	if a.secret == "" {
		return nil, errNoSecret
	}
	return map[string]string{"nonce": a.users.NewNonce()}, nil
}

// POST /_synapse/admin/v1/register makes an account for who knows the shared
// secret, and logs in to it.
func (a *API) register(r *http.Request) (any, error) {
	if a.secret == "" {
		return nil, errNoSecret
	}
	var body struct {
		Nonce       string `json:"nonce"`
		Username    string `json:"username"`
		DisplayName string `json:"displayname"`
		Password    string `json:"password"`
		Admin       bool   `json:"admin"`
		UserType    string `json:"user_type"`
		MAC         string `json:"mac"`
	}
	if err := httpjson.Decode(r, &body); err != nil {
		return nil, err
	}
	user, err := a.users.RegisterShared(r.Context(), a.secret, userserver.SharedSecret{Nonce: body.Nonce, Username: body.Username,
		Password: body.Password, MAC: body.MAC, UserType: body.UserType, Admin: body.Admin, DisplayName: body.DisplayName})
	if err != nil {
		return nil, err
	}
	t, err := a.users.Login(r.Context(), user, userserver.LoginOptions{})
	if err != nil {
		return nil, err
	}
	return map[string]string{"user_id": user, "access_token": t.Access, "device_id": t.Device, "home_server": id.ServerOf(user)}, nil
}
