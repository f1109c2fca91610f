package test

import "testing"

// The table of "Room History Visibility": what somebody reads who was not there for
// the first message, was invited for the second, joined for the third, and left
// before the fourth.
func TestHistoryIsSeenAtEveryBoundaryAsTheRoomSays(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		for visibility, want := range map[string]struct{ joined, left, stranger string }{
			"world_readable": {"one two three", "one two three", "one two three four"},
			"shared":         {"one two three", "one two three", ""},
			"invited":        {"two three", "two three", ""},
			"joined":         {"three", "three", ""},
		} {
			bob, carol := s.registers("bob-"+visibility[:4]), s.registers("carol-"+visibility[:4])
			room := alice.creates(map[string]any{"preset": "private_chat", "initial_state": []any{
				map[string]any{"type": "m.room.history_visibility", "content": map[string]string{"history_visibility": visibility}}}})
			alice.says(room, "one")
			alice.does("invite", room, bob).ok(nil)
			alice.says(room, "two")
			bob.joins(room)
			alice.says(room, "three")
			s.is(visibility+": who joined", bob.texts(room), want.joined)
			bob.does("leave", room, nil).ok(nil)
			secret := alice.says(room, "four")
			if visibility == "world_readable" {
				s.is(visibility+": a stranger", carol.texts(room), want.stranger)
				continue
			}
			s.is(visibility+": who left", bob.texts(room), want.left)
			bob.call("GET", "/rooms/"+room+"/event/"+secret, nil).refused(404, "M_NOT_FOUND")
			bob.call("GET", "/rooms/"+room+"/context/"+secret, nil).refused(404, "M_NOT_FOUND")
			carol.call("GET", "/rooms/"+room+"/messages?dir=b", nil).refused(403, "M_FORBIDDEN")
			carol.call("GET", "/rooms/"+room+"/event/"+secret, nil).refused(404, "M_NOT_FOUND")
			carol.call("GET", "/rooms/"+room+"/state", nil).refused(403, "M_FORBIDDEN")
			carol.call("GET", "/rooms/"+room+"/members", nil).refused(403, "M_FORBIDDEN")
		}
	})
}

func TestAChangeOfVisibilityHoldsFromThenOn(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		alice.sets(room, "m.room.history_visibility", "", map[string]string{"history_visibility": "joined"}).ok(nil)
		alice.says(room, "hidden")
		alice.sets(room, "m.room.history_visibility", "", map[string]string{"history_visibility": "shared"}).ok(nil)
		alice.says(room, "open")
		bob.joins(room)
		s.is("what bob reads", bob.texts(room), "open")
	})
}

func TestWhoLeftSeesTheStateOfThen(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat", "name": "before"})
		bob.joins(room)
		bob.does("leave", room, nil).ok(nil)
		alice.sets(room, "m.room.name", "", map[string]string{"name": "after"}).ok(nil)
		var name struct{ Name string }
		bob.call("GET", "/rooms/"+room+"/state/m.room.name/", nil).ok(&name)
		s.is("the name for who left", name.Name, "before")
		alice.call("GET", "/rooms/"+room+"/state/m.room.name/", nil).ok(&name)
		s.is("the name for who is in", name.Name, "after")
	})
}
