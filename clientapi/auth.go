package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
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

// confirm asks a user for their password before something that a stolen token
// alone must not do.
func (a *API) confirm(r *http.Request, c caller, action string, auth *userserver.AuthDict, rest []byte) error {
	if auth != nil && auth.Type == userserver.StagePassword {
		if err := a.limit(a.accounts, c.User); err != nil {
			return err
		}
	}
	_, err := a.users.Interactive(r.Context(), userserver.Ask{User: c.User, Action: action, Body: rest,
		Flows: [][]string{{userserver.StagePassword}}, Auth: auth})
	return err
}
