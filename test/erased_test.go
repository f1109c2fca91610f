package test

import (
	"encoding/json"
	"testing"
)

func TestAnErasedUsersPastIsForThoseWhoWereThere(t *testing.T) {
	each(t, func(s *server) {
		for _, erase := range []bool{true, false} {
			suffix := map[bool]string{true: "-erased", false: "-kept"}[erase]
			alice, bob, carol := s.registers("alice"+suffix), s.registers("bob"+suffix), s.registers("carol"+suffix)
			room := alice.creates(map[string]any{"preset": "public_chat"})
			bob.joins(room)
			said := bob.says(room, "mine")
			alice.says(room, "hers")
			bob.call("PUT", "/profile/"+bob.id+"/displayname", map[string]string{"displayname": "Robert"}).ok(nil)
			bob.call("POST", "/account/deactivate", map[string]any{"erase": erase,
				"auth": map[string]string{"type": "m.login.password", "user": bob.id, "password": "correct horse"}}).ok(nil)
			carol.joins(room)
			later, want := "mine hers", "Robert"
			if erase {
				later, want = " hers", ""
			}
			s.is(suffix+": who was there", alice.texts(room), "mine hers")
			s.is(suffix+": who came later", carol.texts(room), later)
			s.is(suffix+": who came later, by /sync", texts(carol.syncs().Rooms.Join[room].Timeline.Events), later)
			var one event
			carol.call("GET", "/rooms/"+room+"/event/"+said, nil).ok(&one)
			s.is(suffix+": the event itself", " "+one.text(), map[bool]string{true: " ", false: " mine"}[erase])
			var around struct{ Event event }
			carol.call("GET", "/rooms/"+room+"/context/"+said, nil).ok(&around)
			s.is(suffix+": in its context", " "+around.Event.text(), map[bool]string{true: " ", false: " mine"}[erase])
			last := ""
			for _, e := range carol.reads(room) {
				var c struct{ Displayname string }
				for _, raw := range []json.RawMessage{e.Content, e.Unsigned.Prev} {
					if _ = json.Unmarshal(raw, &c); e.Type == "m.room.member" && e.Sender == bob.id && c.Displayname == "Robert" {
						last = c.Displayname
					}
				}
			}
			s.is(suffix+": bob's name in the past", last, want)
		}
	})
}
