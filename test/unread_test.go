package test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage"
)

const threadsApart = `{"room":{"timeline":{"unread_thread_notifications":true}}}`

// unreadIn is what the person's app shows on a room: of a first sync, which asks for
// everything.
func (p *person) unreadIn(roomID string) string {
	p.s.t.Helper()
	var out syncAnswer
	p.call("GET", "/sync", nil).ok(&out)
	return out.Rooms.Join[roomID].Unread.String()
}

// unreadApart is the same with the threads apart, main timeline first.
func (p *person) unreadApart(roomID string, threads ...string) string {
	p.s.t.Helper()
	var out syncAnswer
	p.call("GET", "/sync?filter="+url.QueryEscape(threadsApart), nil).ok(&out)
	r := out.Rooms.Join[roomID]
	text := r.Unread.String()
	for _, th := range threads {
		text += " " + r.UnreadThreads[th].String()
	}
	if len(r.UnreadThreads) > len(threads) {
		text += fmt.Sprintf(" and %d more", len(r.UnreadThreads)-len(threads))
	}
	return text
}

// receipt says that the person has read up to an event.
func (p *person) receipt(roomID, kind, eventID, thread string) {
	p.s.t.Helper()
	body := map[string]string{}
	if thread != "" {
		body["thread_id"] = thread
	}
	p.call("POST", room(roomID, "/receipt/"+kind+"/"+url.PathEscape(eventID)), body).ok(nil)
}

func message(text string, more map[string]any) map[string]any {
	m := map[string]any{"msgtype": "m.text", "body": text}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func mention(users ...string) map[string]any {
	return map[string]any{"m.mentions": map[string]any{"user_ids": users}}
}

func inThread(root string) map[string]any {
	return map[string]any{"m.relates_to": map[string]any{"rel_type": "m.thread", "event_id": root}}
}

func (p *person) replies(roomID, root, text string) string {
	p.s.t.Helper()
	return p.sends(roomID, "m.room.message", message(text, inThread(root)))
}

func pair(s *server) (alice, bob *person, room string) {
	alice, bob = s.registers("alice"), s.registers("bob")
	room = alice.creates(map[string]any{"preset": "public_chat"})
	bob.joins(room)
	return alice, bob, room
}

func TestMessagesCountUntilTheyAreRead(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		s.is("at first", bob.unreadIn(room), "0/0")
		first := alice.says(room, "one")
		alice.says(room, "two")
		alice.sends(room, "m.room.message", message("three", mention(bob.id)))
		s.is("three, one of them to Bob", bob.unreadIn(room), "3/1")
		s.is("the sender's own", alice.unreadIn(room), "0/0")
		bob.receipt(room, "m.read", first, "")
		s.is("after the first", bob.unreadIn(room), "2/1")
		bob.says(room, "an answer")
		s.is("who answers has read", bob.unreadIn(room), "0/0")
		s.is("the answer counts for Alice", alice.unreadIn(room), "1/0")
	})
}

func TestAPrivateReceiptClearsCountsForItsUserAlone(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		a, b := alice.says(room, "one"), alice.says(room, "two")
		bob.receipt(room, "m.read.private", b, "")
		s.is("Bob's", bob.unreadIn(room), "0/0")
		bob.receipt(room, "m.read", a, "")
		s.is("a public one that lags rewinds nothing", bob.unreadIn(room), "0/0")
		if got := alice.syncs().ephemeral(room, "m.receipt"); got == "" || got != fmt.Sprintf(`{"%s":{"m.read":{"%s":{"ts":%s}}}}`, a, bob.id, tsOf(got)) {
			t.Errorf("Alice sees %s", got)
		}
	})
}

func tsOf(content string) string {
	i := len(content) - 1
	for i >= 0 && (content[i] < '0' || content[i] > '9') {
		i--
	}
	j := i
	for j >= 0 && content[j] >= '0' && content[j] <= '9' {
		j--
	}
	return content[j+1 : i+1]
}

func TestWhatDoesNotNotify(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		first := alice.says(room, "one")
		bob.receipt(room, "m.read", first, "")
		alice.sends(room, "m.room.message", map[string]any{"msgtype": "m.notice", "body": "by a bot"})
		alice.sends(room, "m.reaction", map[string]any{"m.relates_to": map[string]any{"rel_type": "m.annotation", "event_id": first, "key": "+1"}})
		alice.sends(room, "m.room.message", message("* one", map[string]any{"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": first}}))
		alice.sets(room, "m.room.topic", "", map[string]string{"topic": "news"}).ok(nil)
		s.registers("carol").joins(room)
		s.is("notices, reactions, edits, state and joins", bob.unreadIn(room), "0/0")
		alice.sends(room, "m.room.message", message("* one, Bob", map[string]any{"m.mentions": map[string]any{"user_ids": []string{bob.id}},
			"m.relates_to": map[string]any{"rel_type": "m.replace", "event_id": first}}))
		s.is("an edit that mentions", bob.unreadIn(room), "1/1")
		alice.sends(room, "m.room.message", message("all!", map[string]any{"m.mentions": map[string]any{"room": true}}))
		s.is("everybody is called", bob.unreadIn(room), "2/2")
		bob.sends(room, "m.room.message", message("all?", map[string]any{"m.mentions": map[string]any{"room": true}}))
		s.is("Bob may not call everybody", alice.unreadIn(room), "1/0")
	})
}

func TestARedactedMessageIsNotUnread(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		plain := alice.says(room, "one")
		called := alice.sends(room, "m.room.message", message("two", mention(bob.id)))
		reply := alice.replies(room, plain, "three")
		s.is("before", bob.unreadApart(room, plain), "2/1 1/0")
		for _, e := range []string{plain, called, reply} {
			alice.call("PUT", "/rooms/"+room+"/redact/"+e+"/r"+e, map[string]any{}).ok(nil)
		}
		s.is("after", bob.unreadApart(room, plain), "0/0 none")
		alice.says(room, "four")
		s.is("and then one more", bob.unreadApart(room, plain), "1/0 none")
		s.is("a latecomer", func() string { c := s.registers("carol"); c.joins(room); return c.unreadIn(room) }(), "0/0")
	})
}

func TestThreadsAreCountedAndReadApart(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		root := alice.says(room, "a")
		b := alice.replies(room, root, "b")
		c := alice.sends(room, "m.room.message", message("c", map[string]any{"m.mentions": map[string]any{"user_ids": []string{bob.id}},
			"m.relates_to": map[string]any{"rel_type": "m.thread", "event_id": root}}))
		d := alice.says(room, "d")
		alice.sends(room, "m.reaction", map[string]any{"m.relates_to": map[string]any{"rel_type": "m.annotation", "event_id": c, "key": "x"}})
		s.is("apart", bob.unreadApart(room, root), "2/0 2/1")
		s.is("in one", bob.unreadIn(room), "4/1")
		bob.receipt(room, "m.read", d, "main")
		s.is("main is read", bob.unreadApart(room, root), "0/0 2/1")
		bob.receipt(room, "m.read", b, root)
		s.is("some of the thread is read", bob.unreadApart(room, root), "0/0 1/1")
		e := alice.replies(room, root, "e")
		alice.says(room, "f")
		bob.receipt(room, "m.read", e, "")
		s.is("an unthreaded receipt reads all before it", bob.unreadApart(room, root), "1/0 none")
		alice.replies(room, root, "g")
		bob.replies(room, root, "an answer in the thread")
		s.is("who answers in a thread has read it", bob.unreadApart(room, root), "1/0 none")
		s.is("the other one", alice.unreadApart(room, root), "0/0 1/0")
	})
}

func TestOwnRulesOverrideThePredefinedOnes(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		rule := func(method, path string, body any) { bob.call(method, "/pushrules/global/"+path, body).ok(nil) }
		rule("PUT", "content/tea", map[string]any{"pattern": "te?", "actions": []any{"notify", map[string]any{"set_tweak": "highlight"}}})
		alice.says(room, "Tea? teas, steal")
		alice.says(room, "steal")
		s.is("a keyword", bob.unreadIn(room), "2/1")
		rule("PUT", "room/"+url.PathEscape(room), map[string]any{"actions": []any{}})
		s.is("mentions only: what does not concern Bob is not unread", bob.unreadIn(room), "0/1")
		alice.says(room, "quiet")
		alice.says(room, "more tea")
		s.is("keywords still", bob.unreadIn(room), "1/2")
		rule("DELETE", "room/"+url.PathEscape(room), nil)
		s.is("counting begins anew", bob.unreadIn(room), "1/2")
		last := alice.says(room, "loud again")
		s.is("from then on", bob.unreadIn(room), "2/2")
		bob.receipt(room, "m.read", last, "")
		rule("PUT", "override/"+url.PathEscape(room), map[string]any{"actions": []any{}, "conditions": []any{map[string]any{"kind": "event_match", "key": "room_id", "pattern": room}}})
		alice.sends(room, "m.room.message", message("tea!", mention(bob.id)))
		s.is("mute", bob.unreadIn(room), "0/0")
		rule("PUT", "override/.m.rule.master/enabled", map[string]any{"enabled": true})
		rule("DELETE", "override/"+url.PathEscape(room), nil)
		alice.sends(room, "m.room.message", message("tea!", mention(bob.id)))
		s.is("all off", bob.unreadIn(room), "0/0")
	})
}

func TestMessagesOfIgnoredUsersDoNotCount(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		alice.says(room, "heard")
		bob.call("PUT", "/user/"+bob.id+"/account_data/m.ignored_user_list", map[string]any{"ignored_users": map[string]any{alice.id: map[string]any{}}}).ok(nil)
		alice.sends(room, "m.room.message", message("unheard", mention(bob.id)))
		s.is("only the one before", bob.unreadIn(room), "1/0")
		bob.call("PUT", "/user/"+bob.id+"/account_data/m.ignored_user_list", map[string]any{"ignored_users": map[string]any{}}).ok(nil)
		alice.says(room, "heard again")
		s.is("and the one after", bob.unreadIn(room), "2/0")
	})
}

func TestAReceiptWakesTheOtherDevicesWithTheNewCount(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		e := alice.says(room, "hello")
		s.is("unread", bob.syncs().Rooms.Join[room].Unread, "1/0")
		for _, kind := range []string{"m.read", "m.read.private"} {
			woken := make(chan syncAnswer)
			go func() { woken <- bob.syncs("timeout", "30000", "filter", `{"room":{"ephemeral":{"types":[]}}}`) }()
			bob.receipt(room, kind, e, "")
			s.is("after "+kind, (<-woken).Rooms.Join[room].Unread, "0/0")
			e = alice.says(room, "again")
			s.is("unread again", bob.syncs().Rooms.Join[room].Unread, "1/0")
		}
	})
}

func TestARoomThatReplacesAnotherHasTheUsersSettingsOfTheOld(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		bob.call("PUT", "/pushrules/global/room/"+url.PathEscape(room), map[string]any{"actions": []any{"dont_notify"}}).ok(nil)
		bob.call("PUT", "/pushrules/global/override/mine", map[string]any{"actions": []any{"notify"},
			"conditions": []any{map[string]any{"kind": "event_match", "key": "room_id", "pattern": room}, map[string]any{"kind": "event_match", "key": "content.body", "pattern": "cake"}}}).ok(nil)
		bob.call("PUT", "/user/"+bob.id+"/rooms/"+room+"/tags/m.favourite", map[string]any{"order": 0.5}).ok(nil)
		var out struct {
			New string `json:"replacement_room"`
		}
		alice.call("POST", "/rooms/"+room+"/upgrade", map[string]string{"new_version": "12"}).ok(&out)
		bob.joins(out.New)
		alice.says(out.New, "quiet")
		alice.says(out.New, "there is cake")
		s.is("the rules hold in the new room", bob.unreadIn(out.New), "1/0")
		var tags struct{ Tags map[string]any }
		bob.call("GET", "/user/"+bob.id+"/rooms/"+out.New+"/tags", nil).ok(&tags)
		s.is("its tags", len(tags.Tags), 1)
		carol := s.registers("carol")
		carol.joins(out.New)
		alice.says(out.New, "hello")
		s.is("others have none", carol.unreadIn(out.New), "1/0")
	})
}

func TestMentionsThatWereReadAreForgottenAfterAMonth(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		rooms := make([]string, 4)
		for i := range rooms {
			rooms[i] = alice.creates(map[string]any{"preset": "public_chat"})
			bob.joins(rooms[i])
		}
		call := func(i int) string {
			return alice.sends(rooms[i], "m.room.message", message("you!", mention(bob.id)))
		}
		bob.receipt(rooms[0], "m.read", call(0), "")
		call(1)
		bob.says(rooms[1], "read by answering")
		call(2) // never read
		s.passes(31 * 24 * time.Hour)
		bob.receipt(rooms[3], "m.read", call(3), "")
		if err := s.h.Rooms.Tidy(context.Background()); err != nil {
			t.Fatal(err)
		}
		err := s.h.DB.Read(context.Background(), func(tx *storage.ReadTx) error {
			left, err := tx.RoomsWithNotes()
			s.is("rooms with notes: what is unread, and what was read lately", len(left), 2)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.is("unread as ever", bob.unreadIn(rooms[2]), "1/1")
	})
}
