package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
)

type notificationPage struct {
	Next          string `json:"next_token"`
	Notifications []struct {
		Actions []json.RawMessage
		Event   event
		Read    bool
		Room    string `json:"room_id"`
		TS      int64
	}
}

// notified pages through all the person was notified of, a few at a time, the newest
// first.
func (p *person) notified(only string) (ids []string, pages []notificationPage) {
	p.s.t.Helper()
	from := ""
	for {
		var out notificationPage
		p.call("GET", "/notifications?limit=3&only="+only+"&from="+url.QueryEscape(from), nil).ok(&out)
		for _, n := range out.Notifications {
			ids = append(ids, n.Event.ID)
		}
		pages = append(pages, out)
		if from = out.Next; from == "" {
			return ids, pages
		}
	}
}

func TestNotificationsAreListed(t *testing.T) {
	each(t, func(s *server) {
		anna, ben := s.registers("anna"), s.registers("ben")
		room := anna.creates(map[string]any{"preset": "public_chat"})
		anna.says(room, "before ben was here")
		ben.joins(room)
		mention := map[string]any{"msgtype": "m.text", "body": "you", "m.mentions": map[string]any{"user_ids": []string{ben.id}}}
		first, second := anna.says(room, "one"), anna.sends(room, "m.room.message", mention)
		ids, pages := ben.notified("")
		s.is("what ben was notified of", ids, []string{second, first})
		n := pages[0].Notifications[1]
		s.is("the first", fmt.Sprint(n.Room, " ", n.Event.text(), n.Read, n.TS > 0, string(n.Actions[0])), room+` onefalse true"notify"`)
		ben.call("POST", "/rooms/"+room+"/receipt/m.read/"+first, map[string]any{}).ok(nil)
		_, pages = ben.notified("")
		s.is("read", fmt.Sprint(pages[0].Notifications[0].Read, pages[0].Notifications[1].Read), "false true")
		ids, _ = ben.notified("highlight")
		s.is("highlights", ids, []string{second})
		anna.call("PUT", "/rooms/"+room+"/redact/"+first+"/r1", map[string]any{}).ok(nil)
		ids, _ = ben.notified("")
		s.is("without what was taken back", ids, []string{second})
		ben.does("leave", room, nil).ok(nil)
		ids, _ = ben.notified("")
		s.is("of a room that he left", len(ids), 0)
		ben.call("GET", "/notifications?from=x", nil).refused(400, "M_INVALID_PARAM")
		ben.call("GET", "/notifications?limit=-1", nil).refused(400, "M_INVALID_PARAM")
	})
}

// TestNotificationsOfManyRooms compares the list with a literal account of what was
// sent, in rooms of every mode.
func TestNotificationsOfManyRooms(t *testing.T) {
	each(t, func(s *server) {
		anna, ben := s.registers("anna"), s.registers("ben")
		random := rand.New(rand.NewPCG(1, 2))
		var rooms []string
		for range 5 {
			id := anna.creates(map[string]any{"preset": "public_chat"})
			ben.joins(id)
			rooms = append(rooms, id)
		}
		rule := func(kind, id string, actions, conditions []any) {
			ben.call("PUT", "/pushrules/global/"+kind+"/"+url.PathEscape(id), map[string]any{"actions": actions, "conditions": conditions}).ok(nil)
		}
		muted, quiet := rooms[0], rooms[1]
		rule("override", muted, []any{}, []any{map[string]string{"kind": "event_match", "key": "room_id", "pattern": muted}})
		rule("room", quiet, []any{}, nil)
		var all, loud []string
		for i := range 80 {
			at := rooms[random.IntN(len(rooms))]
			content := map[string]any{"msgtype": "m.text", "body": fmt.Sprint(i), "m.mentions": map[string]any{}}
			mention := random.IntN(4) == 0
			if mention {
				content["m.mentions"] = map[string]any{"user_ids": []string{ben.id}}
			}
			if random.IntN(8) == 0 {
				ben.sends(at, "m.room.message", content)
				continue
			}
			id := anna.sends(at, "m.room.message", content)
			if at == muted || at == quiet && !mention {
				continue
			}
			all = append(all, id)
			if mention {
				loud = append(loud, id)
			}
		}
		slices.Reverse(all)
		slices.Reverse(loud)
		got, _ := ben.notified("")
		s.is("all", got, all)
		got, _ = ben.notified("highlight")
		s.is("highlights", got, loud)
	})
}
