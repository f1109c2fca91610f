package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
)

// POST /_matrix/client/v3/user/{userId}/openid/request_token
func (a *API) openIDToken(r *http.Request, c caller) (any, error) {
	if err := userParam(r, c); err != nil {
		return nil, err
	}
	if _, err := httpjson.Body(r); err != nil {
		return nil, err
	}
	tok, life, err := a.users.NewOpenIDToken(r.Context(), c.User)
	if err != nil {
		return nil, err
	}
	return map[string]any{"access_token": tok, "token_type": "Bearer", "matrix_server_name": a.set.ServerName,
		"expires_in": int64(life.Seconds())}, nil
}
