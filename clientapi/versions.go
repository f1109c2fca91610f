package clientapi

import (
	"net/http"
	"strings"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// specVersions are the releases of the specification whose clients this server serves.
var specVersions = []string{"r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1",
	"v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13", "v1.14", "v1.15",
	"v1.16", "v1.17", "v1.18", "v1.19"}

// GET /_matrix/client/versions
func (a *API) versions(*http.Request, caller) (any, error) {
	return map[string]any{"versions": specVersions, "unstable_features": map[string]bool{
		"org.matrix.msc3391": true, // account data can be deleted
		"org.matrix.msc3814": true, // dehydrated devices
		"org.matrix.msc3881": true, // pushers can be disabled
		"org.matrix.msc4222": true, // state_after in /sync
	}}, nil
}

// GET /_matrix/client/v3/capabilities
func (a *API) capabilities(r *http.Request, c caller) (any, error) {
	password, err := a.users.HasPassword(r.Context(), c.User)
	if err != nil {
		return nil, err
	}
	available := map[string]string{}
	for _, v := range event.Versions() {
		available[string(v)] = "stable"
	}
	can := func(enabled bool) map[string]bool { return map[string]bool{"enabled": enabled} }
	own := can(!c.Guest)
	all := map[string]any{
		"m.change_password": can(password),
		"m.room_versions":   map[string]any{"default": a.rooms.DefaultVersion(), "available": available},
		"m.set_displayname": can(true), "m.set_avatar_url": own, "m.profile_fields": can(true),
		"m.3pid_changes":             can(false),
		"m.get_login_token":          own,
		"m.forget_forced_upon_leave": can(false),
	}
	if c.Guest {
		all["m.profile_fields"] = map[string]any{"enabled": true, "allowed": []string{"displayname"}}
	}
	if c.Admin {
		all["m.account_moderation"] = map[string]bool{"suspend": true, "lock": true}
	}
	return map[string]any{"capabilities": all}, nil
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

// GET /.well-known/matrix/support
func (a *API) wellKnownSupport(*http.Request, caller) (any, error) {
	contact, page := a.set.SupportContact, a.set.SupportPage
	if contact == "" && page == "" {
		return nil, matrixerr.NotFound("This server names nobody to ask for help")
	}
	out := map[string]any{}
	if page != "" {
		out["support_page"] = page
	}
	if contact != "" {
		key := "email_address"
		if strings.HasPrefix(contact, "@") {
			key = "matrix_id"
		}
		out["contacts"] = []any{map[string]string{"role": "m.role.admin", key: contact}}
	}
	return out, nil
}
