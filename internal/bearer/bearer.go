// Package bearer reads the access token of a request. What the token is worth is
// userserver's to say.
package bearer

import (
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Token is the access token of the Authorization header, or of the deprecated
// access_token parameter. Without one the error is 401 M_MISSING_TOKEN.
func Token(r *http.Request) (string, error) {
	for _, h := range r.Header.Values("Authorization") {
		scheme, tok, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue // a proxy's own, perhaps
		}
		if tok = strings.TrimSpace(tok); tok == "" {
			return "", matrixerr.MissingToken()
		}
		return tok, nil
	}
	if tok := r.URL.Query().Get("access_token"); tok != "" {
		return tok, nil
	}
	return "", matrixerr.MissingToken()
}
