// Package adminapi is the door for administrators: accounts, registration tokens,
// and registration by shared secret. It hangs on a listener of its own, and on the
// socket in the data folder, whose file permissions say who may enter.
//
// It has no rules of people; userserver does.
package adminapi

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/bearer"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/userserver"
)

// Options are all that an API needs.
type Options struct {
	Users *userserver.Server
	Clock func() time.Time
	Log   *logrus.Entry
	// SharedSecret lets programs register users; "" lets none.
	SharedSecret string
}

// API serves the administration endpoints.
type API struct {
	users  *userserver.Server
	clock  func() time.Time
	log    *logrus.Entry
	secret string
}

// New makes the door.
func New(o Options) *API {
	return &API{users: o.Users, clock: o.Clock, log: o.Log, secret: o.SharedSecret}
}

// route is one endpoint. Those that are open prove in another way than by an
// administrator's token that they may be called.
type route struct {
	method, path string
	open         bool
	body         int64 // bytes of body that it takes; 0: none
	handle       httpjson.Handler
}

const (
	small      = 64 << 10
	answerTime = 60 * time.Second
)

func (a *API) routes() []route {
	return []route{
		{"GET", "/_synapse/admin/v1/register", true, 0, a.registerNonce},
		{"POST", "/_synapse/admin/v1/register", true, small, a.register},
		{"GET", "/_chancery/admin/v1/users", false, 0, a.listUsers},
		{"POST", "/_chancery/admin/v1/users", false, small, a.createUser},
		{"GET", "/_chancery/admin/v1/users/{userID}/emails", false, 0, a.emails},
		{"PUT", "/_chancery/admin/v1/users/{userID}/emails/{address}", false, small, a.addEmail},
		{"DELETE", "/_chancery/admin/v1/users/{userID}/emails/{address}", false, 0, a.removeEmail},
		{"POST", "/_chancery/admin/v1/registration_tokens", false, small, a.createToken},
		{"GET", "/_chancery/admin/v1/health", false, 0, a.health},
	}
}

// Register hangs up the routes for a network listener: each needs the access token
// of an administrator, but those that are open.
func (a *API) Register(router *mux.Router) { a.hang(router, a.guarded) }

// RegisterTrusted hangs up the routes where everybody who can call them is an
// administrator: on the socket in the data folder.
func (a *API) RegisterTrusted(router *mux.Router) {
	a.hang(router, func(h httpjson.Handler) httpjson.Handler { return h })
}

func (a *API) hang(router *mux.Router, guard func(httpjson.Handler) httpjson.Handler) {
	for _, rt := range a.routes() {
		h := rt.handle
		if !rt.open {
			h = guard(h)
		}
		router.Handle(rt.path, httpjson.Wrap(h, httpjson.Budget{Body: rt.body, Time: answerTime}, a.log)).Methods(rt.method)
	}
}

func (a *API) guarded(h httpjson.Handler) httpjson.Handler {
	return func(r *http.Request) (any, error) {
		tok, err := bearer.Token(r)
		if err != nil {
			return nil, err
		}
		sess, err := a.users.Authenticate(r.Context(), tok)
		if err != nil {
			return nil, err
		}
		httpjson.Note(r.Context(), "user", sess.User)
		if !sess.Admin {
			return nil, matrixerr.Forbidden("Only administrators may do this")
		}
		return h(r)
	}
}

// GET /_chancery/admin/v1/health says that the server answers.
func (a *API) health(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil }
