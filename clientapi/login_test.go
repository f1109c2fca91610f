package clientapi

import (
	"fmt"
	"testing"
	"time"
)

func TestTheWaysToLogIn(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		for _, name := range []string{"alice", "@alice:test.example", "Alice", "@ALICE:test.example"} {
			if got := d.login(name, secret).ok().text("user_id"); got != "@alice:test.example" {
				d.Fatal(got)
			}
		}
		d.call("", "POST", "/login", m{"type": "m.login.password", "user": "alice", "password": secret}).ok()
		d.call("", "GET", "/login", nil).ok().is(`{"flows":[{"type":"m.login.password"},{"type":"m.login.token","get_login_token":true}]}`)
		d.call("", "POST", "/_matrix/client/r0/login", m{"type": "m.login.password", "user": "alice", "password": secret}).ok()
		tok := d.withPassword(alice, "POST", "/_matrix/client/v1/login/get_token", m{}).ok().text("login_token")
		d.call("", "POST", "/login", m{"type": "m.login.token", "token": tok, "device_id": "TABLET"}).ok()
		d.call("", "POST", "/login", m{"type": "m.login.token", "token": tok}).no(403, "M_FORBIDDEN")
	})
}

func TestHardening_C11_LoginsThatFailLookTheSame(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.register("alice")
		want := d.login("alice", "not the password").no(403, "M_FORBIDDEN").raw
		for _, name := range []string{"nobody", "@nobody:test.example", "@alice:other.example", "not\x00a name", "@alice", "@:test.example", "a b"} {
			d.login(name, "not the password").no(403, "M_FORBIDDEN").is(want)
		}
		d.call("", "POST", "/login", m{"type": "m.login.password", "password": "x",
			"identifier": m{"type": "m.id.thirdparty", "medium": "email", "address": "alice@test.example"}}).is(want)
	})
}

func TestBadLogins(t *testing.T) {
	eachDoor(t, func(d *door) {
		for body, code := range map[string]string{
			`{}`:                          "M_MISSING_PARAM",
			`{"type":"m.login.password"}`: "M_MISSING_PARAM",
			`{"type":"m.login.password","user":"alice"}`:                                            "M_MISSING_PARAM",
			`{"type":"m.login.token"}`:                                                              "M_MISSING_PARAM",
			`{"type":"m.login.carrier_pigeon"}`:                                                     "M_UNKNOWN",
			`{"type":"m.login.password","identifier":{"type":"org.example"},"password":"x"}`:        "M_UNKNOWN",
			`{"type":"m.login.password","identifier":"alice","password":"x"}`:                       "M_BAD_JSON",
			`{"type":"m.login.password","user":"alice","password":"x","device_id":"\u0000"}`:        "M_INVALID_PARAM",
			`{"type":"m.login.password","user":"a","password":"x","initial_device_display_name":7}`: "M_BAD_JSON",
			`hello`: "M_NOT_JSON",
			"":      "M_MISSING_PARAM",
		} {
			d.call("", "POST", "/login", body).no(400, code)
		}
		d.call("", "POST", "/refresh", m{}).no(400, "M_MISSING_PARAM")
		d.call("", "POST", "/refresh", m{"refresh_token": "x"}).no(401, "M_UNKNOWN_TOKEN")
		d.call("", "GET", "/account/whoami", nil).no(401, "M_MISSING_TOKEN")
		d.call("nonsense", "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN")
	})
}

func TestRefreshAndLogout(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.register("alice")
		in := d.call("", "POST", "/login", m{"type": "m.login.password", "user": "alice", "password": secret, "refresh_token": true}).ok()
		next := d.call("", "POST", "/refresh", m{"refresh_token": in.text("refresh_token")}).ok()
		d.call(next.text("access_token"), "GET", "/account/whoami", nil).ok()
		gone := d.call(in.text("access_token"), "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN")
		if gone.body["soft_logout"] != false {
			d.Error(gone.raw)
		}
		d.pass(time.Hour)
		if late := d.call(next.text("access_token"), "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN"); late.body["soft_logout"] != true {
			d.Error(late.raw)
		}
		last := d.call("", "POST", "/refresh", m{"refresh_token": next.text("refresh_token")}).ok().text("access_token")
		d.call(last, "POST", "/logout", nil).ok().is(`{}`)
		d.call(last, "POST", "/logout", nil).no(401, "M_UNKNOWN_TOKEN")
		a, b := d.login("alice", secret).text("access_token"), d.login("alice", secret).text("access_token")
		d.call(a, "POST", "/logout/all", m{}).ok()
		d.call(b, "GET", "/devices", nil).no(401, "M_UNKNOWN_TOKEN")
	})
}

func withLimits(s *Settings) { s.RateLimits = true }

func TestHardening_A03_PasswordsCannotBeTriedForEver(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.from = "[2001:db8::1]"
		d.register("alice") // from her usual place
		tried, refused := 0, 0
		for i := range 60 {
			d.from = fmt.Sprintf("203.0.113.%d", i)
			switch s := d.login("alice", "not the password"); s.status {
			case 403:
				tried++
			case 429:
				refused++
				if s.body["retry_after_ms"].(float64) <= 0 {
					d.Fatal(s.raw)
				}
			default:
				d.Fatal(s.raw)
			}
		}
		d.login("alice", secret).no(429, "M_LIMIT_EXCEEDED") // from a stranger's place
		for range 15 {                                       // what a quarter of an hour lets through, to its end
			d.pass(59 * time.Second)
			if d.from = "203.0.113.77"; d.login("alice", "not the password").status == 403 {
				tried++
			}
		}
		if tried > 10 || refused < 50 {
			d.Errorf("%d passwords were tried", tried)
		}
		if n := d.logged("a password let nobody in"); n != tried {
			d.Errorf("%d tries are in the log", n)
		}
		d.from = "[2001:db8::77]" // her usual network
		d.login("alice", secret).ok()
	}, withLimits)
}

func TestHardening_A03_OneAddressCannotTryManyAccounts(t *testing.T) {
	eachDoor(t, func(d *door) {
		tried := 0
		for i := range 40 {
			d.from = fmt.Sprintf("[2001:db8:1:2::%x]", i) // one customer's network
			d.pass(22 * time.Second)                      // in a quarter of an hour
			if d.login(fmt.Sprintf("user%d", i), "a common password").status == 403 {
				tried++
			}
		}
		if tried > 10 {
			d.Errorf("%d passwords were tried", tried)
		}
		d.from = "[2001:db8:1:3::1]"
		d.login("user1", "a common password").no(403, "M_FORBIDDEN")
	}, withLimits)
}

func TestHardening_A03_ConfirmationsCountAsTries(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		tried := 0
		for range 30 {
			s := d.call(alice, "POST", "/account/deactivate", m{"auth": m{"type": "m.login.password", "password": "not the password"}})
			if s.status == 401 {
				tried++
			}
		}
		if tried > 10 {
			d.Errorf("%d passwords were tried", tried)
		}
	}, withLimits)
}
