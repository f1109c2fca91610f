package clientapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/userserver"
)

func TestAPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	eachDoor(t, func(d *door) {
		here, there := d.register("alice"), d.login("alice", secret).text("access_token")
		d.call(here, "POST", "/account/password", m{}).no(400, "M_MISSING_PARAM")
		d.call(here, "POST", "/account/password", m{"new_password": "short"}).no(400, "M_WEAK_PASSWORD")
		d.withPassword(here, "POST", "/account/password", m{"new_password": "another good one", "logout_devices": false}).ok()
		d.call(there, "GET", "/devices", nil).ok()
		d.login("alice", secret).no(403, "M_FORBIDDEN")
		d.call(here, "POST", "/account/password", m{"new_password": secret, "auth": m{"type": "m.login.password", "password": "another good one"}}).ok()
		d.call(there, "GET", "/devices", nil).no(401, "M_UNKNOWN_TOKEN")
		d.call(here, "GET", "/devices", nil).ok()
	})
}

// TestHardening_UIA: a session of user-interactive authentication is good for one
// user, one endpoint and one body.
func TestHardening_UIA_ASessionConfirmsNothingElse(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, bob := d.register("alice"), d.register("bob")
		mine := d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}}).text("session")
		auth := func(session string) m { return m{"type": "m.login.password", "session": session, "password": secret} }
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"B"}, "auth": auth(mine)}).no(403, "M_FORBIDDEN")
		d.call(alice, "POST", "/account/deactivate", m{"devices": []string{"A"}, "auth": auth(mine)}).no(400, "M_UNKNOWN")
		d.call(bob, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": auth(mine)}).no(400, "M_UNKNOWN")
		wrong := d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": m{"type": "m.login.password", "session": mine, "password": "no"}})
		wrong.no(401, "M_FORBIDDEN")
		if wrong.text("session") != mine || wrong.body["flows"] == nil {
			d.Error(wrong.raw)
		}
		other := m{"type": "m.login.password", "session": mine, "password": secret, "identifier": m{"type": "m.id.user", "user": "bob"}}
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": other}).no(403, "M_FORBIDDEN")
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": m{"type": "m.login.dummy", "session": mine}}).no(401, "M_UNRECOGNIZED")
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": auth(mine)}).ok()
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": m{"session": mine}}).no(400, "M_UNKNOWN") // used up
	})
}

func TestDevicesAreListedNamedAndDeleted(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.register("bob")
		alice := d.call("", "POST", "/register", m{"username": "alice", "password": secret, "device_id": "A", "initial_device_display_name": "first", "auth": dummy}).ok().text("access_token")
		d.call(alice, "GET", "/devices/A", nil).ok().is(`{"device_id":"A","display_name":"first","last_seen_ip":"192.0.2.1","last_seen_ts":1893484800000}`)
		odd := d.call("", "POST", "/login", m{"type": "m.login.password", "user": "alice", "password": secret, "device_id": "a/b %?"}).ok().text("access_token")
		d.call(alice, "PUT", "/devices/a%2Fb%20%25%3F", m{"display_name": "odd"}).ok()
		if n := d.call(alice, "GET", "/devices/a%2Fb%20%25%3F", nil).ok().text("display_name"); n != "odd" {
			d.Error(n)
		}
		d.call(alice, "PUT", "/devices/A", m{}).ok()
		d.call(alice, "PUT", "/devices/NONE", m{}).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", "/devices/NONE", m{"display_name": "x"}).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", "/devices/A", m{"display_name": strings.Repeat("x", 101)}).no(400, "M_TOO_LARGE")
		d.call(alice, "GET", "/devices/NONE", nil).no(404, "M_NOT_FOUND")
		d.withPassword(alice, "DELETE", "/devices/a%2Fb%20%25%3F", m{}).ok()
		d.call(odd, "GET", "/devices", nil).no(401, "M_UNKNOWN_TOKEN")
		if list := d.call(alice, "GET", "/devices", nil).ok().body["devices"].([]any); len(list) != 1 {
			d.Error(list)
		}
		d.call(alice, "POST", "/delete_devices", m{}).no(400, "M_MISSING_PARAM")
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"\x00"}}).no(400, "M_INVALID_PARAM")
	})
}

func TestADeactivatedAccountHasLeftItsRooms(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, bob := d.register("alice"), d.register("bob")
		room := d.call(alice, "POST", "/createRoom", m{"preset": "public_chat"}).ok().text("room_id")
		d.call(bob, "POST", "/join/"+room, m{}).ok()
		d.withPassword(bob, "POST", "/account/deactivate", m{"erase": true}).ok().is(`{"id_server_unbind_result":"no-support"}`)
		d.call(bob, "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN")
		d.login("bob", secret).no(403, "M_FORBIDDEN")
		if who := d.call(alice, "GET", "/rooms/"+room+"/joined_members", nil).ok().body["joined"].(map[string]any); len(who) != 1 {
			d.Error(who)
		}
		d.call(alice, "GET", "/profile/@bob:test.example", nil).no(404, "M_NOT_FOUND")
	})
}

func TestAProfileIsShownInRooms(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		room := d.call(alice, "POST", "/createRoom", m{}).ok().text("room_id")
		me := "/profile/@alice:test.example"
		d.call(alice, "PUT", me+"/displayname", m{"displayname": "Alice"}).ok()
		d.call(alice, "PUT", me+"/m.tz", m{"m.tz": "Europe/Berlin"}).ok()
		d.call(alice, "PUT", me+"/org.example.pets", m{"org.example.pets": []any{"cat", nil, 1.5}}).ok()
		d.call(alice, "GET", me, nil).ok().is(`{"displayname":"Alice","m.tz":"Europe/Berlin","org.example.pets":["cat",null,1.5]}`)
		if n := d.call(alice, "GET", "/rooms/"+room+"/state/m.room.member/@alice:test.example", nil).ok().text("displayname"); n != "Alice" {
			d.Error(n)
		}
		d.call(alice, "DELETE", me+"/displayname", nil).ok()
		d.call(alice, "GET", me+"/displayname", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", me+"/displayname", m{}).no(400, "M_MISSING_PARAM")
		d.call(alice, "PUT", me+"/displayname", m{"displayname": 7}).no(400, "M_BAD_JSON")
		d.call(alice, "PUT", me+"/Bad", m{"Bad": 7}).no(400, "M_INVALID_PARAM")
		d.call(alice, "PUT", me+"/x."+strings.Repeat("x", 255), m{}).no(400, "M_MISSING_PARAM")
		d.call(alice, "PUT", me+"/a.b", m{"a.b": strings.Repeat("x", 65<<10)}).no(400, "M_PROFILE_TOO_LARGE")
		d.call(alice, "PUT", "/profile/@bob:test.example/displayname", m{"displayname": "Bob"}).no(403, "M_FORBIDDEN")
		d.call(alice, "GET", "/profile/@nobody:test.example", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "GET", "/profile/nobody", nil).no(400, "M_INVALID_PARAM")
	})
}

func TestHardening_C11_StrangersReadNoProfiles(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.register("alice")
		for _, path := range []string{"/profile/@alice:test.example", "/profile/@nobody:test.example", "/profile/@alice:test.example/displayname"} {
			d.call("", "GET", path, nil).no(401, "M_MISSING_TOKEN")
		}
	})
}

func TestProfilesThatTheOperatorMakesPublic(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		d.call(alice, "PUT", "/profile/@alice:test.example/displayname", m{"displayname": "Alice"}).ok()
		d.call("", "GET", "/profile/@alice:test.example/displayname", nil).ok().is(`{"displayname":"Alice"}`)
		d.call("", "GET", "/profile/@nobody:test.example", nil).no(404, "M_NOT_FOUND")
	}, func(s *Settings) { s.PublicProfiles = true })
}

func TestSettingsAreKeptAndDeleted(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		me := "/user/@alice:test.example"
		d.call(alice, "GET", me+"/account_data/org.example.a", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", me+"/account_data/org.example.a", m{"x": 1}).ok()
		d.call(alice, "PUT", me+"/account_data/org.example.a", m{"x": 2}).ok()
		d.call(alice, "GET", me+"/account_data/org.example.a", nil).ok().is(`{"x":2}`)
		d.call(alice, "GET", me+"/rooms/!r:test.example/account_data/org.example.a", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", me+"/rooms/!r:test.example/account_data/org.example.a", m{"y": 1}).ok()
		d.call(alice, "GET", me+"/rooms/!r:test.example/account_data/org.example.a", nil).ok().is(`{"y":1}`)
		d.call(alice, "PUT", me+"/rooms/notaroom/account_data/a", m{}).no(400, "M_INVALID_PARAM")
		d.call(alice, "PUT", me+"/account_data/a", `[]`).no(400, "M_BAD_JSON")
		d.call(alice, "PUT", me+"/account_data/a%00", m{}).no(400, "M_INVALID_PARAM")
		d.call(alice, "PUT", "/user/@bob:test.example/account_data/a", m{}).no(403, "M_FORBIDDEN")
		for _, kind := range []string{"m.fully_read", "m.push_rules"} {
			d.call(alice, "PUT", me+"/account_data/"+kind, m{}).no(405, "M_BAD_JSON")
			d.call(alice, "PUT", me+"/rooms/!r:test.example/account_data/"+kind, m{}).no(405, "M_BAD_JSON")
		}
		d.call(alice, "DELETE", "/_matrix/client/unstable/org.matrix.msc3391"+me+"/account_data/org.example.a", nil).ok()
		d.call(alice, "GET", me+"/account_data/org.example.a", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "DELETE", "/_matrix/client/unstable/org.matrix.msc3391"+me+"/rooms/!r:test.example/account_data/org.example.a", nil).ok()
		d.call(alice, "GET", me+"/rooms/!r:test.example/account_data/org.example.a", nil).no(404, "M_NOT_FOUND")
		if d.call(alice, "GET", me+"/account_data/m.push_rules", nil).ok().body["global"] == nil {
			d.Error("no push rules")
		}
	})
}

func TestRoomsAreTagged(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		tags := "/user/@alice:test.example/rooms/!r:test.example/tags"
		d.call(alice, "GET", tags, nil).ok().is(`{"tags":{}}`)
		d.call(alice, "PUT", tags+"/m.favourite", m{"order": 0.5, "org.example": true}).ok()
		d.call(alice, "PUT", tags+"/u.a%2Fb", m{}).ok()
		d.call(alice, "GET", tags, nil).ok().is(`{"tags":{"m.favourite":{"order":0.5,"org.example":true},"u.a/b":{}}}`)
		d.call(alice, "PUT", tags+"/x", m{"order": "first"}).no(400, "M_BAD_JSON")
		d.call(alice, "PUT", tags+"/"+strings.Repeat("x", 256), m{}).no(400, "M_INVALID_PARAM")
		d.call(alice, "DELETE", tags+"/m.favourite", nil).ok()
		d.call(alice, "DELETE", tags+"/m.favourite", nil).ok()
		d.call(alice, "GET", tags, nil).ok().is(`{"tags":{"u.a/b":{}}}`)
	})
}

func TestAFilterIsKept(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, bob := d.register("alice"), d.register("bob")
		me := "/user/@alice:test.example/filter"
		f := m{"room": m{"timeline": m{"limit": 5}}}
		filterID := d.call(alice, "POST", me, f).ok().text("filter_id")
		if strings.HasPrefix(filterID, "{") || d.call(alice, "POST", me, f).ok().text("filter_id") != filterID {
			d.Error(filterID)
		}
		d.call(alice, "GET", me+"/"+filterID, nil).ok().is(`{"room":{"timeline":{"limit":5}}}`)
		d.call(alice, "GET", me+"/none", nil).no(404, "M_NOT_FOUND")
		d.call(bob, "GET", me+"/"+filterID, nil).no(403, "M_FORBIDDEN")
		d.call(alice, "POST", me, m{"room": 7}).no(400, "M_BAD_JSON")
	})
}

func TestOpenIDAndThirdPartyIDs(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		tok := d.call(alice, "POST", "/user/@alice:test.example/openid/request_token", m{}).ok()
		if tok.text("token_type") != "Bearer" || tok.text("matrix_server_name") != "test.example" || tok.body["expires_in"].(float64) != 3600 {
			d.Error(tok.raw)
		}
		d.call(tok.text("access_token"), "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN")
		d.call(alice, "POST", "/user/@bob:test.example/openid/request_token", m{}).no(403, "M_FORBIDDEN")
		d.call(alice, "GET", "/account/3pid", nil).ok().is(`{"threepids":[]}`)
		d.call(alice, "POST", "/account/3pid/add", m{}).no(403, "M_FORBIDDEN")
		d.call("", "POST", "/register/email/requestToken", m{}).no(400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
	})
}

func TestWhatTheServerSaysOfItself(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.call("", "GET", "/.well-known/matrix/client", nil).ok().is(`{"m.homeserver":{"base_url":"https://matrix.test.example"}}`)
		d.call("", "GET", "/.well-known/matrix/support", nil).ok().is(`{"contacts":[{"role":"m.role.admin","matrix_id":"@root:test.example"}],"support_page":"https://help.example"}`)
		raw := d.call("", "GET", "/_matrix/client/versions", nil).ok().raw
		var v struct{ Versions []string }
		if err := json.Unmarshal([]byte(raw), &v); err != nil || v.Versions[len(v.Versions)-1] != "v1.19" {
			d.Error(raw)
		}
		caps := d.call(d.register("alice"), "GET", "/capabilities", nil).ok().body["capabilities"].(map[string]any)
		if caps["m.room_versions"].(map[string]any)["default"] != "12" || caps["m.account_moderation"] != nil {
			d.Error(caps)
		}
	}, func(s *Settings) {
		s.BaseURL, s.SupportContact, s.SupportPage = "https://matrix.test.example", "@root:test.example", "https://help.example"
	})
}

func TestWhoHasNoPasswordConfirmsByHavingLoggedIn(t *testing.T) {
	eachDoor(t, func(d *door) {
		user, err := d.users.Register(d.Context(), userserver.NewAccount{Localpart: "alice"})
		if err != nil {
			d.Fatal(err)
		}
		login := func(device string, refresh bool) userserver.Tokens {
			t, err := d.users.Login(d.Context(), user, userserver.LoginOptions{Device: device, Refresh: refresh})
			if err != nil {
				d.Fatal(err)
			}
			return t
		}
		old := login("OLD", true)
		d.pass(time.Minute)
		renewed, err := d.users.Refresh(d.Context(), old.Refresh)
		if err != nil {
			d.Fatal(err)
		}
		d.call(renewed.Access, "DELETE", "/devices/OTHER", m{}).no(403, "M_FORBIDDEN")
		here := login("HERE", false).Access
		d.call(here, "DELETE", "/devices/OLD", m{}).ok()
		d.call(here, "POST", "/account/password", m{"new_password": "another good one"}).no(403, "M_FORBIDDEN")
		if raw := d.call(here, "GET", "/capabilities", nil).ok().raw; !strings.Contains(raw, `"m.change_password":{"enabled":false}`) {
			d.Error(raw)
		}
		d.pass(11 * time.Minute)
		d.call(here, "DELETE", "/devices/HERE", m{}).no(403, "M_FORBIDDEN")
		d.call(here, "POST", "/account/deactivate", m{}).no(403, "M_FORBIDDEN")
		bob := d.register("bob")
		d.call(bob, "DELETE", "/devices/HERE", m{}).no(401, "") // who has a password is asked for it
	})
}
