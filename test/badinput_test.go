package test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// bad are bodies that no endpoint may take, with the code that each must get.
func bad() map[string]struct{ body, code string } {
	return map[string]struct{ body, code string }{
		"not JSON":       {`{"a":`, "M_NOT_JSON"},
		"text":           {`hello`, "M_NOT_JSON"},
		"trailing":       {`{} {}`, "M_NOT_JSON"},
		"NaN":            {`{"a":NaN}`, "M_NOT_JSON"},
		"an array":       {`[]`, "M_BAD_JSON"},
		"a string":       {`"x"`, "M_BAD_JSON"},
		"null":           {`null`, "M_BAD_JSON"},
		"duplicate keys": {`{"a":1,"a":2}`, "M_BAD_JSON"},
		"bad UTF-8":      {"{\"a\":\"\xff\"}", "M_NOT_JSON"},
		"lone surrogate": {`{"a":"\ud800"}`, "M_BAD_JSON"},
		"deep nesting":   {`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, "M_BAD_JSON"},
		"oversized":      {`{"a":"` + strings.Repeat("x", 33<<20) + `"}`, "M_TOO_LARGE"},
	}
}

// wrong are objects whose members are of the wrong type for most endpoints: they
// may be taken where nobody reads them, and must never end in a 5xx.
var wrong = []string{
	`{"user_id":5,"password":{},"type":[],"username":7,"reason":[],"new_version":1,"devices":"x","filter":3,"displayname":[],"avatar_url":{}}`,
	`{"device_keys":[],"one_time_keys":7,"messages":[],"master_key":"x","algorithm":5,"auth_data":"x","rooms":[],"sessions":4,"first_message_index":"x"}`,
	`{"invite":"x","initial_state":{},"preset":4,"visibility":[],"creation_content":7,"room_version":12,"power_level_content_override":[],"name":{},"room_id":9}`,
	`{"auth":"x","identifier":[],"new_password":[],"refresh_token":{},"token":8,"device_id":[],"display_name":4,"order":"x","redacts":[]}`,
	`{"device_keys":{"not a user":5},"one_time_keys":{"x":{}},"messages":{"x":{"y":5}},"tags":[],"room":{"timeline":7}}`,
	`{"membership":"join","displayname":5,"users":{"x":"y"},"join_rule":7}`,
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// pathOf fills a route's parameters with things that exist.
func pathOf(route string, p *person, room, event string) string {
	return parameter.ReplaceAllStringFunc(route, func(name string) string {
		switch n := strings.ToLower(name); {
		case strings.Contains(n, "user"):
			return p.id
		case strings.Contains(n, "room"):
			return room
		case strings.Contains(n, "event"):
			return event
		case strings.Contains(n, "device"):
			return p.device
		}
		return "x"
	})
}

// TestNoEndpointTakesBadInput walks every mounted route that takes a body.
func TestNoEndpointTakesBadInput(t *testing.T) {
	place := storagetest.SQLite(t)
	s := serve(t, place)
	alice := s.registers("alice")
	room := alice.creates(map[string]any{})
	message := alice.says(room, "hello")
	routes, _, err := s.h.Routes()
	if err != nil {
		t.Fatal(err)
	}
	before := position(t, s)
	tried := 0
	for _, r := range routes {
		if r.Method != http.MethodPost && r.Method != http.MethodPut || strings.Contains(r.Path, "logout") || strings.Contains(r.Path, "deactivate") {
			continue
		}
		path := pathOf(r.Path, alice, room, message)
		for name, b := range bad() {
			tried++
			a := s.call(alice.token, r.Method, path, b.body)
			if a.code < 400 || a.code >= 500 {
				t.Errorf("%s %s, %s: %d %s", r.Method, r.Path, name, a.code, a.body)
				continue
			}
			if !strings.Contains(string(a.body), b.code) && !strings.Contains(string(a.body), "M_") {
				t.Errorf("%s %s, %s: no code in %s", r.Method, r.Path, name, a.body)
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d requests were tried", tried)
	}
	if after := position(t, s); after != before {
		t.Errorf("something was written: the position moved from %d to %d", before, after)
	}
	for _, r := range routes {
		if r.Method != http.MethodPost && r.Method != http.MethodPut || strings.Contains(r.Path, "logout") || strings.Contains(r.Path, "deactivate") {
			continue
		}
		for i, b := range wrong {
			if a := s.call(alice.token, r.Method, pathOf(r.Path, alice, room, message), b); a.code >= 500 {
				t.Errorf("%s %s, wrong types %d: %d %s", r.Method, r.Path, i, a.code, a.body)
			}
		}
	}
}

func position(t *testing.T, s *server) (pos int64) {
	t.Helper()
	err := s.h.DB.Read(t.Context(), func(tx *storage.ReadTx) (err error) {
		pos, err = tx.Position()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// TestPathsAndParametersAreCheckedToo sends what does not parse in the URL.
func TestPathsAndParametersAreCheckedToo(t *testing.T) {
	s := serve(t, storagetest.SQLite(t))
	alice := s.registers("alice")
	room := alice.creates(map[string]any{})
	for _, path := range []string{
		"/rooms/notaroom/messages?dir=b", "/rooms/" + room + "/messages?dir=x",
		"/rooms/" + room + "/messages?dir=b&limit=x", "/rooms/" + room + "/messages?dir=b&limit=-1",
		"/rooms/" + room + "/messages?dir=b&from=x", "/rooms/" + room + "/messages?dir=b&from=t1_9_9_9_9",
		"/rooms/" + room + "/messages?dir=b&filter=x", "/rooms/" + room + "/messages?dir=b&filter=%7B%22types%22:5%7D",
		"/rooms/" + room + "/members?membership=x", "/sync?since=x", "/sync?filter=nosuch", "/sync?timeout=x", "/sync?filter=%7B%22room%22:5%7D",
		"/sync?since=t1_1_1", "/keys/changes", "/keys/changes?from=x&to=y", "/directory/room/x", "/publicRooms?limit=x", "/publicRooms?since=x",
		"/user/" + alice.id + "/filter/nosuch", "/profile/nobody", "/room_keys/version/x", "/room_keys/keys", "/devices/nosuch",
	} {
		if a := alice.call("GET", path, nil); a.code < 400 || a.code >= 500 || !strings.Contains(string(a.body), "M_") {
			t.Errorf("GET %s: %d %s", path, a.code, a.body)
		}
	}
	for _, token := range []string{"", "no such token", strings.Repeat("x", 10000)} {
		a := s.call(token, "GET", clientPath+"/account/whoami", nil)
		if a.code != http.StatusUnauthorized {
			t.Errorf("a token of %d bytes: %d", len(token), a.code)
		}
	}
	s.call("", "GET", "/_matrix/client/v3/nosuch", nil).refused(404, "M_UNRECOGNIZED")
	s.call(alice.token, "DELETE", clientPath+"/joined_rooms", nil).refused(405, "M_UNRECOGNIZED")
	nul := fmt.Sprintf("/rooms/%s/state/m.room.topic/%%00", room)
	if a := alice.call("PUT", nul, map[string]any{}); a.code >= 500 {
		t.Errorf("a NUL in a state key: %d %s", a.code, a.body)
	}
}
