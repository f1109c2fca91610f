package test

import (
	"fmt"
	"testing"
)

// pushed makes a room of two in which one writes and the other is told by a gateway.
func pushed(s *server) (writer, reader *person, roomID string, g *gateway) {
	s.t.Helper()
	g = opensGateway(s.t)
	writer, reader = s.registers("anna"), s.registers("ben")
	roomID = writer.creates(map[string]any{"preset": "public_chat", "name": "Staff"})
	reader.joins(roomID)
	reader.setsPusher(pusher("phone", g.url)).ok(nil)
	return writer, reader, roomID, g
}

func TestAMessageIsPushed(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		anna.call("PUT", "/profile/"+anna.id+"/displayname", map[string]string{"displayname": "Anna B."}).ok(nil)
		id := anna.says(room, "hello")
		n := g.hearsOf()
		s.is("what is told", fmt.Sprint(n.EventID, n.RoomID, n.Type, n.Sender, n.SenderName, n.RoomName, n.Content["body"], n.unread()),
			fmt.Sprint(id, room, "m.room.message", anna.id, "Anna B.", "Staff", "hello", 1))
		d := n.Devices[0]
		s.is("to which device", fmt.Sprint(d.AppID, d.Key, d.KeyTS > 0, d.Data), fmt.Sprint("com.example.app", "phone", true, map[string]any{"mine": "kept"}))
		s.is("a room of two makes a sound", fmt.Sprint(d.Tweaks, " ", n.Prio), "map[sound:default] high")
		ben.says(room, "mine is not told to me")
		second := anna.says(room, "and again")
		s.is("the next one", g.hearsOf().EventID, second)
	})
}

func TestAHighlightIsPushedAsSuch(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		carla := s.registers("carla")
		carla.joins(room)
		anna.says(room, "to all")
		n := g.hearsOf()
		s.is("a message in a larger room", fmt.Sprint(n.Devices[0].Tweaks, " ", n.Prio), "map[] low")
		anna.sends(room, "m.room.message", map[string]any{"msgtype": "m.text", "body": "you", "m.mentions": map[string]any{"user_ids": []string{ben.id}}})
		n = g.hearsOf()
		s.is("a mention", fmt.Sprint(n.Devices[0].Tweaks, " ", n.Prio), "map[highlight:true sound:default] high")
	})
}

func TestAnInviteIsPushed(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, _, g := pushed(s)
		room := anna.creates(map[string]any{"name": "Secret", "invite": []string{ben.id}})
		n := g.hearsOf()
		s.is("what is told", fmt.Sprint(n.RoomID, n.Type, n.RoomName, n.Sender, n.IsTarget != nil && *n.IsTarget, n.unread()),
			fmt.Sprint(room, "m.room.member", "Secret", anna.id, true, 1))
	})
}

func TestAnAppThatFetchesForItselfIsToldTheIDOnly(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		ben.setsPusher(pusher("phone", g.url), "data", map[string]any{"url": g.url, "format": "event_id_only"}).ok(nil)
		id := anna.says(room, "hello")
		n := g.hearsOf()
		s.is("what is told", fmt.Sprint(n.EventID, n.RoomID, n.Type, n.Sender, n.RoomName, n.Content, n.unread(), n.Devices[0].Data),
			fmt.Sprint(id, room, "", "", "", map[string]any(nil), 1, map[string]any{"format": "event_id_only"}))
	})
}

func TestWhatIsEncryptedIsNotPassedOn(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, _, room, g := pushed(s)
		id := anna.sends(room, "m.room.encrypted", map[string]any{"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "secret"})
		n := g.hearsOf()
		s.is("what is told", fmt.Sprint(n.EventID, n.Type, n.Content, n.Prio), fmt.Sprint(id, "m.room.encrypted", map[string]any(nil), "high"))
	})
}

func TestAMutedRoomIsNotPushed(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		other := anna.creates(map[string]any{"preset": "public_chat"})
		ben.joins(other)
		ben.call("PUT", "/pushrules/global/override/"+room, map[string]any{"actions": []any{}, "conditions": []any{
			map[string]string{"kind": "event_match", "key": "room_id", "pattern": room}}}).ok(nil)
		anna.says(room, "quiet")
		loud := anna.says(other, "loud")
		s.is("the first that is told", g.hearsOf().EventID, loud)
		ben.call("DELETE", "/pushrules/global/override/"+room, nil).ok(nil)
		again := anna.says(room, "loud again")
		s.is("once it is not muted any more", g.hearsOf().EventID, again)
	})
}

func TestReadingTellsTheAppANumber(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		id := anna.says(room, "hello")
		s.is("unread", g.hearsOf().unread(), 1)
		ben.call("POST", "/rooms/"+room+"/receipt/m.read.private/"+id, map[string]any{}).ok(nil)
		n := g.hearsUnread()
		s.is("unread once it is read", fmt.Sprint(n.unread(), n.RoomID, n.Prio, len(n.Devices)), fmt.Sprint(0, "", "low", 1))
		anna.says(room, "more")
		s.is("unread", g.hearsOf().unread(), 1)
		ben.says(room, "an answer")
		s.is("unread once it is answered", g.hearsUnread().unread(), 0)
	})
}

func TestADisabledPusherSendsNothing(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		ben.setsPusher(pusher("phone", g.url), "org.matrix.msc3881.enabled", false).ok(nil)
		ben.setsPusher(pusher("tablet", g.url)).ok(nil)
		for range 2 {
			anna.says(room, "hello")
			s.is("who is told", g.hearsOf().Devices[0].Key, "tablet")
		}
	})
}
