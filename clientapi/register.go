package clientapi

import (
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// registerBody is the body of POST /register.
type registerBody struct {
	Username     string `json:"username"`
	Password     string `json:"password"`
	DeviceID     string `json:"device_id"`
	DeviceName   string `json:"initial_device_display_name"`
	InhibitLogin bool   `json:"inhibit_login"`
	Refresh      bool   `json:"refresh_token"`
	GuestToken   string `json:"guest_access_token"`
	Type         string `json:"type"` // of application services; others send anything
}

// registrationFlows are what people go through to register; nil when it is closed.
// The dummy stage is there only when nothing else is asked.
func (a *API) registrationFlows() [][]string {
	var stages []string
	switch a.set.Registration {
	case RegisterOpen:
	case RegisterToken:
		stages = append(stages, userserver.StageToken)
	default:
		return nil
	}
	if a.set.Terms.URL != "" {
		stages = append(stages, userserver.StageTerms)
	}
	if len(stages) == 0 {
		stages = []string{userserver.StageDummy}
	}
	return [][]string{stages}
}

// registrationParams tell a client which terms there are ("Terms of service at
// registration").
func (a *API) registrationParams() map[string]any {
	t := a.set.Terms
	if t.URL == "" {
		return nil
	}
	return map[string]any{userserver.StageTerms: map[string]any{"policies": map[string]any{
		"terms": map[string]any{"version": t.Version, "en": map[string]string{"name": t.Name, "url": t.URL}}}}}
}

// POST /_matrix/client/v3/register
func (a *API) register(r *http.Request, _ caller) (any, error) {
	var b registerBody
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	b.Username = strings.ToLower(b.Username)
	if b.Type == typeAppService {
		return a.registerForService(r, b)
	}
	if err := a.limit(a.questions, network(r)); err != nil {
		return nil, err
	}
	switch kind := r.URL.Query().Get("kind"); kind {
	case "guest":
		return a.registerGuest(r, b)
	case "", "user":
	default:
		return nil, matrixerr.New(http.StatusBadRequest, "M_UNRECOGNIZED", "kind is user or guest")
	}
	flows := a.registrationFlows()
	if flows == nil {
		return nil, matrixerr.Forbidden("Registration is closed on this server")
	}
	if err := a.checkRegistration(r, b); err != nil {
		return nil, err
	}
	token, err := a.users.Interactive(r.Context(), userserver.Ask{Action: "register", Body: rest, Flows: flows,
		Params: a.registrationParams(), Auth: auth})
	if err != nil {
		return nil, err
	}
	if b.Password == "" {
		return nil, matrixerr.MissingParam("password is missing")
	}
	if err := a.limit(a.registrations, network(r)); err != nil {
		return nil, err
	}
	user, err := a.makeAccount(r, b, token)
	if err != nil {
		return nil, err
	}
	return a.registered(r, user, b)
}

// makeAccount makes a new account, or one of a guest's.
func (a *API) makeAccount(r *http.Request, b registerBody, token string) (string, error) {
	n := userserver.NewAccount{Localpart: b.Username, Password: b.Password, Token: token, Terms: a.set.Terms.Accepted()}
	if b.GuestToken == "" {
		return a.users.Register(r.Context(), n)
	}
	guest, err := a.users.CheckUpgrade(r.Context(), b.GuestToken, b.Username)
	if err != nil {
		return "", err
	}
	return a.users.UpgradeGuest(r.Context(), guest, n)
}

// checkRegistration refuses early what could not succeed.
func (a *API) checkRegistration(r *http.Request, b registerBody) error {
	if err := b.session(r).Check(); err != nil {
		return err
	}
	switch {
	case b.GuestToken != "":
		if _, err := a.users.CheckUpgrade(r.Context(), b.GuestToken, b.Username); err != nil {
			return err
		}
	case b.Username != "":
		if err := a.users.Available(r.Context(), b.Username); err != nil {
			return err
		}
	}
	if b.Password == "" {
		return nil // whoever asks for the flows need not have one yet
	}
	return a.users.CheckPassword(b.Password)
}

// session is what the client says of the session that it wants with the account.
func (b registerBody) session(r *http.Request) userserver.LoginOptions {
	return userserver.LoginOptions{Device: b.DeviceID, DeviceName: b.DeviceName, Refresh: b.Refresh, IP: address(r), Agent: r.UserAgent()}
}

func (a *API) registerGuest(r *http.Request, b registerBody) (any, error) {
	if !a.set.Guests {
		return nil, matrixerr.New(http.StatusForbidden, "M_GUEST_ACCESS_FORBIDDEN", "This server has no guests")
	}
	if err := a.limit(a.registrations, network(r)); err != nil {
		return nil, err
	}
	if err := b.session(r).Check(); err != nil {
		return nil, err
	}
	user, err := a.users.Register(r.Context(), userserver.NewAccount{Kind: "guest"})
	if err != nil {
		return nil, err
	}
	b.InhibitLogin, b.DeviceID = false, ""
	return a.registered(r, user, b)
}

func (a *API) registered(r *http.Request, user string, b registerBody) (any, error) {
	if b.InhibitLogin {
		return map[string]string{"user_id": user, "home_server": a.set.ServerName}, nil
	}
	t, err := a.users.Login(r.Context(), user, b.session(r))
	if err != nil {
		return nil, err
	}
	return a.session(user, t), nil
}

// session is the answer that carries a new session.
func (a *API) session(user string, t userserver.Tokens) map[string]any {
	out := map[string]any{"user_id": user, "access_token": t.Access, "device_id": t.Device, "home_server": a.set.ServerName}
	if t.Refresh != "" {
		out["refresh_token"], out["expires_in_ms"] = t.Refresh, t.ExpiresIn.Milliseconds()
	}
	return out
}

// GET /_matrix/client/v3/register/available
func (a *API) available(r *http.Request, _ caller) (any, error) {
	if err := a.limit(a.questions, network(r)); err != nil {
		return nil, err
	}
	if a.registrationFlows() == nil {
		return nil, matrixerr.Forbidden("Registration is closed on this server")
	}
	name := r.URL.Query().Get("username")
	if name == "" {
		return nil, matrixerr.MissingParam("username is missing")
	}
	return map[string]bool{"available": true}, a.users.Available(r.Context(), strings.ToLower(name))
}

// GET /_matrix/client/v1/register/m.login.registration_token/validity
func (a *API) tokenValidity(r *http.Request, _ caller) (any, error) {
	if err := a.limit(a.questions, network(r)); err != nil {
		return nil, err
	}
	if a.set.Registration != RegisterToken {
		return nil, matrixerr.Forbidden("This server does not register by token")
	}
	tok := r.URL.Query().Get("token")
	if tok == "" {
		return nil, matrixerr.MissingParam("token is missing")
	}
	good, err := a.users.TokenGood(r.Context(), tok)
	return map[string]bool{"valid": good}, err
}
