package clientapi

import (
	"strings"
	"testing"
)

func TestRegistrationIsClosedUnlessTheOperatorOpensIt(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.call("", "POST", "/register", m{"username": "alice", "password": secret, "auth": dummy}).no(403, "M_FORBIDDEN")
		d.call("", "POST", "/register?kind=guest", m{}).no(403, "M_GUEST_ACCESS_FORBIDDEN")
		d.call("", "GET", "/register/available?username=alice", nil).no(403, "M_FORBIDDEN")
	}, func(s *Settings) { s.Registration = "" })
}

func TestWhoeverRegistersIsLoggedIn(t *testing.T) {
	eachDoor(t, func(d *door) {
		first := d.call("", "POST", "/register", m{"username": "Alice", "password": secret, "device_id": "PHONE"})
		if first.status != 401 || first.body["errcode"] != nil {
			d.Fatalf("the first answer is %d %s", first.status, first.raw)
		}
		in := d.call("", "POST", "/register", m{"username": "Alice", "password": secret, "device_id": "PHONE",
			"auth": m{"type": "m.login.dummy", "session": first.text("session")}}).ok()
		if in.text("user_id") != "@alice:test.example" || in.text("device_id") != "PHONE" || in.text("home_server") != "test.example" {
			d.Fatal(in.raw)
		}
		d.call(in.text("access_token"), "GET", "/account/whoami", nil).ok().is(`{"user_id":"@alice:test.example","device_id":"PHONE","is_guest":false}`)
		d.call("", "POST", "/register", m{"username": "alice", "password": secret, "auth": dummy}).no(400, "M_USER_IN_USE")
		d.login("alice", secret).ok()
	})
}

func TestARegistrationWithoutALogin(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.call("", "POST", "/register", m{"username": "alice", "password": secret, "inhibit_login": true, "auth": dummy}).ok().
			is(`{"user_id":"@alice:test.example","home_server":"test.example"}`)
		if list, err := d.users.Devices(d.Context(), "@alice:test.example"); err != nil || len(list) != 0 {
			d.Fatal(list, err)
		}
		in := d.call("", "POST", "/register", m{"password": secret, "refresh_token": true, "auth": dummy}).ok()
		if in.body["refresh_token"] == nil || in.body["expires_in_ms"] == nil {
			d.Fatal(in.raw)
		}
	})
}

func TestBadRegistrations(t *testing.T) {
	eachDoor(t, func(d *door) {
		for body, code := range map[string]string{
			`{"username":"a b","password":"` + secret + `","auth":{"type":"m.login.dummy"}}`:                        "M_INVALID_USERNAME",
			`{"username":"a\u0000","password":"` + secret + `","auth":{"type":"m.login.dummy"}}`:                    "M_INVALID_USERNAME",
			`{"username":"_a","password":"` + secret + `","auth":{"type":"m.login.dummy"}}`:                         "M_EXCLUSIVE",
			`{"username":"alice","password":"short","auth":{"type":"m.login.dummy"}}`:                               "M_WEAK_PASSWORD",
			`{"username":"alice","auth":{"type":"m.login.dummy"}}`:                                                  "M_MISSING_PARAM",
			`{"username":"alice","password":"` + secret + `","device_id":"\u0000","auth":{"type":"m.login.dummy"}}`: "M_INVALID_PARAM",
			`{"username":7}`:                  "M_BAD_JSON",
			`{"auth":[]}`:                     "M_BAD_JSON",
			`{"username":"a","username":"b"}`: "M_BAD_JSON",
			`[]`:                              "M_BAD_JSON",
			`{`:                               "M_NOT_JSON",
			`{"auth":{"session":"nobody's"}}`: "M_UNKNOWN",
			`{"auth":{"session":"\u0000"}}`:   "M_UNKNOWN",
		} {
			d.call("", "POST", "/register", body).no(400, code)
		}
		d.call("", "POST", "/register?kind=robot", m{}).no(400, "M_UNRECOGNIZED")
		d.call("", "POST", "/register", `{"x":"`+strings.Repeat("x", 70<<10)+`"}`).no(413, "M_TOO_LARGE")
		d.call("", "GET", "/register/available?username=a%00", nil).no(400, "M_INVALID_USERNAME")
		d.call("", "GET", "/register/available", nil).no(400, "M_MISSING_PARAM")
		d.call("", "GET", "/register/available?username=Alice", nil).ok().is(`{"available":true}`)
		d.call("", "POST", "/register", m{"USERNAME": "mallory", "username": "alice", "password": secret, "auth": dummy}).ok()
		d.login("alice", secret).ok()
	})
}

func TestATokenLetsOnePersonIn(t *testing.T) {
	eachDoor(t, func(d *door) {
		if _, err := d.users.NewRegistrationToken(d.Context(), "welcome", 1, 0); err != nil {
			d.Fatal(err)
		}
		const validity = "/_matrix/client/v1/register/m.login.registration_token/validity"
		d.call("", "GET", validity+"?token=welcome", nil).ok().is(`{"valid":true}`)
		d.call("", "GET", validity+"?token=other", nil).ok().is(`{"valid":false}`)
		d.call("", "GET", validity+"?token=%00", nil).ok().is(`{"valid":false}`)
		d.call("", "GET", validity, nil).no(400, "M_MISSING_PARAM")

		alice := m{"username": "alice", "password": secret}
		first := d.call("", "POST", "/register", alice)
		alice["auth"] = m{"type": "m.login.registration_token", "token": "other", "session": first.text("session")}
		d.call("", "POST", "/register", alice).no(401, "M_FORBIDDEN")
		alice["auth"] = m{"type": "m.login.dummy", "session": first.text("session")}
		d.call("", "POST", "/register", alice).no(401, "M_UNRECOGNIZED")
		alice["auth"] = m{"type": "m.login.registration_token", "token": "welcome", "session": first.text("session")}
		d.call("", "POST", "/register", alice).ok()

		d.call("", "GET", validity+"?token=welcome", nil).ok().is(`{"valid":false}`)
		d.call("", "POST", "/register", m{"username": "bob", "password": secret,
			"auth": m{"type": "m.login.registration_token", "token": "welcome"}}).no(401, "M_FORBIDDEN")
	}, func(s *Settings) { s.Registration = RegisterToken })
}

func TestAGuestMayDoLittle(t *testing.T) {
	eachDoor(t, func(d *door) {
		in := d.call("", "POST", "/register?kind=guest", m{"initial_device_display_name": "browser"}).ok()
		guest, user := in.text("access_token"), in.text("user_id")
		if d.call(guest, "GET", "/account/whoami", nil).ok().body["is_guest"] != true {
			d.Fatal("not a guest")
		}
		d.call(guest, "PUT", "/profile/"+user+"/displayname", m{"displayname": "A guest"}).ok()
		d.call(guest, "PUT", "/profile/"+user+"/avatar_url", m{"avatar_url": "mxc://a/b"}).no(403, "M_GUEST_ACCESS_FORBIDDEN")
		d.call(guest, "GET", "/devices", nil).ok()
		d.call(guest, "POST", "/createRoom", m{}).no(403, "M_GUEST_ACCESS_FORBIDDEN")
		d.call(guest, "POST", "/keys/query", m{"device_keys": m{}}).ok()
		d.call(guest, "PUT", "/user/"+user+"/account_data/x", m{}).no(403, "M_GUEST_ACCESS_FORBIDDEN")
	}, func(s *Settings) { s.Guests = true })
}

func TestAGuestBecomesAPerson(t *testing.T) {
	eachDoor(t, func(d *door) {
		in := d.call("", "POST", "/register?kind=guest", m{}).ok()
		guest, user := in.text("access_token"), in.text("user_id")
		name := strings.TrimSuffix(strings.TrimPrefix(user, "@"), ":test.example")
		up := m{"username": name, "password": secret, "guest_access_token": guest, "auth": dummy}
		alice := d.register("alice")
		d.call("", "POST", "/register", m{"username": "bob", "password": secret, "guest_access_token": guest, "auth": dummy}).no(403, "M_FORBIDDEN")
		d.call("", "POST", "/register", m{"username": "alice", "password": secret, "guest_access_token": alice, "auth": dummy}).no(403, "M_FORBIDDEN")
		d.call("", "POST", "/register", m{"username": name, "password": secret, "guest_access_token": "nobody's", "auth": dummy}).no(401, "M_UNKNOWN_TOKEN")
		if got := d.call("", "POST", "/register", up).ok().text("user_id"); got != user {
			d.Fatal(got)
		}
		d.login(name, secret).ok()
		d.call(guest, "POST", "/createRoom", m{}).ok() // no guest any more
		d.call("", "POST", "/register", up).no(403, "M_FORBIDDEN")
	}, func(s *Settings) { s.Guests = true })
}
