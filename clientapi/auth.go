package clientapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/userserver"
)

// authBody reads a body into a struct, and apart from it the auth object of
// user-interactive authentication. rest is the body without auth, to which the
// authentication is bound.
func authBody(r *http.Request, into any) (auth *userserver.AuthDict, rest []byte, err error) {
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, nil, err
	}
	if err := httpjson.Unmarshal(raw, into); err != nil {
		return nil, nil, err
	}
	var b struct {
		Auth *userserver.AuthDict `json:"auth"`
	}
	if err := httpjson.Unmarshal(raw, &b); err != nil {
		return nil, nil, err
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, nil, matrixerr.BadJSON("The body is not an object")
	}
	delete(m, "auth")
	text, err := json.Marshal(m)
	if err != nil {
		return nil, nil, err
	}
	rest, err = canonicaljson.Append(nil, text, false)
	return b.Auth, rest, err
}

// confirm asks a user for their password before something that a stolen token alone
// must not do; who has no password must have logged in just now.
func (a *API) confirm(r *http.Request, c caller, action string, auth *userserver.AuthDict, rest []byte) error {
	if err := a.limit(a.messages, c.User); err != nil {
		return err
	}
	if done, err := a.users.Confirmed(r.Context(), c.Session); err != nil || done {
		return err
	}
	ask := userserver.Ask{User: c.User, Action: action, Body: rest, Flows: [][]string{{userserver.StagePassword}}, Auth: auth}
	if auth == nil || auth.Type != userserver.StagePassword {
		_, err := a.users.Interactive(r.Context(), ask)
		return err
	}
	return a.guess(r, c.User, func() error {
		_, err := a.users.Interactive(r.Context(), ask)
		return err
	})
}

// guess runs a check of a user's password, of which only so many may fail: by address
// and by account. Who asks from an address where the user already has a device does
// not compete with strangers, who could lock the user out.
func (a *API) guess(r *http.Request, user string, check func() error) error {
	if !a.set.RateLimits {
		return check()
	}
	devices, err := a.users.Devices(r.Context(), user)
	if err != nil {
		return err
	}
	here := network(r)
	from, account := "address "+here, user
	if slices.ContainsFunc(devices, func(d storage.Device) bool { return networkOf(d.IP) == here }) {
		from, account = from+" "+user, user+" "+here
	}
	for i, key := range []string{from, account} {
		if err := a.limit(a.failures, key); err != nil {
			if i > 0 {
				a.failures.Give(from)
			}
			a.tried(r, user, devices, "too many wrong passwords; this one was not looked at")
			return err
		}
	}
	if err := check(); err != nil {
		if failed := new(matrixerr.Error); errors.As(err, &failed) {
			a.tried(r, user, devices, "a password let nobody in")
		}
		return err
	}
	a.failures.Give(from)
	a.failures.Give(account)
	return nil
}

// tried leaves a trace of a password that let nobody in. The name of nobody here is
// left out: it may be a password that came into the wrong field.
func (a *API) tried(r *http.Request, user string, devices []storage.Device, what string) {
	log := httpjson.Log(r.Context(), a.log).WithField("address", address(r))
	if len(devices) > 0 {
		log = log.WithField("account", user)
	}
	log.Warn(what)
}
