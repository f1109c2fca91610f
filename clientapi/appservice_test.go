package clientapi

import (
	"strings"
	"testing"
)

// bridge is an application service that owns what begins with @_irc_.
type bridge struct{}

func (bridge) OfToken(token string) (func(string) bool, bool) {
	return func(user string) bool { return strings.HasPrefix(user, "@_irc_") }, token == "the bridge's token"
}

func TestAnApplicationServiceMakesAndLogsInItsUsers(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.api.services = bridge{}
		const as, kind = "the bridge's token", "m.login.application_service"
		alice := d.register("alice")
		d.call(as, "POST", "/register", m{"type": kind, "username": "_irc_bob", "inhibit_login": true}).ok().
			is(`{"user_id":"@_irc_bob:test.example","home_server":"test.example"}`)
		in := d.call(as, "POST", "/register", m{"type": kind, "username": "_irc_carol", "device_id": "BRIDGE"}).ok()
		d.call(in.text("access_token"), "GET", "/account/whoami", nil).ok().is(`{"user_id":"@_irc_carol:test.example","device_id":"BRIDGE","is_guest":false}`)
		d.call(as, "POST", "/register", m{"type": kind, "username": "_irc_bob"}).no(400, "M_USER_IN_USE")
		d.call(as, "POST", "/register", m{"type": kind, "username": "dora"}).no(400, "M_EXCLUSIVE")
		d.call(as, "POST", "/register", m{"type": kind}).no(400, "M_MISSING_PARAM")
		d.call("", "POST", "/register", m{"type": kind, "username": "_irc_x"}).no(401, "M_MISSING_TOKEN")
		d.call(alice, "POST", "/register", m{"type": kind, "username": "_irc_x"}).no(401, "M_UNKNOWN_TOKEN")
		d.call("", "POST", "/register", m{"username": "_irc_x", "password": secret, "auth": dummy}).no(400, "M_EXCLUSIVE")

		login := func(token, user string) said {
			return d.call(token, "POST", "/login", m{"type": kind, "identifier": m{"type": "m.id.user", "user": user}})
		}
		login(as, "_irc_bob").ok()
		login(as, "@_irc_bob:test.example").ok()
		login(as, "_irc_nobody").no(403, "M_FORBIDDEN")
		login(as, "alice").no(400, "M_EXCLUSIVE")
		login(as, "@_irc_bob:other.example").no(400, "M_EXCLUSIVE")
		login(alice, "_irc_bob").no(403, "M_FORBIDDEN")
		login("", "_irc_bob").no(401, "M_MISSING_TOKEN")
		d.login("_irc_bob", "").no(400, "M_MISSING_PARAM")
		d.login("_irc_bob", "guess").no(403, "M_FORBIDDEN")
		if raw := d.call("", "GET", "/login", nil).raw; !strings.Contains(raw, kind) {
			d.Error(raw)
		}
	})
}

func TestWithoutApplicationServicesNobodyIsOne(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.call("any", "POST", "/login", m{"type": "m.login.application_service", "user": "alice"}).no(403, "M_FORBIDDEN")
		d.call("any", "POST", "/register", m{"type": "m.login.application_service", "username": "_x"}).no(401, "M_UNKNOWN_TOKEN")
		if raw := d.call("", "GET", "/login", nil).raw; strings.Contains(raw, "application_service") {
			d.Error(raw)
		}
	}, func(s *Settings) { s.Registration = RegisterClosed })
}
