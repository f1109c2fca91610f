package clientapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Mail addresses of accounts come from the organisation: administrators set them. The
// capability m.3pid_changes says that users do not.

// GET /_matrix/client/v3/account/3pid
func (a *API) threePIDs(r *http.Request, c caller) (any, error) {
	list, err := a.users.Emails(r.Context(), c.User)
	out := make([]map[string]any, 0, len(list))
	for _, t := range list {
		out = append(out, map[string]any{"medium": t.Medium, "address": t.Address, "added_at": t.Added, "validated_at": t.Added})
	}
	return map[string]any{"threepids": out}, err
}

// POST /_matrix/client/v3/account/3pid, …/3pid/add and …/3pid/bind
func (a *API) addThreePID(*http.Request, caller) (any, error) {
	return nil, matrixerr.Forbidden("This server keeps no third-party ids")
}

// POST /_matrix/client/v3/account/3pid/delete and …/3pid/unbind
func (a *API) deleteThreePID(r *http.Request, c caller) (any, error) {
	var b struct {
		Address string `json:"address"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	list, err := a.users.Emails(r.Context(), c.User)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(list, func(t storage.ThreePID) bool { return strings.EqualFold(t.Address, b.Address) }) {
		return nil, matrixerr.Forbidden("Addresses are set by administrators")
	}
	return map[string]string{"id_server_unbind_result": "no-support"}, nil
}

// POST /_matrix/client/v3/{register,account/password,account/3pid}/{email,msisdn}/requestToken
func (a *API) requestThreePIDToken(*http.Request, caller) (any, error) {
	return nil, matrixerr.New(http.StatusBadRequest, "M_THREEPID_MEDIUM_NOT_SUPPORTED", "This server keeps no third-party ids")
}
