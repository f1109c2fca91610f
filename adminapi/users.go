package adminapi

import (
	"net/http"
	"strconv"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// NewUser is the request body of user creation.
type NewUser struct {
	Localpart   string `json:"localpart"`
	Password    string `json:"password"`
	Admin       bool   `json:"admin"`
	DisplayName string `json:"displayname"`
}

// User is an account as administrators see it.
type User struct {
	UserID      string `json:"user_id"`
	Kind        string `json:"kind"`
	Admin       bool   `json:"admin"`
	Created     int64  `json:"created_ts"`
	Deactivated bool   `json:"deactivated"`
	Locked      bool   `json:"locked"`
	Suspended   bool   `json:"suspended"`
}

// UserPage is a part of the list of users. Next is what to ask for after it, ""
// at the end.
type UserPage struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty"`
}

// POST /_chancery/admin/v1/users makes an account.
func (a *API) createUser(r *http.Request) (any, error) {
	var body NewUser
	if err := httpjson.Decode(r, &body); err != nil {
		return nil, err
	}
	if body.Localpart == "" {
		return nil, matrixerr.MissingParam("localpart is needed")
	}
	user, err := a.users.Register(r.Context(), userserver.NewAccount{Localpart: body.Localpart, Password: body.Password,
		Admin: body.Admin, DisplayName: body.DisplayName})
	if err != nil {
		return nil, err
	}
	return map[string]string{"user_id": user}, nil
}

// Bounds of a page of users.
const (
	defaultPage = 100
	maxPage     = 1000
)

// GET /_chancery/admin/v1/users lists accounts in the order of their ids, behind
// the one that ?after= names.
func (a *API) listUsers(r *http.Request) (any, error) {
	limit := defaultPage
	if s := r.URL.Query().Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, matrixerr.InvalidParam("limit is not a number above 0")
		}
		limit = min(n, maxPage)
	}
	list, err := a.users.Accounts(r.Context(), r.URL.Query().Get("after"), limit)
	if err != nil {
		return nil, err
	}
	page := UserPage{Users: []User{}}
	for _, u := range list {
		page.Users = append(page.Users, User{u.UserID, u.Kind, u.Admin, u.Created, u.Deactivated, u.Locked, u.Suspended})
	}
	if len(list) == limit {
		page.Next = list[limit-1].UserID
	}
	return page, nil
}

// NewToken is the request body of token creation. Uses 0 is any number;
// LifetimeMS 0 is for ever.
type NewToken struct {
	Token      string `json:"token"`
	Uses       int64  `json:"uses_allowed"`
	LifetimeMS int64  `json:"lifetime_ms"`
}

// POST /_chancery/admin/v1/registration_tokens makes a token with which people
// register themselves.
func (a *API) createToken(r *http.Request) (any, error) {
	var body NewToken
	if err := httpjson.Decode(r, &body); err != nil {
		return nil, err
	}
	if body.Uses < 0 || body.LifetimeMS < 0 {
		return nil, matrixerr.InvalidParam("uses_allowed and lifetime_ms cannot be negative")
	}
	if !tokenText(body.Token) {
		return nil, matrixerr.InvalidParam("A token is made of at most 64 of A-Z a-z 0-9 . _ ~ -")
	}
	var expires int64
	if body.LifetimeMS > 0 {
		expires = a.clock().UnixMilli() + body.LifetimeMS
	}
	tok, err := a.users.NewRegistrationToken(r.Context(), body.Token, body.Uses, expires)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token": tok, "uses_allowed": body.Uses, "expires_ts": expires}, nil
}

// tokenText: client-server API, "Token-authenticated registration": at most 64
// characters of the unreserved set. "" lets the server choose.
func tokenText(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '~' || c == '-') {
			return false
		}
	}
	return len(s) <= 64
}
