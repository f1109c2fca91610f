// Package matrixerr holds errors as clients and servers read them: an HTTP status,
// a Matrix error code and a sentence. Cores return them where the specification
// names a code; doors pass them on as they stand.
//
// It writes no HTTP; internal/httpjson does.
package matrixerr

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Error is an error with its place in the specification ("Standard error
// response").
type Error struct {
	Status  int
	Code    string
	Message string
	Extra   map[string]any // more members of the response
}

// Error implements error: the sentence for people.
func (e *Error) Error() string { return e.Message }

// MarshalJSON writes the response body.
func (e *Error) MarshalJSON() ([]byte, error) {
	m := map[string]any{}
	for k, v := range e.Extra {
		m[k] = v
	}
	if e.Code != "" {
		// The first answer of user-interactive authentication is no error yet.
		m["errcode"], m["error"] = e.Code, e.Message
	}
	return json.Marshal(m)
}

// New makes an error.
func New(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: message}
}

// Is reports whether err is an Error with this code.
func Is(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// The usual ones.

// Forbidden is 403 M_FORBIDDEN.
func Forbidden(m string) *Error { return New(http.StatusForbidden, "M_FORBIDDEN", m) }

// NotFound is 404 M_NOT_FOUND.
func NotFound(m string) *Error { return New(http.StatusNotFound, "M_NOT_FOUND", m) }

// BadJSON is 400 M_BAD_JSON: JSON, but not what was asked for.
func BadJSON(m string) *Error { return New(http.StatusBadRequest, "M_BAD_JSON", m) }

// NotJSON is 400 M_NOT_JSON.
func NotJSON(m string) *Error { return New(http.StatusBadRequest, "M_NOT_JSON", m) }

// InvalidParam is 400 M_INVALID_PARAM.
func InvalidParam(m string) *Error { return New(http.StatusBadRequest, "M_INVALID_PARAM", m) }

// MissingParam is 400 M_MISSING_PARAM.
func MissingParam(m string) *Error { return New(http.StatusBadRequest, "M_MISSING_PARAM", m) }

// TooLarge is 413 M_TOO_LARGE.
func TooLarge(m string) *Error { return New(http.StatusRequestEntityTooLarge, "M_TOO_LARGE", m) }

// MissingToken is 401 M_MISSING_TOKEN.
func MissingToken() *Error {
	return New(http.StatusUnauthorized, "M_MISSING_TOKEN", "An access token is needed")
}

// UnknownToken is 401 M_UNKNOWN_TOKEN; soft says that logging in again keeps the
// device.
func UnknownToken(soft bool) *Error {
	e := New(http.StatusUnauthorized, "M_UNKNOWN_TOKEN", "The access token is not known, or no longer valid")
	e.Extra = map[string]any{"soft_logout": soft}
	return e
}

// Unrecognized is 404 M_UNRECOGNIZED: no such endpoint.
func Unrecognized() *Error {
	return New(http.StatusNotFound, "M_UNRECOGNIZED", "There is no such endpoint")
}

// MethodNotAllowed is 405 M_UNRECOGNIZED.
func MethodNotAllowed() *Error {
	return New(http.StatusMethodNotAllowed, "M_UNRECOGNIZED", "The endpoint does not take this method")
}

// LimitExceeded is 429 M_LIMIT_EXCEEDED.
func LimitExceeded(retry time.Duration) *Error {
	e := New(http.StatusTooManyRequests, "M_LIMIT_EXCEEDED", "Too many requests; try again later")
	e.Extra = map[string]any{"retry_after_ms": retry.Milliseconds()}
	return e
}
