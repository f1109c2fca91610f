// Package httpjson is the mouth of every door: it bounds and checks request
// bodies, decodes them case-exactly, and turns what a handler returns, value or
// error, into a Matrix answer.
//
// It knows no endpoints and no rules.
package httpjson

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Handler answers a request with a value or an error.
type Handler func(r *http.Request) (any, error)

// Budget bounds what a route may cost: bytes of body, and time until the answer.
type Budget struct {
	Body int64
	Time time.Duration
}

// Raw is an answer that is JSON already.
type Raw []byte

// Empty is the answer {}.
type Empty struct{}

type budgetKey struct{}

// Wrap makes a handler of HTTP: CORS, the budget, errors, panics.
func Wrap(h Handler, b Budget, log *logrus.Entry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		CORS(w.Header())
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusOK)
			return
		}
		ctx := context.WithValue(r.Context(), budgetKey{}, b)
		if b.Time > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, b.Time)
			defer cancel()
		}
		v, err := safely(h, r.WithContext(ctx), log)
		if err != nil {
			WriteError(w, r, err, log)
			return
		}
		write(w, http.StatusOK, v)
	})
}

// CORS sets the headers that let a client in a browser in ("Web Browser Clients").
func CORS(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "X-Requested-With, Content-Type, Authorization")
}

// safely turns a panic into an error: one bad request must not end the server.
func safely(h Handler, r *http.Request, log *logrus.Entry) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			log.WithField("path", r.URL.Path).WithField("stack", string(debug.Stack())).Errorf("panic: %v", p)
			err = errors.New("panic")
		}
	}()
	return h(r)
}

// Sentinel gives an error that a package below this one knows its answer.
type Sentinel struct {
	Err    error
	Answer *matrixerr.Error
}

var sentinels []Sentinel

// Register adds sentinels; homeserver calls it once, before anything is served.
func Register(s ...Sentinel) { sentinels = s }

// WriteError answers with an error: a Matrix error as it stands, a known sentinel
// as its code, anything else is logged and M_UNKNOWN.
func WriteError(w http.ResponseWriter, r *http.Request, err error, log *logrus.Entry) {
	var e *matrixerr.Error
	if errors.As(err, &e) {
		write(w, e.Status, e)
		return
	}
	for _, s := range sentinels {
		if errors.Is(err, s.Err) {
			write(w, s.Answer.Status, s.Answer)
			return
		}
	}
	if errors.Is(err, context.Canceled) {
		return // the client is gone
	}
	log.WithError(err).WithField("method", r.Method).WithField("path", r.URL.Path).Error("a request failed")
	write(w, http.StatusInternalServerError, matrixerr.New(http.StatusInternalServerError, "M_UNKNOWN", "Something went wrong in the server"))
}

func write(w http.ResponseWriter, status int, v any) {
	var body []byte
	switch v := v.(type) {
	case Raw:
		body = v
	case nil:
		body = []byte("{}")
	default:
		buf := &bytes.Buffer{}
		enc := json.NewEncoder(buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"errcode":"M_UNKNOWN","error":"The answer could not be written"}`)
		} else {
			body = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// defaultBody is the budget of a body outside Wrap.
const defaultBody = 1 << 20

// Body reads the request's body: a JSON object within the budget, without
// duplicate keys, bad UTF-8 or deep nesting. No body at all counts as {}.
func Body(r *http.Request) ([]byte, error) {
	limit := int64(defaultBody)
	if b, ok := r.Context().Value(budgetKey{}).(Budget); ok && b.Body > 0 {
		limit = b.Body
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, matrixerr.NotJSON("The body could not be read")
	}
	if int64(len(raw)) > limit {
		return nil, matrixerr.TooLarge("The body is too large")
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte("{}")
	}
	return raw, Check(raw)
}

// Check says whether raw is a sound JSON object.
func Check(raw []byte) error {
	switch err := canonicaljson.Check(raw, canonicaljson.MaxDepth); {
	case errors.Is(err, canonicaljson.ErrSyntax):
		return matrixerr.NotJSON("The body is " + err.Error())
	case err != nil:
		return matrixerr.BadJSON("The body is unusable: " + err.Error())
	}
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return matrixerr.BadJSON("The body is not an object")
	}
	return nil
}

// Decode reads the body into a struct. Members are matched case-exactly; unknown
// ones are ignored, wrong types are M_BAD_JSON.
func Decode(r *http.Request, into any) error {
	raw, err := Body(r)
	if err != nil {
		return err
	}
	return decodeChecked(raw, into)
}

// Unmarshal is Decode of bytes.
func Unmarshal(raw []byte, into any) error {
	if err := Check(raw); err != nil {
		return err
	}
	return decodeChecked(raw, into)
}
