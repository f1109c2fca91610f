package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// loginBody is the body of POST /login.
type loginBody struct {
	Type       string `json:"type"`
	Identifier struct {
		Type string `json:"type"`
		User string `json:"user"`
	} `json:"identifier"`
	User       string `json:"user"` // of clients before identifiers
	Password   string `json:"password"`
	Token      string `json:"token"`
	DeviceID   string `json:"device_id"`
	DeviceName string `json:"initial_device_display_name"`
	Refresh    bool   `json:"refresh_token"`
}

// GET /_matrix/client/v3/login
func (a *API) loginFlows(*http.Request, caller) (any, error) {
	flows := []any{
		map[string]string{"type": "m.login.password"},
		map[string]any{"type": "m.login.token", "get_login_token": true},
	}
	if a.services != (noServices{}) {
		flows = append(flows, map[string]string{"type": typeAppService})
	}
	return map[string]any{"flows": flows}, nil
}

// POST /_matrix/client/v3/login
func (a *API) login(r *http.Request, _ caller) (any, error) {
	var b loginBody
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Type != typeAppService { // which cannot be guessed at, and logs many in
		if err := a.limit(a.logins, network(r)); err != nil {
			return nil, err
		}
	}
	o := userserver.LoginOptions{Device: b.DeviceID, DeviceName: b.DeviceName, Refresh: b.Refresh, IP: address(r), Agent: r.UserAgent()}
	if err := o.Check(); err != nil {
		return nil, err
	}
	user, err := a.whoLogsIn(r, b)
	if err != nil {
		return nil, err
	}
	t, err := a.users.Login(r.Context(), user, o)
	if err != nil {
		return nil, err
	}
	out := a.session(user, t)
	if a.set.BaseURL != "" {
		out["well_known"] = a.clientWellKnown()
	}
	return out, nil
}

func (a *API) whoLogsIn(r *http.Request, b loginBody) (string, error) {
	switch b.Type {
	case "m.login.token":
		if b.Token == "" {
			return "", matrixerr.MissingParam("token is missing")
		}
		return a.users.TakeLoginToken(r.Context(), b.Token)
	case "m.login.password":
		return a.byPassword(r, b)
	case typeAppService:
		return a.byService(r, b)
	case "":
		return "", matrixerr.MissingParam("type is missing")
	}
	return "", matrixerr.New(http.StatusBadRequest, "M_UNKNOWN", "This server does not know that way to log in")
}

var errBadLogin = matrixerr.Forbidden("The user name or the password is wrong")

// byPassword is the user of an identifier ("Identifier types"), if the password is
// theirs. Nobody has a telephone number or a third-party id here.
func (a *API) byPassword(r *http.Request, b loginBody) (string, error) {
	name := b.User
	switch b.Identifier.Type {
	case "":
	case "m.id.user":
		name = b.Identifier.User
	case "m.id.thirdparty", "m.id.phone":
		return "", errBadLogin
	default:
		return "", matrixerr.New(http.StatusBadRequest, "M_UNKNOWN", "This server does not know that kind of identifier")
	}
	switch {
	case name == "":
		return "", matrixerr.MissingParam("There is no user to log in")
	case b.Password == "":
		return "", matrixerr.MissingParam("password is missing")
	}
	user := a.fullID(name)
	if !a.users.Local(user) {
		return "", errBadLogin
	}
	if err := a.guess(r, user, func() error { return a.users.CheckLogin(r.Context(), user, b.Password) }); err != nil {
		return "", err
	}
	// Only those who know the password count, or strangers could keep the user out.
	return user, a.limit(a.logins, user)
}

// POST /_matrix/client/v1/login/get_token
func (a *API) getLoginToken(r *http.Request, c caller) (any, error) {
	var b struct{}
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	if err := a.confirm(r, c, "login/get_token", auth, rest); err != nil {
		return nil, err
	}
	tok, life, err := a.users.NewLoginToken(r.Context(), c.User)
	if err != nil {
		return nil, err
	}
	return map[string]any{"login_token": tok, "expires_in_ms": life.Milliseconds()}, nil
}

// POST /_matrix/client/v3/refresh
func (a *API) refresh(r *http.Request, _ caller) (any, error) {
	var b struct {
		Token string `json:"refresh_token"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Token == "" {
		return nil, matrixerr.MissingParam("refresh_token is missing")
	}
	t, err := a.users.Refresh(r.Context(), b.Token)
	if err != nil {
		return nil, err
	}
	return map[string]any{"access_token": t.Access, "refresh_token": t.Refresh, "expires_in_ms": t.ExpiresIn.Milliseconds()}, nil
}

// POST /_matrix/client/v3/logout
func (a *API) logout(r *http.Request, c caller) (any, error) {
	return httpjson.Empty{}, a.users.Logout(r.Context(), c.Session)
}

// POST /_matrix/client/v3/logout/all
func (a *API) logoutAll(r *http.Request, c caller) (any, error) {
	return httpjson.Empty{}, a.users.LogoutAll(r.Context(), c.User, "")
}
