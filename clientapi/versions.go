package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// GET /_matrix/client/versions
func (a *API) versions(*http.Request, caller) (any, error) {
	list := []string{"r0.6.1"}
	for _, minor := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"} {
		list = append(list, "v1."+minor)
	}
	return map[string]any{"versions": list, "unstable_features": map[string]bool{
		"org.matrix.msc4222": true, // state_after in /sync
	}}, nil
}

// GET /_matrix/client/v3/capabilities
func (a *API) capabilities(*http.Request, caller) (any, error) {
	available := map[string]string{}
	for _, v := range event.Versions() {
		available[string(v)] = "stable"
	}
	yes := map[string]bool{"enabled": true}
	return map[string]any{"capabilities": map[string]any{
		"m.change_password": yes,
		"m.room_versions":   map[string]any{"default": a.rooms.DefaultVersion(), "available": available},
		"m.set_displayname": yes, "m.set_avatar_url": yes, "m.profile_fields": yes,
		"m.3pid_changes":    map[string]bool{"enabled": false},
		"m.get_login_token": yes,
	}}, nil
}

func (a *API) clientWellKnown() map[string]any {
	return map[string]any{"m.homeserver": map[string]string{"base_url": a.set.BaseURL}}
}

// GET /.well-known/matrix/client
func (a *API) wellKnown(*http.Request, caller) (any, error) {
	if a.set.BaseURL == "" {
		return nil, matrixerr.NotFound("This server has no client configuration")
	}
	return a.clientWellKnown(), nil
}
