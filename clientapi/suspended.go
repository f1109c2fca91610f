package clientapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

// openToSuspended are the routes that write, and are left to a suspended account
// ("Account suspension"): keys, backups and what they need of account data, leaving
// rooms, devices, and the end of the account.
var openToSuspended = []string{
	"/sendToDevice/{type}/{txnID}", "/rooms/{roomID}/leave", "/rooms/{roomID}/forget", "/rooms/{roomID}/redact/{eventID}/{txnID}",
	"/rooms/{roomID}/receipt/{type}/{eventID}", "/rooms/{roomID}/read_markers",
	"/user/{userID}/filter", "/user/{userID}/account_data/{type}", "/user/{userID}/rooms/{roomID}/account_data/{type}",
	"/logout", "/logout/all", "/devices/{deviceID}", "/delete_devices", "/account/deactivate", "/account/password",
	"/publicRooms", "/search", "/user_directory/search",
}

// whileSuspended says whether a suspended account may make a request. It may read,
// and redact its own events, but not those of others.
func (a *API) whileSuspended(r *http.Request, c caller, rt route) error {
	switch {
	case rt.method == http.MethodGet:
		return nil
	case strings.HasPrefix(rt.path, "/keys/") || strings.HasPrefix(rt.path, "/room_keys/") || strings.Contains(rt.path, "/dehydrated_device"):
		return nil
	case !slices.Contains(openToSuspended, rt.path):
		return matrixerr.UserSuspended()
	case !strings.Contains(rt.path, "/redact/"):
		return nil
	}
	target, err := a.rooms.Event(r.Context(), c.reader(), param(r, "roomID"), param(r, "eventID"))
	if err != nil || target.Event.From() != c.User {
		return matrixerr.UserSuspended()
	}
	return nil
}
