package clientapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/userserver"
)

// endless is a body that never ends, and counts what was taken of it.
type endless struct{ taken int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.taken += int64(len(p))
	return len(p), nil
}

func TestHardening_C06_EndlessBodiesAreNotRead(t *testing.T) {
	eachDoor(t, func(d *door) {
		for kind, c := range map[string]struct {
			length int64 // -1: chunked, without an end
			status int
			most   int64
		}{
			"multipart/form-data; boundary=x":   {1 << 30, 415, 0},
			"multipart/mixed":                   {-1, 415, 0},
			"application/json":                  {-1, 413, small + 64<<10},
			"":                                  {1 << 30, 413, 0},
			"application/x-www-form-urlencoded": {-1, 413, small + 64<<10},
			"text/plain; charset=\x00":          {-1, 413, small + 64<<10},
		} {
			body := &endless{}
			r := httptest.NewRequest("POST", "/_matrix/client/v3/login", io.NopCloser(body))
			r.ContentLength = c.length
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, r)
			if w.Code != c.status || body.taken > c.most {
				d.Errorf("%q: %d after %d bytes", kind, w.Code, body.taken)
			}
		}
	})
}

func TestHardening_A01_NoStrangeTokenIsASession(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		for name, header := range map[string]string{"empty": "Bearer ", "of spaces": "Bearer    ", "without a word": alice, "of another scheme": "Basic " + alice,
			"prefix": "Bearer " + alice[:20], "doubled": "Bearer " + alice + alice, "a megabyte": "Bearer " + strings.Repeat("x", 1<<20), "of NUL": "Bearer \x00"} {
			r := httptest.NewRequest("GET", "/_matrix/client/v3/account/whoami", nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, r)
			if body := w.Body.String(); w.Code != 401 || !strings.Contains(body, "M_UNKNOWN_TOKEN") && !strings.Contains(body, "M_MISSING_TOKEN") {
				d.Errorf("a token %s: %d %s", name, w.Code, body)
			}
		}
	})
}

func TestHardening_A01_EveryDoorIsShutToTheLockedAndTheGone(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.api.services = bridge{}
		if _, err := d.users.Register(d.Context(), userserver.NewAccount{Localpart: "_irc_bob", Kind: userserver.KindAppService}); err != nil {
			d.Fatal(err)
		}
		service := func() said {
			return d.call("the bridge's token", "POST", "/login", m{"type": "m.login.application_service", "user": "_irc_bob"})
		}
		tok := service().ok().text("access_token")
		bob := "@_irc_bob:test.example"
		if err := d.users.SetLocked(d.Context(), bob, true); err != nil {
			d.Fatal(err)
		}
		service().no(401, "M_USER_LOCKED")
		if s := d.call(tok, "GET", "/account/whoami", nil).no(401, "M_USER_LOCKED"); s.body["soft_logout"] != true {
			d.Error(s.raw)
		}
		if err := d.users.SetLocked(d.Context(), bob, false); err != nil {
			d.Fatal(err)
		}
		if err := d.users.SetSuspended(d.Context(), bob, true); err != nil {
			d.Fatal(err)
		}
		d.call(tok, "POST", "/createRoom", m{}).no(403, "M_USER_SUSPENDED")
		if err := d.users.Deactivate(d.Context(), bob, false); err != nil {
			d.Fatal(err)
		}
		d.call(tok, "GET", "/account/whoami", nil).no(401, "M_UNKNOWN_TOKEN")
		service().no(403, "M_FORBIDDEN")
	})
}

// TestHardening_A11_NoSecretIsInTheLog goes through everything that takes a secret,
// with the log at its most talkative.
func TestHardening_A11_NoSecretIsInTheLog(t *testing.T) {
	eachDoor(t, func(d *door) {
		log := d.api.log
		log.Logger.SetLevel(logrus.TraceLevel)
		d.handler = httpjson.Front(d.handler, "t", d.now, log)
		secrets := []string{secret, "a wrong password", "the next password", "in the name's field"}
		alice := d.register("alice")
		d.login("alice", "a wrong password").no(403, "M_FORBIDDEN")
		d.login("in the name's field", "a wrong password").no(403, "M_FORBIDDEN")
		in := d.call("", "POST", "/login", m{"type": "m.login.password", "user": "alice", "password": secret, "refresh_token": true}).ok()
		again := d.call("", "POST", "/refresh", m{"refresh_token": in.text("refresh_token")}).ok()
		d.call(again.text("access_token"), "GET", "/account/whoami", nil).ok()
		d.call("", "POST", "/refresh", m{"refresh_token": in.text("refresh_token")}).no(401, "M_UNKNOWN_TOKEN")
		d.call("", "GET", "/account/whoami?access_token="+alice, nil).ok()
		tok := d.withPassword(alice, "POST", "/_matrix/client/v1/login/get_token", m{}).ok().text("login_token")
		d.call("", "POST", "/login", m{"type": "m.login.token", "token": tok}).ok()
		d.withPassword(alice, "POST", "/account/password", m{"new_password": "the next password"}).ok()
		secrets = append(secrets, alice, tok, in.text("access_token"), in.text("refresh_token"), again.text("access_token"), again.text("refresh_token"))
		lines := d.log.AllEntries()
		if len(lines) < 10 {
			d.Fatalf("only %d lines", len(lines))
		}
		for _, e := range lines {
			line := fmt.Sprint(e.Message, e.Data)
			for _, s := range secrets {
				if strings.Contains(line, s) {
					d.Errorf("%q is in %s", s, line)
				}
			}
		}
	}, withLimits)
}

func TestHardening_C11_AddressesTellNothing(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.register("alice")
		for _, path := range []string{"/account/password/email/requestToken", "/register/email/requestToken", "/account/3pid/email/requestToken"} {
			want := d.call("", "POST", path, m{"email": "alice@test.example", "client_secret": "x", "send_attempt": 1}).raw
			d.call("", "POST", path, m{"email": "nobody@test.example", "client_secret": "x", "send_attempt": 1}).is(want)
		}
	})
}

func TestHardening_C11_AClosedServerNamesNobody(t *testing.T) {
	eachDoor(t, func(d *door) {
		if _, err := d.users.Register(d.Context(), userserver.NewAccount{Localpart: "alice", Password: secret}); err != nil {
			d.Fatal(err)
		}
		want := d.call("", "GET", "/register/available?username=alice", nil).no(403, "M_FORBIDDEN").raw
		d.call("", "GET", "/register/available?username=nobody", nil).is(want)
		want = d.call("", "POST", "/register", m{"username": "alice"}).no(403, "M_FORBIDDEN").raw
		d.call("", "POST", "/register", m{"username": "nobody"}).is(want)
	}, func(s *Settings) { s.Registration = RegisterClosed })
}

// TestHardening_C04_OneUserCannotKeepARoomBusy floods one room with everything that
// takes its lock: what gets through is what the limits let, and others are served.
func TestHardening_C04_OneUserCannotKeepARoomBusy(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice, mallory := d.register("alice"), d.register("mallory")
		room := d.call(alice, "POST", "/createRoom", m{"preset": "public_chat", "power_level_content_override": m{"state_default": 0}}).ok().text("room_id")
		d.call(mallory, "POST", "/join/"+room, m{}).ok()
		var through atomic.Int64
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				method, path := "PUT", fmt.Sprintf("/rooms/%s/state/x/%d", room, i)
				switch i % 5 {
				case 1:
					method, path = "POST", "/join/"+room
				case 2:
					method, path = "PUT", fmt.Sprintf("/rooms/%s/send/x/%d", room, i)
				case 3:
					method, path = "PUT", fmt.Sprintf("/rooms/%s/redact/$%043d/%d", room, i, i)
				case 4:
					method, path = "POST", "/rooms/"+room+"/kick"
				}
				if d.call(mallory, method, path, m{"user_id": "@nobody:test.example"}).status != http.StatusTooManyRequests {
					through.Add(1)
				}
			})
		}
		for i := range 10 {
			d.call(alice, "PUT", fmt.Sprintf("/rooms/%s/send/m.room.message/a%d", room, i), m{"msgtype": "m.text", "body": "hello"}).ok()
		}
		wg.Wait()
		if n := through.Load(); n > 20+10 {
			d.Errorf("%d of 500 requests took the room's lock", n)
		}
	}, withLimits)
}
