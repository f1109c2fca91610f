package adminapi_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
)

const secret = "the shared secret of a test"

func server(t *testing.T) *homeserver.Homeserver {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir, cfg.Registration.SharedSecret = "a.test", filepath.Join(t.TempDir(), "data"), secret
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := homeserver.New(context.Background(), &cfg, homeserver.Options{Log: logrus.NewEntry(log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func call(t *testing.T, h http.Handler, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%s %s: %s", method, path, w.Body)
	}
	return w.Code, m
}

// register makes an account as a provisioning tool does, and returns its token.
func register(t *testing.T, h http.Handler, name string, admin bool) string {
	t.Helper()
	_, m := call(t, h, "GET", "/_synapse/admin/v1/register", "", "")
	word := "notadmin"
	if admin {
		word = "admin"
	}
	mac := hmac.New(sha1.New, []byte(secret))
	fmt.Fprintf(mac, "%s\x00%s\x00%s\x00%s", m["nonce"], name, "a good password", word)
	body, _ := json.Marshal(map[string]any{"nonce": m["nonce"], "username": name, "password": "a good password", "admin": admin, "mac": hex.EncodeToString(mac.Sum(nil))})
	code, m := call(t, h, "POST", "/_synapse/admin/v1/register", "", string(body))
	if code != 200 || m["user_id"] != "@"+name+":a.test" {
		t.Fatalf("%d %v", code, m)
	}
	again, m2 := call(t, h, "POST", "/_synapse/admin/v1/register", "", string(body))
	if again == 200 {
		t.Errorf("a nonce was good twice: %v", m2)
	}
	return m["access_token"].(string)
}

func TestProgramsRegisterWithTheSharedSecret(t *testing.T) {
	h := server(t)
	register(t, h.Admin, "ada", true)
	_, m := call(t, h.Admin, "GET", "/_synapse/admin/v1/register", "", "")
	body := fmt.Sprintf(`{"nonce":%q,"username":"eve","password":"a good password","admin":true,"mac":"00"}`, m["nonce"])
	if code, m := call(t, h.Admin, "POST", "/_synapse/admin/v1/register", "", body); code != 403 {
		t.Errorf("a wrong MAC: %d %v", code, m)
	}
}

func TestHardening_D01_OnlyAdministratorsMayCall(t *testing.T) {
	h := server(t)
	admin, user := register(t, h.Admin, "ada", true), register(t, h.Admin, "bob", false)
	for _, c := range []struct {
		token string
		code  int
	}{{"", 401}, {"nonsense", 401}, {user, 403}, {admin, 200}} {
		for _, path := range []string{"/_chancery/admin/v1/users", "/_chancery/admin/v1/health"} {
			if code, m := call(t, h.Admin, "GET", path, c.token, ""); code != c.code {
				t.Errorf("%s: %d %v, want %d", path, code, m, c.code)
			}
		}
		if code, m := call(t, h.Admin, "POST", "/_chancery/admin/v1/registration_tokens", c.token, "{}"); code != c.code {
			t.Errorf("tokens: %d %v, want %d", code, m, c.code)
		}
	}
}

func TestUsersAreMadeAndListedInPages(t *testing.T) {
	h := server(t)
	for _, name := range []string{"carol", "ada", "bob"} {
		if code, m := call(t, h.Trusted, "POST", "/_chancery/admin/v1/users", "", `{"localpart":"`+name+`","password":"a good password"}`); code != 200 {
			t.Fatalf("%d %v", code, m)
		}
	}
	for body, want := range map[string]string{
		`{"localpart":"ada","password":"a good password"}`: "M_USER_IN_USE",
		`{"localpart":"Dora","password":"x"}`:              "M_",
		`{"password":"a good password"}`:                   "M_MISSING_PARAM",
	} {
		if code, m := call(t, h.Trusted, "POST", "/_chancery/admin/v1/users", "", body); code != 400 || !strings.HasPrefix(fmt.Sprint(m["errcode"]), want) {
			t.Errorf("%s: %d %v", body, code, m)
		}
	}
	var seen []string
	for after := ""; ; {
		_, m := call(t, h.Trusted, "GET", "/_chancery/admin/v1/users?limit=2&after="+after, "", "")
		for _, u := range m["users"].([]any) {
			seen = append(seen, fmt.Sprint(u.(map[string]any)["user_id"]))
		}
		if m["next"] == nil {
			break
		}
		after = fmt.Sprint(m["next"])
	}
	if got := strings.Join(seen, " "); got != "@ada:a.test @bob:a.test @carol:a.test" {
		t.Error(got)
	}
	if code, _ := call(t, h.Trusted, "GET", "/_chancery/admin/v1/users?limit=0", "", ""); code != 400 {
		t.Error("limit 0 passes")
	}
}

func TestTokensAreMadeAndChecked(t *testing.T) {
	h := server(t)
	code, m := call(t, h.Trusted, "POST", "/_chancery/admin/v1/registration_tokens", "", `{"uses_allowed":1,"lifetime_ms":60000}`)
	if tok, ok := m["token"].(string); code != 200 || !ok || len(tok) < 20 {
		t.Errorf("%d %v", code, m)
	}
	for _, body := range []string{`{"uses_allowed":-1}`, `{"token":"with space"}`, `{"token":"` + strings.Repeat("a", 65) + `"}`} {
		if code, _ := call(t, h.Trusted, "POST", "/_chancery/admin/v1/registration_tokens", "", body); code != 400 {
			t.Errorf("%s passes", body)
		}
	}
}

func TestWithoutASecretNobodyRegistersByIt(t *testing.T) {
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir = "a.test", filepath.Join(t.TempDir(), "data")
	h, err := homeserver.New(context.Background(), &cfg, homeserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, method := range []string{"GET", "POST"} {
		if code, m := call(t, h.Admin, method, "/_synapse/admin/v1/register", "", `{}`); code != 400 {
			t.Errorf("%s: %d %v", method, code, m)
		}
	}
}
