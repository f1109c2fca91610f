package test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scoped are the requests of every mounted endpoint below a room, with an event of
// the room where the path wants one. What another door mounts is in the table as soon
// as it is mounted.
func (s *server) scoped(room, event, user string) (list [][2]string) {
	s.t.Helper()
	public, _, err := s.h.Routes()
	if err != nil {
		s.t.Fatal(err)
	}
	values := map[string]string{"room": room, "event": event, "user": user, "type": "m.room.message", "eventtype": "m.room.message",
		"receipttype": "m.read", "key": "", "statekey": "", "txn": "t", "tag": "u.tag", "reltype": "m.thread", "relation": "m.thread", "thread": event, "session": "s"}
	variable := regexp.MustCompile(`\{([A-Za-z_]+)(:[^}]*)?\}`)
	for _, rt := range public {
		if !regexp.MustCompile(`\{room(ID|Id|IDOrAlias|IdOrAlias)?\}`).MatchString(rt.Path) || strings.Contains(rt.Path, "/r0/") {
			continue
		}
		path := variable.ReplaceAllStringFunc(rt.Path, func(v string) string {
			name := strings.ToLower(variable.FindStringSubmatch(v)[1])
			for _, cut := range []string{"idoralias", "id"} {
				name = strings.TrimSuffix(name, cut)
			}
			value, known := values[name]
			if !known {
				s.t.Errorf("the test does not know what to put for %s of %s", v, rt.Path)
			}
			return url.PathEscape(value)
		})
		list = append(list, [2]string{rt.Method, path})
	}
	slices.SortFunc(list, func(a, b [2]string) int { return strings.Compare(a[1]+a[0], b[1]+b[0]) })
	return list
}

// bodyOf is a request that an endpoint takes.
func bodyOf(method, path string) any {
	if method == "GET" || method == "DELETE" {
		return nil
	}
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case last == "invite" || last == "kick" || last == "ban" || last == "unban":
		return map[string]string{"user_id": "@alice:example.org"}
	case last == "upgrade":
		return map[string]string{"new_version": "12"}
	case last == "read_markers":
		return map[string]string{"m.read": "$" + strings.Repeat("x", 43)}
	case strings.Contains(path, "/typing/"):
		return map[string]any{"typing": true, "timeout": 1000}
	case strings.Contains(path, "/directory/list/"):
		return map[string]string{"visibility": "public"}
	}
	return map[string]any{}
}

// entering are the endpoints that are there for who is not in the room, and that must
// say why they refuse.
var entering = regexp.MustCompile(`/(join|knock|leave|forget)(/|$)`)

// TestHardening_C01_ARoomThatOneIsNotInIsLikeOneThatIsNot asks every endpoint below a
// room for a room that somebody knows the id of, and for one that does not exist: the
// answers are the same to the last byte.
func TestHardening_C01_ARoomThatOneIsNotInIsLikeOneThatIsNot(t *testing.T) {
	each(t, func(s *server) {
		alice, mallory := s.registers("alice"), s.registers("mallory")
		count := 0
		for _, visibility := range []string{"shared", "joined", "invited"} {
			room := alice.creates(map[string]any{"preset": "private_chat", "name": "Secret name", "initial_state": []any{
				map[string]any{"type": "m.room.history_visibility", "content": map[string]string{"history_visibility": visibility}}}})
			event := alice.says(room, "secret words")
			absent := "!" + strings.Repeat("a", 43)
			there, not := s.scoped(room, event, mallory.id), s.scoped(absent, "$"+strings.Repeat("b", 43), mallory.id)
			for i, c := range there {
				if entering.MatchString(c[1]) {
					continue
				}
				count++
				query := ""
				if strings.HasSuffix(c[1], "/messages") {
					query = "?dir=b"
				}
				a := s.call(mallory.token, c[0], c[1]+query, bodyOf(c[0], c[1]))
				b := s.call(mallory.token, not[i][0], not[i][1]+query, bodyOf(c[0], c[1]))
				if a.code != b.code || string(a.body) != string(b.body) {
					t.Errorf("%s: %s %s: %d %s; of a room that is not: %d %s", visibility, c[0], c[1], a.code, a.body, b.code, b.body)
				}
				if strings.Contains(string(a.body), "ecret") {
					t.Errorf("%s: %s %s: %s", visibility, c[0], c[1], a.body)
				}
			}
			s.is("mallory's rooms", len(mallory.syncs().Rooms.Join), 0)
			s.is("what alice reads", alice.texts(room), "secret words")
		}
		if count < 60 {
			t.Errorf("only %d requests", count)
		}
	})
}

// TestHardening_C01_WhoIsOutHearsNothingMore asks every endpoint that reads a room, as
// somebody who has left, was banned, is invited or has turned the invite down, for
// what was said while they were not in.
func TestHardening_C01_WhoIsOutHearsNothingMore(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		for _, visibility := range []string{"shared", "joined", "invited"} {
			left, banned, invited, declined := s.registers("left-"+visibility), s.registers("banned-"+visibility), s.registers("invited-"+visibility), s.registers("declined-"+visibility)
			room := alice.creates(map[string]any{"preset": "public_chat", "initial_state": []any{
				map[string]any{"type": "m.room.history_visibility", "content": map[string]string{"history_visibility": visibility}}}})
			alice.does("invite", room, invited).ok(nil)
			alice.does("invite", room, declined).ok(nil)
			declined.does("leave", room, nil).ok(nil)
			for _, p := range []*person{left, banned} {
				p.joins(room)
				p.syncs()
			}
			left.does("leave", room, nil).ok(nil)
			alice.does("ban", room, banned).ok(nil)
			event := alice.says(room, "hidden words")
			alice.sets(room, "m.room.topic", "", map[string]string{"topic": "hidden topic"}).ok(nil)
			for _, p := range []*person{left, banned, invited, declined} {
				for _, c := range append(s.scoped(room, event, p.id), [2]string{"GET", clientPath + "/sync"}, [2]string{"GET", clientPath + "/sync?since=" + p.since},
					[2]string{"GET", clientPath + "/rooms/" + room + "/state/m.room.topic"}) {
					if c[0] != "GET" {
						continue
					}
					if strings.HasSuffix(c[1], "/messages") {
						c[1] += "?dir=b&limit=50"
					}
					if a := s.call(p.token, c[0], c[1], nil); strings.Contains(string(a.body), "hidden") {
						t.Errorf("%s: %s: %s: %s", visibility, p.id, c[1], a.body)
					}
				}
			}
		}
	})
}
