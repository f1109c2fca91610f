package clientapi

import (
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/bearer"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// AppServices knows the application services that the operator has let in.
type AppServices interface {
	// OfToken finds the service of an as_token. owns reports whether a user id is the
	// service's own or in one of its namespaces.
	OfToken(token string) (owns func(user string) bool, ok bool)
}

// noServices is a server without application services.
type noServices struct{}

func (noServices) OfToken(string) (func(string) bool, bool) { return nil, false }

const typeAppService = "m.login.application_service"

var errNotTheServices = matrixerr.Exclusive("The user name is not the application service's")

// service is the application service that makes the request.
func (a *API) service(r *http.Request, unknown error) (owns func(string) bool, err error) {
	tok, err := bearer.Token(r)
	if err != nil {
		return nil, err
	}
	owns, ok := a.services.OfToken(tok)
	if !ok {
		return nil, unknown
	}
	return owns, nil
}

// byService is the user whom an application service logs in ("Appservice Login").
func (a *API) byService(r *http.Request, b loginBody) (string, error) {
	owns, err := a.service(r, matrixerr.Forbidden("The access token is not an application service's"))
	if err != nil {
		return "", err
	}
	name := b.User
	if b.Identifier.Type == "m.id.user" {
		name = b.Identifier.User
	}
	if name == "" {
		return "", matrixerr.MissingParam("There is no user to log in")
	}
	user := a.fullID(name)
	if !a.users.Local(user) || !owns(user) {
		return "", errNotTheServices
	}
	if _, err := a.users.Account(r.Context(), user); err != nil {
		return "", matrixerr.Forbidden("The user has not been registered")
	}
	return user, nil
}

// fullID is a user id, made of a local part where that was given.
func (a *API) fullID(name string) string {
	user := strings.ToLower(name)
	if !strings.HasPrefix(user, "@") {
		user = a.users.UserID(user)
	}
	return user
}

// registerForService makes a user of an application service, without a password
// ("Server admin style permissions").
func (a *API) registerForService(r *http.Request, b registerBody) (any, error) {
	owns, err := a.service(r, matrixerr.UnknownToken(false))
	if err != nil {
		return nil, err
	}
	if b.Username == "" {
		return nil, matrixerr.MissingParam("username is missing")
	}
	if !owns(a.users.UserID(b.Username)) {
		return nil, errNotTheServices
	}
	if err := b.session(r).Check(); err != nil {
		return nil, err
	}
	user, err := a.users.Register(r.Context(), userserver.NewAccount{Localpart: b.Username, Kind: userserver.KindAppService})
	if err != nil {
		return nil, err
	}
	return a.registered(r, user, b)
}
