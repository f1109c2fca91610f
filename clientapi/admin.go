package clientapi

import (
	"context"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// The part of server administration that the client-server API has. The rest hangs on
// a listener of its own.

// subject is the account that an administrator asks about. Who asks is judged before
// any account is looked up, "in order to prevent user enumeration".
func (a *API) subject(r *http.Request, c caller) (storage.Account, error) {
	if !c.Admin {
		return storage.Account{}, matrixerr.Forbidden("Only administrators may do this")
	}
	user := param(r, "userID")
	if !a.users.Local(user) {
		return storage.Account{}, matrixerr.InvalidParam("The user is not of this server")
	}
	acc, err := a.users.Account(r.Context(), user)
	if err == nil && acc.Admin && (user != c.User || r.Method != http.MethodGet) {
		err = matrixerr.Forbidden("Nobody may do this to an administrator")
	}
	return acc, err
}

// GET /_matrix/client/v1/admin/lock/{userId}
func (a *API) getLock(r *http.Request, c caller) (any, error) {
	acc, err := a.subject(r, c)
	return map[string]bool{"locked": acc.Locked}, err
}

// PUT /_matrix/client/v1/admin/lock/{userId}
func (a *API) putLock(r *http.Request, c caller) (any, error) {
	return a.restrict(r, c, "locked", a.users.SetLocked)
}

// GET /_matrix/client/v1/admin/suspend/{userId}
func (a *API) getSuspension(r *http.Request, c caller) (any, error) {
	acc, err := a.subject(r, c)
	return map[string]bool{"suspended": acc.Suspended}, err
}

// PUT /_matrix/client/v1/admin/suspend/{userId}
func (a *API) putSuspension(r *http.Request, c caller) (any, error) {
	return a.restrict(r, c, "suspended", a.users.SetSuspended)
}

func (a *API) restrict(r *http.Request, c caller, key string, set func(context.Context, string, bool) error) (any, error) {
	acc, err := a.subject(r, c)
	if err != nil {
		return nil, err
	}
	var b struct {
		Locked    *bool `json:"locked"`
		Suspended *bool `json:"suspended"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	on := map[string]*bool{"locked": b.Locked, "suspended": b.Suspended}[key]
	if on == nil {
		return nil, matrixerr.MissingParam(key + " is missing")
	}
	return map[string]bool{key: *on}, set(r.Context(), acc.UserID, *on)
}

// GET /_matrix/client/v3/admin/whois/{userId}
func (a *API) whois(r *http.Request, c caller) (any, error) {
	user := param(r, "userID")
	if !c.Admin && user != c.User {
		return nil, matrixerr.Forbidden("Only administrators may look up others")
	}
	if !a.users.Local(user) {
		return nil, matrixerr.InvalidParam("The user is not of this server")
	}
	if _, err := a.users.Account(r.Context(), user); err != nil {
		return nil, err
	}
	list, err := a.users.Devices(r.Context(), user)
	devices := map[string]any{}
	for _, d := range list {
		seen := map[string]any{"ip": d.IP, "last_seen": d.Seen, "user_agent": d.Agent}
		devices[d.ID] = map[string]any{"sessions": []any{map[string]any{"connections": []any{seen}}}}
	}
	return map[string]any{"user_id": user, "devices": devices}, err
}
