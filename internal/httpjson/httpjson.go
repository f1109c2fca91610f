// Package httpjson is the mouth of every door: it bounds and checks request
// bodies, decodes them case-exactly, and turns what a handler returns, value or
// error, into a Matrix answer. It also writes the one log line of each request.
//
// It knows no endpoints, no rules and no storage.
package httpjson

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Handler answers a request with a value or an error. The value is encoded as
// JSON; Raw, Empty, Status and Reply are special.
type Handler func(r *http.Request) (any, error)

// Budget bounds what a route may cost: Body is the largest request body in bytes
// (0: the route reads none), Time how long the answer may take (0: no bound).
type Budget struct {
	Body int64
	Time time.Duration
}

// Raw is an answer that is JSON already.
type Raw []byte

// Empty is the answer {}.
type Empty struct{}

// Status answers with another status than 200.
type Status struct {
	Code int
	Body any
}

// Reply writes its answer itself: media, pages, redirects. CORS headers are set.
type Reply func(w http.ResponseWriter, r *http.Request)

type budgetKey struct{}

// spending is the budget of a running request, with the connection it is spent on.
type spending struct {
	Budget
	conn *http.ResponseController
}

// Wrap makes a handler of HTTP: CORS, the budget, errors, panics.
func Wrap(h Handler, b Budget, log *logrus.Entry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		CORS(w.Header())
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusOK)
			return
		}
		spent := spending{b, http.NewResponseController(w)}
		spent.hurry(r)
		ctx := context.WithValue(r.Context(), budgetKey{}, spent)
		if b.Time > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, b.Time)
			defer cancel()
		}
		r = r.WithContext(ctx)
		v, err := safely(h, r, log)
		if err != nil {
			WriteError(w, r, err, log)
			return
		}
		answer(w, r, v)
	})
}

func answer(w http.ResponseWriter, r *http.Request, v any) {
	switch v := v.(type) {
	case Reply:
		v(w, r)
	case Status:
		write(w, v.Code, v.Body)
	default:
		write(w, http.StatusOK, v)
	}
}

// CORS sets the headers that let a client in a browser in (client-server API,
// "Web Browser Clients").
func CORS(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
}

// NotFound answers a path that nobody serves: 404 M_UNRECOGNIZED.
func NotFound(log *logrus.Entry) http.Handler {
	return Wrap(func(*http.Request) (any, error) { return nil, matrixerr.Unrecognized() }, Budget{}, log)
}

// MethodNotAllowed answers a method that a path does not take: 405
// M_UNRECOGNIZED.
func MethodNotAllowed(log *logrus.Entry) http.Handler {
	return Wrap(func(*http.Request) (any, error) { return nil, matrixerr.MethodNotAllowed() }, Budget{}, log)
}

// safely turns a panic into an error: one bad request must not end the server.
func safely(h Handler, r *http.Request, log *logrus.Entry) (v any, err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) // asks the HTTP server to cut the connection
		default:
			Log(r.Context(), log).WithField("path", r.URL.Path).WithField("stack", string(debug.Stack())).Errorf("panic: %v", p)
			err = matrixerr.Unknown(apology)
		}
	}()
	return h(r)
}

// Sentinel gives an error of a package that knows no HTTP its answer.
type Sentinel struct {
	Err    error
	Answer *matrixerr.Error
}

var sentinels atomic.Pointer[[]Sentinel]

// Register sets the table of sentinels; homeserver calls it before anything is
// served.
func Register(s ...Sentinel) { sentinels.Store(&s) }

const apology = "Something went wrong in the server"

// WriteError answers with an error: a Matrix error as it stands, a known sentinel
// as its code, anything else is logged and M_UNKNOWN.
func WriteError(w http.ResponseWriter, r *http.Request, err error, log *logrus.Entry) {
	if e := known(err); e != nil {
		if e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusUnsupportedMediaType {
			w.Header().Set("Connection", "close") // the rest of the body is not worth reading
		}
		write(w, e.Status, e)
		return
	}
	log = Log(r.Context(), log).WithError(err).WithField("method", r.Method).WithField("path", r.URL.Path)
	switch {
	case r.Context().Err() == context.Canceled:
		// The client is gone; nobody reads the answer.
		write(w, http.StatusServiceUnavailable, matrixerr.Unavailable("The request was given up"))
	case errors.Is(err, context.DeadlineExceeded) || r.Context().Err() != nil:
		log.Warn("a request took longer than its budget")
		write(w, http.StatusServiceUnavailable, matrixerr.Unavailable("The request took too long"))
	default:
		log.Error("a request failed")
		write(w, http.StatusInternalServerError, matrixerr.Unknown(apology))
	}
}

func known(err error) *matrixerr.Error {
	var e *matrixerr.Error
	if errors.As(err, &e) {
		return e
	}
	if table := sentinels.Load(); table != nil {
		for _, s := range *table {
			if errors.Is(err, s.Err) {
				return s.Answer
			}
		}
	}
	return nil
}
