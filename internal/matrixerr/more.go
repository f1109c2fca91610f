package matrixerr

import (
	"fmt"
	"net/http"
)

// Newf is New with a formatted sentence.
func Newf(status int, code, format string, args ...any) *Error {
	return New(status, code, fmt.Sprintf(format, args...))
}

// With gives a copy of e that carries one more member in its response.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Extra = map[string]any{key: value}
	for k, v := range e.Extra {
		if k != key {
			c.Extra[k] = v
		}
	}
	return &c
}

// Unknown is 500 M_UNKNOWN: the server's own fault. The sentence is shown to the
// client, so it says nothing of the inside.
func Unknown(m string) *Error { return New(http.StatusInternalServerError, "M_UNKNOWN", m) }

// Unavailable is 503 M_UNKNOWN: not now; the same request may work later.
func Unavailable(m string) *Error { return New(http.StatusServiceUnavailable, "M_UNKNOWN", m) }

// UserInUse is 400 M_USER_IN_USE.
func UserInUse() *Error {
	return New(http.StatusBadRequest, "M_USER_IN_USE", "The user name is taken")
}

// InvalidUsername is 400 M_INVALID_USERNAME.
func InvalidUsername(m string) *Error { return New(http.StatusBadRequest, "M_INVALID_USERNAME", m) }

// Exclusive is 400 M_EXCLUSIVE: the name belongs to an application service.
func Exclusive(m string) *Error { return New(http.StatusBadRequest, "M_EXCLUSIVE", m) }

// GuestForbidden is 403 M_GUEST_ACCESS_FORBIDDEN.
func GuestForbidden() *Error {
	return New(http.StatusForbidden, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not do this")
}

// WeakPassword is 400 M_WEAK_PASSWORD.
func WeakPassword(m string) *Error { return New(http.StatusBadRequest, "M_WEAK_PASSWORD", m) }

// UserDeactivated is 403 M_USER_DEACTIVATED.
func UserDeactivated() *Error {
	return New(http.StatusForbidden, "M_USER_DEACTIVATED", "The account has been deactivated")
}

// UserLocked is 401 M_USER_LOCKED with soft_logout: the client keeps its data and
// waits ("Account locking").
func UserLocked() *Error {
	return New(http.StatusUnauthorized, "M_USER_LOCKED", "The account is locked").With("soft_logout", true)
}

// UserSuspended is 403 M_USER_SUSPENDED ("Account suspension").
func UserSuspended() *Error {
	return New(http.StatusForbidden, "M_USER_SUSPENDED", "The account is suspended and may only read")
}

// RoomInUse is 400 M_ROOM_IN_USE: the alias is taken.
func RoomInUse(m string) *Error { return New(http.StatusBadRequest, "M_ROOM_IN_USE", m) }

// BadState is 403 M_BAD_STATE: the state of the room does not allow it now.
func BadState(m string) *Error { return New(http.StatusForbidden, "M_BAD_STATE", m) }

// BadAlias is 400 M_BAD_ALIAS.
func BadAlias(m string) *Error { return New(http.StatusBadRequest, "M_BAD_ALIAS", m) }

// UnsupportedRoomVersion is 400 M_UNSUPPORTED_ROOM_VERSION.
func UnsupportedRoomVersion() *Error {
	return New(http.StatusBadRequest, "M_UNSUPPORTED_ROOM_VERSION", "The server does not know this room version")
}

// IncompatibleRoomVersion is 400 M_INCOMPATIBLE_ROOM_VERSION; version is the
// room's, which the response must name.
func IncompatibleRoomVersion(version string) *Error {
	return New(http.StatusBadRequest, "M_INCOMPATIBLE_ROOM_VERSION",
		"Your server does not support the version of this room").With("room_version", version)
}
