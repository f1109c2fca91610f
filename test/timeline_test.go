package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestWhatOneSaysTheOtherReads(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		bob.syncs()
		alice.says(room, "hello")
		got := bob.syncs("timeout", "30000").Rooms.Join[room].Timeline
		s.is("bob's sync", texts(got.Events), "hello")
		own := alice.syncs().Rooms.Join[room].Timeline.Events
		if last := own[len(own)-1]; last.Unsigned.Txn == "" {
			t.Error("the sender's own event carries no transaction id")
		}
		if got.Events[0].Unsigned.Txn != "" {
			t.Error("somebody else's transaction id is shown")
		}
	})
}

func TestARedactedMessageIsEmptyEverywhere(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		for _, version := range []string{"1", "10", "11", "12"} {
			room := alice.creates(map[string]any{"preset": "public_chat", "room_version": version})
			bob.joins(room)
			slip := bob.says(room, "a slip")
			kept := alice.says(room, "kept")
			bob.call("PUT", "/rooms/"+room+"/redact/"+kept+"/r1", map[string]any{}).refused(403, "M_FORBIDDEN")
			bob.call("PUT", "/rooms/"+room+"/redact/"+slip+"/r2", map[string]string{"reason": "oops"}).ok(nil)
			bob.call("PUT", "/rooms/"+room+"/redact/$nothing/r3", map[string]any{}).refused(404, "M_NOT_FOUND")
			var e event
			alice.call("GET", "/rooms/"+room+"/event/"+slip, nil).ok(&e)
			s.is("version "+version+": the content", string(e.Content), "{}")
			if e.Unsigned.Because == nil || !strings.Contains(string(e.Unsigned.Because.Content), "oops") {
				t.Errorf("version %s: redacted_because is %+v", version, e.Unsigned.Because)
			}
			s.is("version "+version+": the rest", alice.texts(room), " kept")
		}
	})
}

func TestConcurrentSendersLoseNothingInSyncAndInPaging(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		bob.syncs()
		const senders, each = 16, 12
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() {
				for j := range each {
					alice.says(room, fmt.Sprintf("%d-%d", i, j))
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		seen := map[string]int{}
		take := func() {
			r := bob.syncs("timeout", "100", "filter", `{"room":{"timeline":{"limit":1000}}}`).Rooms.Join[room].Timeline
			if r.Limited {
				t.Error("a gap in a timeline that is not full")
			}
			for _, e := range r.Events {
				seen[e.text()]++
			}
		}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			take()
		}
		take()
		paged := map[string]int{}
		for _, e := range alice.reads(room) {
			paged[e.text()]++
		}
		for i := range senders {
			for j := range each {
				text := fmt.Sprintf("%d-%d", i, j)
				if seen[text] != 1 || paged[text] != 1 {
					t.Errorf("%s: %d times by sync, %d by paging", text, seen[text], paged[text])
				}
			}
		}
	})
}

func TestASyncWithAGapIsFilledByPaging(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		bob.syncs()
		for i := range 30 {
			alice.says(room, fmt.Sprint(i))
		}
		alice.sets(room, "m.room.name", "", map[string]string{"name": "in the gap"}).ok(nil)
		for i := 30; i < 45; i++ {
			alice.says(room, fmt.Sprint(i))
		}
		got := bob.syncs("filter", `{"room":{"timeline":{"limit":10}}}`).Rooms.Join[room]
		s.is("limited", got.Timeline.Limited, true)
		s.is("the newest ten", texts(got.Timeline.Events), "35 36 37 38 39 40 41 42 43 44")
		s.is("state of the gap", len(got.State.Events), 1)
		var page struct{ Chunk []event }
		bob.call("GET", "/rooms/"+room+"/messages?dir=b&limit=5&from="+got.Timeline.Prev, nil).ok(&page)
		s.is("right before it", texts(page.Chunk), "34 33 32 31 30")
	})
}

func TestStateAfterTellsTheStateBehindTheTimeline(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		room := alice.creates(map[string]any{"name": "one"})
		alice.syncs()
		alice.sets(room, "m.room.name", "", map[string]string{"name": "two"}).ok(nil)
		got := alice.syncs("use_state_after", "true").Rooms.Join[room]
		s.is("state_after", len(got.StateAfter.Events), 1)
		var c struct{ Name string }
		_ = json.Unmarshal(got.StateAfter.Events[0].Content, &c)
		s.is("the name", c.Name, "two")
		s.is("state", len(got.State.Events), 0)
		alice.sets(room, "m.room.name", "", map[string]string{"name": "three"}).ok(nil)
		got = alice.syncs("org.matrix.msc4222.use_state_after", "true").Rooms.Join[room]
		s.is("by the name it had before", len(got.StateAfterU.Events), 1)
		s.is("and not by both", len(got.StateAfter.Events), 0)
		alice.does("leave", room, nil).ok(nil)
		left := alice.syncs("org.matrix.msc4222.use_state_after", "true").Rooms.Leave[room]
		s.is("in a room that was left too", len(left.StateAfterU.Events), 1)
	})
}

func TestAnInviteAndALeaveReachTheirUser(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		bob.syncs()
		room := alice.creates(map[string]any{"name": "Hall", "invite": []string{bob.id}})
		inv, ok := bob.syncs("timeout", "30000").Rooms.Invite[room]
		s.is("invited", ok, true)
		if len(inv.State.Events) < 4 {
			t.Errorf("stripped state: %+v", inv.State.Events)
		}
		bob.joins(room)
		in := bob.syncs().Rooms.Join[room]
		s.is("members", *in.Summary.Joined, 2)
		alice.says(room, "last words")
		alice.does("kick", room, bob).ok(nil)
		alice.says(room, "behind his back")
		out := bob.syncs().Rooms.Leave[room]
		s.is("what bob hears while leaving", texts(out.Timeline.Events), "last words")
		s.is("nothing more", len(bob.syncs().Rooms.Leave), 0)
	})
}

func TestLazyMembersAreThoseWhoSpeak(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		room := alice.creates(map[string]any{"preset": "public_chat", "name": "Named: no heroes"})
		for i := range 5 {
			s.registers(fmt.Sprintf("member%d", i)).joins(room)
		}
		bob := s.registers("bob")
		bob.joins(room)
		alice.says(room, "hello")
		got := bob.syncs("filter", `{"room":{"timeline":{"limit":1},"state":{"lazy_load_members":true}}}`).Rooms.Join[room]
		members := 0
		for _, e := range got.State.Events {
			if e.Type == "m.room.member" {
				members++
			}
		}
		s.is("members in the state: the speaker and oneself", members, 2)
	})
}

func TestAnEmptyTimelineTellsEverythingInItsState(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		room := alice.creates(map[string]any{"name": "Hall"})
		got := alice.syncs("filter", `{"room":{"timeline":{"limit":0}}}`).Rooms.Join[room]
		s.is("events", len(got.Timeline.Events), 0)
		if len(got.State.Events) < 6 {
			t.Errorf("state: %+v", got.State.Events)
		}
	})
}

func TestTheMembersAtATokenAreThoseOfThen(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		at := alice.syncs().Rooms.Join[room].Timeline.Prev
		bob.joins(room)
		var out struct{ Chunk []event }
		alice.call("GET", "/rooms/"+room+"/members?at="+at, nil).ok(&out)
		s.is("members then", len(out.Chunk), 1)
		alice.call("GET", "/rooms/"+room+"/members", nil).ok(&out)
		s.is("members now", len(out.Chunk), 2)
	})
}

func TestAnIgnoredUserIsNotHeard(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		alice.call("PUT", "/user/"+alice.id+"/account_data/m.ignored_user_list", map[string]any{"ignored_users": map[string]any{bob.id: map[string]any{}}}).ok(nil)
		alice.syncs()
		bob.says(room, "can you hear me?")
		bob.sets(room, "m.room.member", bob.id, map[string]string{"membership": "join", "displayname": "Bob"}).ok(nil)
		bob.creates(map[string]any{"invite": []string{alice.id}})
		got := alice.syncs()
		s.is("messages", texts(got.Rooms.Join[room].Timeline.Events), "")
		s.is("state events", len(got.Rooms.Join[room].Timeline.Events), 1)
		s.is("invites", len(got.Rooms.Invite), 0)
	})
}

func TestTypingAndReceiptsReachTheRoom(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		last := alice.says(room, "hello")
		alice.syncs()
		bob.call("PUT", "/rooms/"+room+"/typing/"+bob.id, map[string]any{"typing": true, "timeout": 60000}).ok(nil)
		bob.call("PUT", "/rooms/"+room+"/typing/"+alice.id, map[string]any{"typing": true}).refused(403, "M_FORBIDDEN")
		s.is("who types", alice.syncs("timeout", "30000").ephemeral(room, "m.typing"), `{"user_ids":["`+bob.id+`"]}`)
		s.is("nothing new", alice.syncs().ephemeral(room, "m.typing"), "")
		bob.call("PUT", "/rooms/"+room+"/typing/"+bob.id, map[string]any{"typing": false}).ok(nil)
		s.is("who types then", alice.syncs("timeout", "30000").ephemeral(room, "m.typing"), `{"user_ids":[]}`)
		bob.call("POST", "/rooms/"+room+"/receipt/m.read/"+last, map[string]any{}).ok(nil)
		if got := alice.syncs("timeout", "30000").ephemeral(room, "m.receipt"); !strings.Contains(got, last) || !strings.Contains(got, bob.id) {
			t.Errorf("the receipt: %s", got)
		}
		bob.call("POST", "/rooms/"+room+"/receipt/m.read.private/"+last, map[string]any{"thread_id": "main"}).ok(nil)
		s.is("a private receipt for others", alice.syncs().ephemeral(room, "m.receipt"), "")
		if got := bob.syncs().ephemeral(room, "m.receipt"); !strings.Contains(got, "m.read.private") || !strings.Contains(got, `"thread_id":"main"`) {
			t.Errorf("bob's own: %s", got)
		}
		bob.call("POST", "/rooms/"+room+"/receipt/m.read/$nothing", map[string]any{}).refused(404, "M_NOT_FOUND")
		bob.call("POST", "/rooms/"+room+"/receipt/m.other/"+last, map[string]any{}).refused(400, "M_INVALID_PARAM")
		bob.call("POST", "/rooms/"+room+"/read_markers", map[string]any{"m.fully_read": last, "m.read": last}).ok(nil)
		data := bob.syncs().Rooms.Join[room].Account.Events
		s.is("the marker", len(data), 1)
	})
}

func TestHardening_A10_ALongPollEndsWithItsSession(t *testing.T) {
	each(t, func(s *server) {
		alice := s.registers("alice")
		alice.creates(map[string]any{})
		alice.syncs()
		alice.syncs() // nothing is new any more
		done := make(chan answer)
		go func() { done <- alice.call("GET", "/sync?timeout=60000&since="+alice.since, nil) }()
		other := s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "user": "alice", "password": "correct horse"})
		var login struct {
			Token string `json:"access_token"`
		}
		other.ok(&login)
		s.call(login.Token, "POST", clientPath+"/logout/all", map[string]any{}).ok(nil)
		(<-done).refused(401, "M_UNKNOWN_TOKEN")
	})
}

func TestAnOldTokenTellsOfInvitesAndDepartures(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		bob.syncs()
		old := bob.since
		other := alice.creates(map[string]any{"preset": "private_chat"})
		alice.does("invite", other, bob).ok(nil)
		bob.does("leave", room, nil).ok(nil)
		for range 2 {
			bob.since = ""
			bob.syncs() // another client of his begins anew
			bob.syncs()
			bob.since = old
			got := bob.syncs()
			s.is("invites", len(got.Rooms.Invite), 1)
			s.is("departures", len(got.Rooms.Leave), 1)
		}
	})
}

func TestRedactedStateIsForgottenByWhoHadNotReadIt(t *testing.T) {
	each(t, func(s *server) {
		alice, _, room := pair(s)
		var topic eventRef
		alice.sets(room, "org.example.secret", "k", map[string]string{"secret": "x"}).ok(&topic)
		s.restarts() // nothing of the room is in memory
		alice.call("PUT", "/rooms/"+room+"/redact/"+topic.ID+"/r1", map[string]any{}).ok(nil)
		for range 2 {
			var content map[string]any
			alice.call("GET", "/rooms/"+room+"/state/org.example.secret/k", nil).ok(&content)
			s.is("the content", len(content), 0)
		}
		var same eventRef
		alice.sets(room, "org.example.secret", "k", map[string]string{"secret": "x"}).ok(&same)
		if same.ID == topic.ID {
			t.Error("the room still holds what was redacted: setting it again changed nothing")
		}
	})
}
