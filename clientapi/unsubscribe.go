package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
)

// UnsubscribePath is where the link in a mail leads. It is below /_matrix/client,
// which proxies pass on.
const UnsubscribePath = "/_matrix/client/unstable/im.chancery/unsubscribe"

// GET /_matrix/client/unstable/im.chancery/unsubscribe shows a button: programs that
// follow the links in mails must end nothing.
func (a *API) unsubscribePage(*http.Request, caller) (any, error) {
	return static("unsubscribe.html", "text/html")
}

// POST /_matrix/client/unstable/im.chancery/unsubscribe ends the mails that the token
// is about. Mail programs send it by themselves, with a body that says nothing (RFC
// 8058).
func (a *API) unsubscribe(r *http.Request, _ caller) (any, error) {
	if err := a.limit(a.questions, network(r)); err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.Unsubscribe(r.Context(), r.URL.Query().Get("token"))
}
