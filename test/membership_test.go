package test

import "testing"

func TestTheUsualWaysInAndOutOfARoom(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, carol := s.registers("alice"), s.registers("bob"), s.registers("carol")
		room := alice.creates(map[string]any{"preset": "private_chat"})
		bob.call("POST", "/join/"+room, map[string]any{}).refused(403, "M_FORBIDDEN")
		alice.does("invite", room, bob).ok(nil)
		bob.joins(room)
		bob.joins(room) // again is no error
		bob.does("kick", room, alice).refused(403, "M_FORBIDDEN")
		alice.does("kick", room, bob).ok(nil)
		bob.call("PUT", "/rooms/"+room+"/send/m.room.message/x", map[string]string{"body": "no"}).refused(403, "M_FORBIDDEN")
		alice.does("ban", room, carol).ok(nil)
		alice.does("invite", room, carol).refused(403, "M_FORBIDDEN")
		alice.does("unban", room, carol).ok(nil)
		alice.does("invite", room, carol).ok(nil)
		carol.does("leave", room, nil).ok(nil)
		carol.does("leave", room, nil).ok(nil)
		alice.does("forget", room, nil).refused(400, "M_UNKNOWN")
		alice.does("invite", room, &person{id: "@somebody:elsewhere.example"}).refused(403, "M_FORBIDDEN")
		alice.does("invite", room, &person{id: "nobody"}).refused(400, "M_INVALID_PARAM")
	})
}

func TestAForgottenRoomIsGone(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		alice.says(room, "before")
		bob.does("leave", room, nil).ok(nil)
		s.is("what bob may still read", bob.texts(room), "before")
		bob.does("forget", room, nil).ok(nil)
		bob.call("GET", "/rooms/"+room+"/messages?dir=b", nil).refused(403, "M_FORBIDDEN")
		bob.joins(room)
		s.is("what bob reads after coming back", bob.texts(room), "before")
	})
}

func TestARestrictedRoomLetsMembersOfAnotherIn(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		for _, version := range []string{"8", "10", "12"} {
			space := alice.creates(map[string]any{"preset": "public_chat", "room_version": version})
			room := alice.creates(map[string]any{"preset": "private_chat", "room_version": version, "initial_state": []any{
				map[string]any{"type": "m.room.join_rules", "content": map[string]any{"join_rule": "restricted",
					"allow": []any{map[string]string{"type": "m.room_membership", "room_id": space}}}}}})
			bob.call("POST", "/join/"+room, map[string]any{}).refused(403, "M_FORBIDDEN")
			bob.joins(space)
			bob.joins(room)
		}
	})
}

func TestAKnockIsAnsweredByAnInvite(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "private_chat", "initial_state": []any{
			map[string]any{"type": "m.room.join_rules", "content": map[string]any{"join_rule": "knock"}}}})
		bob.call("POST", "/knock/"+room, map[string]any{"reason": "please"}).ok(nil)
		alice.does("invite", room, bob).ok(nil)
		bob.joins(room)
		closed := alice.creates(map[string]any{"preset": "private_chat"})
		bob.call("POST", "/knock/"+closed, map[string]any{}).refused(403, "M_FORBIDDEN")
	})
}

func TestARoomIsReplacedByAnUpgrade(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		old := alice.creates(map[string]any{"preset": "public_chat", "room_version": "9", "name": "Hall", "room_alias_name": "hall"})
		bob.joins(old)
		alice.does("ban", old, &person{id: "@troll:example.org"}).ok(nil)
		bob.call("POST", "/rooms/"+old+"/upgrade", map[string]string{"new_version": "12"}).refused(403, "M_FORBIDDEN")
		alice.call("POST", "/rooms/"+old+"/upgrade", map[string]string{"new_version": "no such"}).refused(400, "M_UNSUPPORTED_ROOM_VERSION")
		var up struct {
			Room string `json:"replacement_room"`
		}
		alice.call("POST", "/rooms/"+old+"/upgrade", map[string]string{"new_version": "12"}).ok(&up)
		var tomb struct {
			Room string `json:"replacement_room"`
		}
		bob.call("GET", "/rooms/"+old+"/state/m.room.tombstone/", nil).ok(&tomb)
		s.is("where the tombstone points", tomb.Room, up.Room)
		var name struct{ Name string }
		alice.call("GET", "/rooms/"+up.Room+"/state/m.room.name", nil).ok(&name)
		s.is("the new room's name", name.Name, "Hall")
		var alias struct {
			Room string `json:"room_id"`
		}
		alice.call("GET", "/directory/room/%23hall:example.org", nil).ok(&alias)
		s.is("the alias", alias.Room, up.Room)
		var ban struct{ Membership string }
		alice.call("GET", "/rooms/"+up.Room+"/state/m.room.member/@troll:example.org", nil).ok(&ban)
		s.is("who was banned", ban.Membership, "ban")
		bob.call("PUT", "/rooms/"+old+"/send/m.room.message/y", map[string]string{"body": "anybody?"}).refused(403, "M_FORBIDDEN")
	})
}
