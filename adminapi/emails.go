package adminapi

import (
	"net/http"
	"net/url"

	"github.com/gorilla/mux"

	"github.com/chancery-im/chancery/internal/httpjson"
)

// Emails are the mail addresses of an account.
type Emails struct {
	Emails []string `json:"emails"`
}

// param is a path parameter, unescaped once.
func param(r *http.Request, name string) string {
	raw := mux.Vars(r)[name]
	if s, err := url.PathUnescape(raw); err == nil {
		return s
	}
	return raw
}

// GET /_chancery/admin/v1/users/{userID}/emails
func (a *API) emails(r *http.Request) (any, error) {
	list, err := a.users.Emails(r.Context(), param(r, "userID"))
	out := Emails{Emails: []string{}}
	for _, t := range list {
		out.Emails = append(out.Emails, t.Address)
	}
	return out, err
}

// PUT /_chancery/admin/v1/users/{userID}/emails/{address} says that an address is the
// account's. It is not asked whether that is true.
func (a *API) addEmail(r *http.Request) (any, error) {
	return httpjson.Empty{}, a.users.AddEmail(r.Context(), param(r, "userID"), param(r, "address"))
}

// DELETE /_chancery/admin/v1/users/{userID}/emails/{address} also ends mails to it.
func (a *API) removeEmail(r *http.Request) (any, error) {
	return httpjson.Empty{}, a.users.RemoveEmail(r.Context(), param(r, "userID"), param(r, "address"))
}
