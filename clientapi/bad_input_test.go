package clientapi

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var pathVariable = regexp.MustCompile(`\{[^{}]*\}`)

// TestNothingThatIsSentBreaksTheServer sends unusable ids and bodies to every endpoint
// of people: each is refused with an error code, or taken; none is a fault of the
// server.
func TestNothingThatIsSentBreaksTheServer(t *testing.T) {
	ids := []string{"%00", "%ff", "%0A", "..", "%F0%9F%90%88", strings.Repeat("x", 300), url.PathEscape("@alice:test.example"), "!r:test.example",
		url.PathEscape(`{"a":1}`), url.PathEscape(`' OR 1=1 --`), "@alice:test.example%00"}
	bodies := []string{"", "{}", "[]", "null", "7", `"x"`, "{", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"auth":{"type":"m.login.password","session":"\u0000","password":"\u0000"}}`,
		`{"display_name":"\u0000"}`, `{"username":"\u0000","password":"\u0000long enough","auth":{"type":"m.login.dummy"}}`,
		`{"devices":["\u0000"],"order":1e999}`, `{"actions":[],"pattern":"\u0000","enabled":true}`, strings.Repeat("[", 200), `{"\u0000":"\u0000"}`,
		`{"type":"m.login.password","user":"\u0000","password":"x"}`, `{"refresh_token":"\u0000","token":"\u0000","type":"m.login.token"}`}
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		for _, rt := range d.api.accountRoutes() {
			if strings.HasPrefix(rt.path, "/logout") {
				continue
			}
			for _, path := range pathsWith(rt.path, ids) {
				for _, b := range bodies {
					if rt.method == http.MethodGet && b != "" {
						continue
					}
					s := d.call(alice, rt.method, path, b)
					code, _ := s.body["errcode"].(string)
					challenge := s.status == 401 && s.body["flows"] != nil
					if s.status >= 500 || s.status >= 400 && code == "" && !challenge {
						d.Errorf("%s %s with %q: %d %s", rt.method, path, b, s.status, s.raw)
					}
				}
			}
		}
	})
}

// pathsWith puts each id in the place of each variable, the others being sound.
func pathsWith(path string, ids []string) []string {
	sound := map[string]string{"{userID}": "@alice:test.example", "{roomID}": "!r:test.example"}
	fill := func(at int, bad string) string {
		n := -1
		return pathVariable.ReplaceAllStringFunc(path, func(v string) string {
			if n++; n == at {
				return bad
			}
			if s := sound[v]; s != "" {
				return s
			}
			return "x"
		})
	}
	out := []string{fill(-1, "")}
	for at := range pathVariable.FindAllString(path, -1) {
		for _, bad := range ids {
			out = append(out, fill(at, bad))
		}
	}
	return out
}

func TestHardening_C06_BodiesOfOtherKindsAreNotRead(t *testing.T) {
	eachDoor(t, func(d *door) {
		d.call("", "POST", "/login", strings.Repeat(" ", 65<<10)).no(413, "M_TOO_LARGE")
		d.call("", "POST", "/nowhere", "{}").no(404, "M_UNRECOGNIZED")
		d.call("", "DELETE", "/login", nil).no(405, "M_UNRECOGNIZED")
	})
}
