package test

import (
	"strings"
	"testing"
)

// visits makes a guest.
func (s *server) visits() *person {
	s.t.Helper()
	var out struct {
		User   string `json:"user_id"`
		Token  string `json:"access_token"`
		Device string `json:"device_id"`
	}
	s.call("", "POST", clientPath+"/register?kind=guest", map[string]any{}).ok(&out)
	return &person{s: s, id: out.User, token: out.Token, device: out.Device}
}

// open lets guests into a room, or keeps them out.
func (p *person) opens(room, access string) {
	p.s.t.Helper()
	p.sets(room, "m.room.guest_access", "", map[string]string{"guest_access": access}).ok(nil)
}

// inRoom says who is in a room, as somebody in it sees it.
func (p *person) inRoom(room string) int {
	p.s.t.Helper()
	var out struct{ Joined map[string]any }
	p.call("GET", "/rooms/"+room+"/joined_members", nil).ok(&out)
	return len(out.Joined)
}

func TestGuestsAreShownOutOfARoomThatClosesToThem(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		guests := []*person{s.visits(), s.visits(), s.visits()}
		room := alice.creates(map[string]any{"preset": "public_chat"})
		guests[0].call("POST", "/join/"+room, map[string]any{}).refused(403, "M_GUEST_ACCESS_FORBIDDEN")
		guests[0].sets(room, "m.room.member", guests[0].id, map[string]string{"membership": "join"}).refused(403, "M_GUEST_ACCESS_FORBIDDEN")
		alice.opens(room, "can_join")
		bob.joins(room)
		for _, g := range guests {
			g.joins(room)
		}
		guests[1].says(room, "hello")
		guests[0].syncs()
		s.is("people in the room", alice.inRoom(room), 5)
		alice.opens(room, "forbidden")
		s.is("people in the room once it is closed to guests", alice.inRoom(room), 2)
		_, left := guests[0].syncs().Rooms.Leave[room]
		s.is("the guest hears of it", left, true)
		guests[0].joinsNoMore(room)
		alice.opens(room, "can_join")
		guests[2].joins(room)
		var access eventRef
		alice.call("GET", "/rooms/"+room+"/state/m.room.guest_access/?format=event", nil).ok(&access)
		alice.call("PUT", "/rooms/"+room+"/redact/"+access.ID+"/r1", map[string]any{}).ok(nil)
		s.is("people in the room whose guest access is redacted", alice.inRoom(room), 2)
		guests[2].joinsNoMore(room)
	})
}

func (p *person) joinsNoMore(room string) {
	p.s.t.Helper()
	p.call("POST", "/join/"+room, map[string]any{}).refused(403, "M_GUEST_ACCESS_FORBIDDEN")
	p.call("PUT", "/rooms/"+room+"/send/m.room.message/late", map[string]string{"body": "?"}).refused(403, "M_FORBIDDEN")
}

func TestAGuestWhoBecomesAPersonStays(t *testing.T) {
	each(t, func(s *server) {
		alice, guest := s.registers("alice"), s.visits()
		room := alice.creates(map[string]any{"preset": "public_chat"})
		alice.opens(room, "can_join")
		guest.joins(room)
		name := strings.TrimSuffix(strings.TrimPrefix(guest.id, "@"), ":example.org")
		var in struct {
			User  string `json:"user_id"`
			Token string `json:"access_token"`
		}
		s.call("", "POST", clientPath+"/register", map[string]any{"username": name, "password": "correct horse", "guest_access_token": guest.token,
			"auth": map[string]string{"type": "m.login.dummy"}}).ok(&in)
		s.is("the name", in.User, guest.id)
		alice.opens(room, "forbidden")
		s.is("people in the room", alice.inRoom(room), 2)
		s.call(in.Token, "POST", clientPath+"/createRoom", map[string]any{}).ok(nil)
	})
}

// TestGuestsReachWhatTheSpecificationLists asks for every endpoint that a guest may
// call ("Guest access", client behaviour), and for others.
func TestGuestsReachWhatTheSpecificationLists(t *testing.T) {
	each(t, func(s *server) {
		alice, guest := s.registers("alice"), s.visits()
		room := alice.creates(map[string]any{"preset": "public_chat", "power_level_content_override": map[string]any{"state_default": 0},
			"initial_state": []any{map[string]any{"type": "m.room.history_visibility", "content": map[string]string{"history_visibility": "world_readable"}}}})
		alice.opens(room, "can_join")
		id := alice.says(room, "hello")
		at := "/rooms/" + room
		for _, path := range []string{at + "/state", at + "/context/" + id, at + "/event/" + id, at + "/state/m.room.create/", at + "/messages?dir=b",
			at + "/members", "/sync", "/devices", "/devices/" + guest.device, "/account/whoami"} {
			guest.call("GET", path, nil).ok(nil)
		}
		guest.joins(room)
		for _, c := range [][3]string{
			{"PUT", at + "/send/x/1", `{}`}, {"PUT", at + "/state/x/y", `{}`}, {"PUT", "/sendToDevice/x/1", `{"messages":{}}`},
			{"PUT", "/profile/" + guest.id + "/displayname", `{"displayname":"Guest"}`}, {"DELETE", "/profile/" + guest.id + "/displayname", ""},
			{"PUT", "/devices/" + guest.device, `{"display_name":"browser"}`}, {"POST", "/keys/upload", `{}`},
			{"POST", "/keys/query", `{"device_keys":{}}`}, {"POST", "/keys/claim", `{"one_time_keys":{}}`}, {"POST", at + "/leave", `{}`},
		} {
			guest.call(c[0], c[1], c[2]).ok(nil)
		}
		for _, c := range [][3]string{
			{"POST", "/createRoom", `{}`}, {"PUT", "/profile/" + guest.id + "/avatar_url", `{"avatar_url":"mxc://a/b"}`},
			{"DELETE", "/profile/" + guest.id + "/avatar_url", ""}, {"GET", "/joined_rooms", ""}, {"POST", at + "/invite", `{}`}, {"POST", at + "/ban", `{}`},
			{"POST", "/knock/" + room, `{}`}, {"GET", "/pushrules/", ""}, {"GET", at + "/joined_members", ""}, {"POST", "/account/password", `{}`},
			{"PUT", "/user/" + guest.id + "/account_data/x", `{}`}, {"POST", "/keys/device_signing/upload", `{}`}, {"PUT", "/room_keys/keys?version=1", `{}`},
			{"POST", at + "/upgrade", `{}`}, {"PUT", "/directory/room/%23a:example.org", `{}`}, {"DELETE", "/devices/" + guest.device, ""},
		} {
			guest.call(c[0], c[1], c[2]).refused(403, "M_GUEST_ACCESS_FORBIDDEN")
		}
		s.call(guest.token, "PUT", dehydrated, guest.sleeper("d", 1)).refused(403, "M_GUEST_ACCESS_FORBIDDEN")
	})
}
