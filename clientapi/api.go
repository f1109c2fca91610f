// Package clientapi is the door for clients: every client-server endpoint but
// /sync. It authenticates, checks what the client sent, calls a core, and writes
// the answer.
//
// It has no rules of rooms or people and speaks no SQL; routes.go is its table of
// contents.
package clientapi

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/bearer"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/ratelimit"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/userserver"
)

// How people register.
const (
	RegisterClosed = "closed"
	RegisterToken  = "token"
	RegisterOpen   = "open"
)

// Settings are what the operator decides of this door.
type Settings struct {
	ServerName   string
	Registration string // RegisterClosed, RegisterToken or RegisterOpen
	Guests       bool
	// PublicProfiles lets people without an account read profiles.
	PublicProfiles bool
	Terms          Terms
	RateLimits     bool // false takes all limits away, for tests
	Rates          Rates
	BaseURL        string // for /.well-known/matrix/client; "" leaves it out
	// SupportContact, a mail address or a user id, and SupportPage are for
	// /.well-known/matrix/support; without either it is not there.
	SupportContact, SupportPage string
}

// Terms are what people accept to make an account. Without a URL there are none.
type Terms struct{ Version, Name, URL string }

// Accepted is what is kept of their acceptance.
func (t Terms) Accepted() string {
	if t.URL == "" {
		return ""
	}
	return t.Version + " " + t.URL
}

// Rates are how often things may be done. What is not set has a careful default.
type Rates struct {
	Login        ratelimit.Rate // logins, by address and by account
	FailedLogin  ratelimit.Rate // wrong passwords, by address and by account
	Registration ratelimit.Rate // new accounts, by address
	Messages     ratelimit.Rate // events, by user
	Joins        ratelimit.Rate // of rooms, by user
	Invites      ratelimit.Rate // by who invites
	RoomCreation ratelimit.Rate // by user
	KeyQueries   ratelimit.Rate // for others' keys, by user
}

// Options are all that an API needs.
type Options struct {
	Users    *userserver.Server
	Rooms    *roomserver.Server
	Clock    func() time.Time
	Log      *logrus.Entry
	Settings Settings
	Services AppServices // nil: there are none
}

// API serves the client-server API.
type API struct {
	users         *userserver.Server
	rooms         *roomserver.Server
	clock         func() time.Time
	log           *logrus.Entry
	set           Settings
	services      AppServices
	logins        *ratelimit.Limiter // by address, and by user
	failures      *ratelimit.Limiter // of passwords, by address and by user
	registrations *ratelimit.Limiter // by address
	questions     *ratelimit.Limiter // of who has no account yet, by address
	messages      *ratelimit.Limiter // by user
	joins         *ratelimit.Limiter // by user
	invites       *ratelimit.Limiter // by user
	creations     *ratelimit.Limiter // of rooms, by user
	keyQueries    *ratelimit.Limiter // and claims, by user
}

// New makes the door.
func New(o Options) *API {
	rates := o.Settings.Rates
	registration := rates.Registration.Or(ratelimit.Rate{PerSecond: 0.1, Burst: 5})
	limiter := func(r, byDefault ratelimit.Rate) *ratelimit.Limiter { return ratelimit.New(o.Clock, r.Or(byDefault)) }
	if o.Services == nil {
		o.Services = noServices{}
	}
	return &API{services: o.Services, users: o.Users, rooms: o.Rooms, clock: o.Clock, log: o.Log, set: o.Settings,
		logins:        limiter(rates.Login, ratelimit.Rate{PerSecond: 0.1, Burst: 10}),
		failures:      limiter(rates.FailedLogin, ratelimit.Rate{PerSecond: 0.005, Burst: 5}),
		registrations: ratelimit.New(o.Clock, registration),
		questions:     ratelimit.New(o.Clock, ratelimit.Rate{PerSecond: 10 * registration.PerSecond, Burst: 10 * registration.Burst}),
		messages:      limiter(rates.Messages, ratelimit.Rate{PerSecond: 5, Burst: 20}),
		joins:         limiter(rates.Joins, ratelimit.Rate{PerSecond: 0.1, Burst: 10}),
		invites:       limiter(rates.Invites, ratelimit.Rate{PerSecond: 0.1, Burst: 20}),
		creations:     limiter(rates.RoomCreation, ratelimit.Rate{PerSecond: 0.05, Burst: 10}),
		keyQueries:    limiter(rates.KeyQueries, ratelimit.Rate{PerSecond: 20, Burst: 100})}
}

// access is who may call a route.
type access int

const (
	anyone access = iota
	members
	guests // and members
)

// caller is who makes a request.
type caller struct {
	userserver.Session
}

func (c caller) reader() roomserver.Reader {
	return roomserver.Reader{UserID: c.User, Device: c.Device, Guest: c.Guest}
}

// route is one endpoint. A path begins after /_matrix/client/v3, or with / of its
// own when absolute.
type route struct {
	method, path string
	who          access
	body         int64 // bytes of body that it takes; 0: none
	handle       func(r *http.Request, c caller) (any, error)
}

// answerTime bounds every request but the long-poll.
const answerTime = 60 * time.Second

// Register hangs up all routes.
func (a *API) Register(router *mux.Router) {
	for _, rt := range a.routes() {
		for _, path := range rt.paths() {
			h := httpjson.Wrap(a.serve(rt), httpjson.Budget{Body: rt.body, Time: answerTime}, a.log)
			router.Handle(path, h).Methods(rt.method, http.MethodOptions)
		}
	}
}

// paths: what v3 has, clients of before look for under r0.
func (rt route) paths() []string {
	if strings.HasPrefix(rt.path, "/_matrix") || strings.HasPrefix(rt.path, "/.well-known") {
		return []string{rt.path}
	}
	return []string{"/_matrix/client/v3" + rt.path, "/_matrix/client/r0" + rt.path}
}

// serve authenticates and calls the handler.
func (a *API) serve(rt route) httpjson.Handler {
	handle := a.noted(rt)
	return func(r *http.Request) (any, error) {
		var c caller
		if rt.who != anyone {
			var err error
			if c, err = a.authenticate(r, rt); err != nil {
				return nil, err
			}
		}
		return handle(r, c)
	}
}

// authenticate finds who asks, and whether they may ask this at all.
func (a *API) authenticate(r *http.Request, rt route) (c caller, err error) {
	tok, err := bearer.Token(r)
	if err != nil {
		return c, err
	}
	c.Session, err = a.users.Authenticate(r.Context(), tok)
	if err != nil && !(matrixerr.Is(err, "M_USER_LOCKED") && strings.HasPrefix(rt.path, "/logout")) {
		return c, err
	}
	httpjson.Note(r.Context(), "user", c.User)
	if c.Guest && rt.who != guests {
		return c, matrixerr.GuestForbidden()
	}
	if c.Suspended {
		if err := a.whileSuspended(r, c, rt); err != nil {
			return c, err
		}
	}
	a.users.Seen(c.Session, address(r), r.UserAgent())
	return c, nil
}

// perhaps is who makes a request that needs no token; "" when there is no good one.
func (a *API) perhaps(r *http.Request) string {
	tok, err := bearer.Token(r)
	if err != nil {
		return ""
	}
	sess, err := a.users.Authenticate(r.Context(), tok)
	if err != nil {
		return ""
	}
	return sess.User
}

// address is the network address of the client.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// network is what limits count by.
func network(r *http.Request) string { return networkOf(address(r)) }

// networkOf is an address, or of IPv6 its /64, which is what one customer has.
func networkOf(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if a = a.Unmap(); a.Is4() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// param is a path parameter, unescaped once.
func param(r *http.Request, name string) string {
	raw := mux.Vars(r)[name]
	s, err := url.PathUnescape(raw)
	if err != nil {
		return raw
	}
	return s
}

// nameParam is a path parameter that is an opaque name, as device ids and types are:
// 1 to 255 bytes of text without control characters.
func nameParam(r *http.Request, name string) (string, error) {
	s := param(r, name)
	if !id.IsDevice(s) {
		return "", matrixerr.InvalidParam("The path has a " + name + " that is not usable")
	}
	return s, nil
}

// roomParam is the room id of the path.
func roomParam(r *http.Request) (string, error) {
	room := param(r, "roomID")
	if !id.IsRoom(room) {
		return "", matrixerr.InvalidParam("Not a room id")
	}
	return room, nil
}

// limit takes from a limiter, unless rate limits are off.
func (a *API) limit(l *ratelimit.Limiter, key string) error {
	if !a.set.RateLimits {
		return nil
	}
	if wait := l.Take(key); wait > 0 {
		return matrixerr.LimitExceeded(wait)
	}
	return nil
}
