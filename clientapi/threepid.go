package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// This server keeps no mail addresses and telephone numbers of accounts: they come
// from the organisation's own directory. The capability m.3pid_changes says so.

// GET /_matrix/client/v3/account/3pid
func (a *API) threePIDs(*http.Request, caller) (any, error) {
	return map[string]any{"threepids": []any{}}, nil
}

// POST /_matrix/client/v3/account/3pid, …/3pid/add and …/3pid/bind
func (a *API) addThreePID(*http.Request, caller) (any, error) {
	return nil, matrixerr.Forbidden("This server keeps no third-party ids")
}

// POST /_matrix/client/v3/account/3pid/delete and …/3pid/unbind
func (a *API) deleteThreePID(r *http.Request, _ caller) (any, error) {
	if _, err := httpjson.Body(r); err != nil {
		return nil, err
	}
	return map[string]string{"id_server_unbind_result": "no-support"}, nil
}

// POST /_matrix/client/v3/{register,account/password,account/3pid}/{email,msisdn}/requestToken
func (a *API) requestThreePIDToken(*http.Request, caller) (any, error) {
	return nil, matrixerr.New(http.StatusBadRequest, "M_THREEPID_MEDIUM_NOT_SUPPORTED", "This server keeps no third-party ids")
}
