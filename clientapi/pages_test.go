package clientapi

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const attack = `"><script>alert(1)</script>`

// TestHardening_C12_PagesRunNothingButTheirOwnScripts opens every page with a script
// in each parameter: none comes back, and the policy would not run it.
func TestHardening_C12_PagesRunNothingButTheirOwnScripts(t *testing.T) {
	eachDoor(t, func(d *door) {
		q := "?session=" + url.QueryEscape(attack) + "&device_id=" + url.QueryEscape(attack) + "&redirectUrl=javascript:alert(1)"
		for _, path := range []string{"/_matrix/client/v3/auth/m.login.dummy/fallback/web", "/_matrix/client/v3/auth/m.login.password/fallback/web",
			"/_matrix/client/r0/auth/m.login.registration_token/fallback/web", "/_matrix/client/v3/auth/m.login.terms/fallback/web",
			"/_matrix/client/v3/auth/" + url.PathEscape(attack) + "/fallback/web", "/_matrix/static/client/login/",
			"/_matrix/static/client/" + url.PathEscape(attack), "/_matrix/static/client/..%2f..%2fapi.go"} {
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, httptest.NewRequest("GET", path+q, nil))
			if body := w.Body.String(); strings.Contains(body, "alert(1)") || strings.Contains(body, "package") {
				d.Errorf("%s: %s", path, body)
			}
			if w.Code != 200 {
				continue
			}
			policy := w.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
				if !strings.Contains(policy, want) {
					d.Errorf("%s: policy %q", path, policy)
				}
			}
			if strings.Contains(policy, "unsafe") || w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				d.Errorf("%s: %v", path, w.Header())
			}
		}
		for _, script := range []string{"auth.js", "login.js"} { // which writes what it is told as text
			text := d.call("", "GET", "/_matrix/static/client/"+script, nil).raw
			if strings.Contains(text, "innerHTML") || strings.Contains(text, "document.write") || !strings.Contains(text, "textContent") {
				d.Error(script)
			}
		}
	})
}

func TestAStageIsCompletedOnItsPage(t *testing.T) {
	eachDoor(t, func(d *door) {
		if _, err := d.users.NewRegistrationToken(d.Context(), "welcome", 1, 0); err != nil {
			d.Fatal(err)
		}
		const page = "/auth/m.login.registration_token/fallback/web"
		if html := d.call("", "GET", page+"?session=x", nil); html.status != 200 || !strings.Contains(html.raw, "auth.js") {
			d.Fatal(html.raw)
		}
		alice := m{"username": "alice", "password": secret}
		session := d.call("", "POST", "/register", alice).text("session")
		d.call("", "POST", page, m{"session": session, "token": "wrong"}).no(401, "M_FORBIDDEN")
		d.call("", "POST", page, m{"session": "nobody's", "token": "welcome"}).no(400, "M_UNKNOWN")
		d.call("", "POST", "/auth/m.login.password/fallback/web", m{"session": session, "password": secret}).no(400, "M_UNRECOGNIZED")
		d.call("", "POST", page, m{"session": session, "token": "welcome"}).ok()
		alice["auth"] = m{"session": session}
		if left := d.call("", "POST", "/register", alice); left.status != 401 || !strings.Contains(left.raw, `"completed":["m.login.registration_token"]`) {
			d.Fatal(left.raw) // there are terms yet
		}
		d.call("", "POST", "/auth/m.login.terms/fallback/web", m{"session": session}).ok()
		d.call("", "POST", "/register", alice).ok()
	}, func(s *Settings) {
		s.Registration, s.Terms = RegisterToken, Terms{Version: "2", Name: "Rules", URL: "https://example.org/rules"}
	})
}

func TestAPasswordIsGivenOnThePage(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		session := d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}}).text("session")
		const page = "/auth/m.login.password/fallback/web"
		d.call("", "POST", page, m{"session": session, "password": "wrong"}).no(403, "M_FORBIDDEN")
		d.call("", "POST", "/auth/m.login.dummy/fallback/web", m{"session": session}).no(400, "M_UNRECOGNIZED")
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": m{"session": session}}).no(401, "")
		d.call("", "POST", page, m{"session": session, "password": secret}).ok()
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"B"}, "auth": m{"session": session}}).no(403, "M_FORBIDDEN")
		d.call(alice, "POST", "/delete_devices", m{"devices": []string{"A"}, "auth": m{"session": session}}).ok()
	})
}

func TestWhoRegistersAcceptsTheTerms(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := m{"username": "alice", "password": secret}
		first := d.call("", "POST", "/register", alice)
		if !strings.Contains(first.raw, `"flows":[{"stages":["m.login.terms"]}]`) ||
			!strings.Contains(first.raw, `"policies":{"terms":{"en":{"name":"Rules","url":"https://example.org/rules"},"version":"2"}}`) {
			d.Fatal(first.raw)
		}
		alice["auth"] = dummy
		d.call("", "POST", "/register", alice).no(401, "M_UNRECOGNIZED")
		alice["auth"] = m{"type": "m.login.terms", "session": first.text("session")}
		in := d.call("", "POST", "/register", alice).ok().text("access_token")
		got := d.call(in, "GET", "/user/@alice:test.example/account_data/im.chancery.accepted_terms", nil).ok()
		if got.text("terms") != "2 https://example.org/rules" {
			d.Error(got.raw)
		}
		d.call("", "GET", "/_matrix/static/client/terms", nil).ok().is(`{"name":"Rules","url":"https://example.org/rules"}`)
	}, func(s *Settings) { s.Terms = Terms{Version: "2", Name: "Rules", URL: "https://example.org/rules"} })
}
