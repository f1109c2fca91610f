package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const lazily = `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":2}}}`

// members are whose member events are in the state of a room.
func (r syncRoom) members() string {
	var out []string
	for _, e := range append(slices.Clone(r.State.Events), r.StateAfter.Events...) {
		if e.Type == "m.room.member" {
			out = append(out, strings.TrimSuffix(strings.TrimPrefix(*e.StateKey, "@"), ":example.org"))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestMembersAreLoadedLazilyAndOnce(t *testing.T) {
	for _, after := range []string{"false", "true"} {
		each(t, func(s *server) {
			alice, bob, room := pair(s)
			alice.sets(room, "m.room.name", "", map[string]string{"name": "Named"}).ok(nil)
			var others []*person
			for i := range 4 {
				p := s.registers(fmt.Sprintf("p%d", i))
				p.joins(room)
				others = append(others, p)
			}
			others[0].says(room, "a")
			others[0].says(room, "b")
			look := func(filter string) syncRoom {
				return bob.syncs("filter", filter, "use_state_after", after).Rooms.Join[room]
			}
			s.is("who speaks, and oneself", look(lazily).members(), "bob p0")
			others[0].says(room, "c")
			s.is("is known", look(lazily).members(), "")
			others[1].says(room, "d")
			s.is("who is new", look(lazily).members(), "p1")
			before := bob.since
			others[2].says(room, "e")
			s.is("an answer that is lost", look(lazily).members(), "p2")
			bob.since = before
			s.is("is given again", look(lazily).members(), "p2")
			others[0].call("PUT", "/profile/"+others[0].id+"/displayname", map[string]string{"displayname": "New"}).ok(nil)
			others[0].says(room, "f")
			others[0].says(room, "g")
			others[0].says(room, "h")
			s.is("a new name", look(lazily).members(), "p0")
			others[1].says(room, "i")
			s.is("all who speak, on demand", look(strings.Replace(lazily, "members\":true", "members\":true,\"include_redundant_members\":true", 1)).members(), "p1")
			bob.since = ""
			s.is("a first sync", look(lazily).members(), "bob p0 p1")
		})
	}
}

func TestHeroesComeWithTheirMemberEvents(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		room := alice.creates(map[string]any{"preset": "private_chat"})
		var invited []*person
		for i := range 3 {
			p := s.registers(fmt.Sprintf("p%d", i))
			alice.does("invite", room, p).ok(nil)
			p.joins(room)
			invited = append(invited, p)
		}
		invited[0].says(room, "one")
		invited[0].says(room, "two")
		r := alice.syncs("filter", lazily).Rooms.Join[room]
		s.is("heroes", len(r.Summary.Heroes), 3)
		s.is("their events", r.members(), "alice p0 p1 p2")
	})
}

func TestAFilterChoosesFieldsAndFormat(t *testing.T) {
	each(t, func(s *server) {
		alice, _, room := pair(s)
		alice.says(room, "hello")
		var out struct {
			Rooms struct {
				Join map[string]struct {
					Timeline struct{ Events []map[string]any }
				}
			}
		}
		last := func(filter string) string {
			alice.call("GET", "/sync?filter="+filter, nil).ok(&out)
			list := out.Rooms.Join[room].Timeline.Events
			return fmt.Sprint(list[len(list)-1])
		}
		s.is("two fields", last(`{"event_fields":["content.body","type"]}`), "map[content:map[body:hello] type:m.room.message]")
		if raw := last(`{"event_format":"federation"}`); !strings.Contains(raw, "auth_events:") || !strings.Contains(raw, "signatures:") {
			t.Error(raw)
		}
	})
}
