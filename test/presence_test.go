package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// logsIn gives a person another device.
func (p *person) logsIn(device string) *person {
	p.s.t.Helper()
	var out struct {
		Token string `json:"access_token"`
	}
	p.s.call("", "POST", clientPath+"/login", map[string]any{"type": "m.login.password", "password": "correct horse", "device_id": device,
		"identifier": map[string]string{"type": "m.id.user", "user": p.id}}).ok(&out)
	return &person{s: p.s, id: p.id, token: out.Token, device: device}
}

func status(user string) string { return "/presence/" + url.PathEscape(user) + "/status" }

// is sets a person's presence.
func (p *person) isNow(state, msg string) {
	p.s.t.Helper()
	p.call("PUT", status(p.id), map[string]any{"presence": state, "status_msg": msg}).ok(nil)
}

// presence is what somebody hears of others: "name state message", in order.
func (a syncAnswer) presence() string {
	var out []string
	for _, e := range a.Presence.Events {
		var c struct {
			Presence string
			Status   string `json:"status_msg"`
		}
		_ = json.Unmarshal(e.Content, &c)
		name, _, _ := strings.Cut(e.Sender[1:], ":")
		out = append(out, strings.TrimSpace(name+" "+c.Presence+" "+c.Status))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// hears asks, unseen, what is new, and waits until others' presence is.
func (p *person) hears() string {
	p.s.t.Helper()
	return p.syncs("set_presence", "offline", "timeout", "30000").presence()
}

// hearsNothing checks that nothing is new of anybody.
func (p *person) hearsNothing(when string) {
	p.s.t.Helper()
	p.s.is(when, p.syncs("set_presence", "offline").presence(), "")
}

func TestOthersSeeWhoComesIdlesAndGoes(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, carol := s.registers("alice"), s.registers("bob"), s.registers("carol")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		bob.hears()
		carol.hears()

		alice.syncs()
		s.is("she comes", bob.hears(), "alice online")
		alice.syncs()
		alice.says(room, "hello")
		bob.hearsNothing("she is still there")
		alice.isNow("online", "At lunch")
		s.is("she says where she is", bob.hears(), "alice online At lunch")
		alice.isNow("unavailable", "At lunch")
		s.is("she idles", bob.hears(), "alice unavailable At lunch")
		alice.says(room, "back")
		s.is("she writes", bob.syncs("set_presence", "offline").presence(), "alice online At lunch")
		s.passes(31 * time.Second)
		s.is("she goes", bob.hears(), "alice offline At lunch")
		bob.hearsNothing("afterwards")
		carol.hearsNothing("who is in no room with her")
		s.is("to start with", (&person{s: s, token: bob.token}).hears(), "alice offline At lunch")
		alice.call("PUT", status(alice.id), map[string]any{"presence": "offline", "status_msg": nil}).ok(nil)
		s.is("her message is gone", bob.hears(), "alice offline")
		s.is("nothing is left to say", (&person{s: s, token: bob.token}).hears(), "")
	})
}

func TestThreeDevicesAreOnePerson(t *testing.T) {
	each(t, func(s *server) {
		phone, bob := s.registers("alice"), s.registers("bob")
		bob.joins(phone.creates(map[string]any{"preset": "public_chat"}))
		bob.hears()
		laptop, tablet := phone.logsIn("laptop"), phone.logsIn("tablet")
		tablet.syncs("set_presence", "unavailable")
		s.is("the tablet", bob.hears(), "alice unavailable")
		laptop.syncs()
		s.is("the laptop", bob.hears(), "alice online")
		phone.isNow("unavailable", "")
		phone.syncs("set_presence", "offline")
		tablet.syncs("set_presence", "unavailable")
		bob.hearsNothing("the laptop is the most active")
		s.passes(20 * time.Second)
		tablet.syncs("set_presence", "unavailable")
		s.passes(11 * time.Second)
		s.is("the laptop is gone", bob.hears(), "alice unavailable")
		laptop.call("GET", "/sync?set_presence=busy", nil).refused(400, "M_INVALID_PARAM")
	})
}

func TestARequestThatWaitsKeepsItsDeviceThere(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		alice.syncs("set_presence", "offline")
		bob.hears()
		done := make(chan string)
		go func() {
			// Her own presence would be an answer.
			done <- texts(alice.syncs("timeout", "60000", "filter", `{"presence":{"types":[]}}`).Rooms.Join[room].Timeline.Events)
		}()
		s.is("she comes", bob.hears(), "alice online")
		s.passes(4 * time.Minute)
		bob.hearsNothing("she waits")
		s.passes(2 * time.Minute)
		s.is("after five minutes", bob.hears(), "alice unavailable")
		bob.says(room, "anybody there?")
		s.is("what she waited for", <-done, "anybody there?")
		s.passes(31 * time.Second)
		s.is("she goes", bob.hears(), "alice offline")
	})
}

func TestPresenceIsAskedForByWhoSharesARoom(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, carol := s.registers("alice"), s.registers("bob"), s.registers("carol")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		bob.joins(room)
		get := func(p *person, user string) (got struct {
			Presence string
			Ago      *int64  `json:"last_active_ago"`
			Active   *bool   `json:"currently_active"`
			Status   *string `json:"status_msg"`
		}) {
			p.call("GET", status(user), nil).ok(&got)
			return got
		}
		s.is("who was never there", string(bob.call("GET", status(alice.id), nil).body), `{"presence":"offline"}`)
		s.is("oneself", get(carol, carol.id).Presence, "offline")
		alice.isNow("online", "Busy")
		s.passes(10 * time.Second)
		got := get(bob, alice.id)
		s.is("her state and message", got.Presence+" "+*got.Status, "online Busy")
		if got.Ago == nil || *got.Ago < 10_000 || *got.Ago > 60_000 || got.Active == nil || !*got.Active {
			t.Errorf("active %v ms ago, currently: %v", got.Ago, got.Active)
		}
		stranger, nobody := carol.call("GET", status(alice.id), nil), carol.call("GET", status("@nobody:example.org"), nil)
		stranger.refused(403, "M_FORBIDDEN")
		nobody.refused(403, "M_FORBIDDEN")
		s.is("the answer about nobody", string(nobody.body), string(stranger.body))
		bob.does("leave", room, nil).ok(nil)
		bob.call("GET", status(alice.id), nil).refused(403, "M_FORBIDDEN")

		bob.call("PUT", status(alice.id), map[string]string{"presence": "offline"}).refused(403, "M_FORBIDDEN")
		for body, code := range map[string]string{`{}`: "M_MISSING_PARAM", `{"presence":"away"}`: "M_INVALID_PARAM", `{"presence":1}`: "M_BAD_JSON",
			`{"Presence":"online"}`: "M_MISSING_PARAM", `{"presence":"online","status_msg":5}`: "M_BAD_JSON", `nonsense`: "M_NOT_JSON",
			`{"presence":"online","status_msg":"` + strings.Repeat("x", 513) + `"}`: "M_TOO_LARGE"} {
			alice.call("PUT", status(alice.id), body).refused(400, code)
		}
		s.is("nothing of it stays", *get(alice, alice.id).Status, "Busy")
	})
}

func TestWhoMeetsInARoomSeesEachOther(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, carol := s.registers("alice"), s.registers("bob"), s.registers("carol")
		room := alice.creates(map[string]any{"preset": "public_chat"})
		alice.isNow("online", "At home")
		bob.isNow("online", "New here")
		alice.hears()
		bob.hears()
		bob.joins(room)
		s.is("bob enters", alice.hears(), "bob online New here")
		s.is("and looks round", bob.hears(), "alice online At home, bob online New here")
		alice.hearsNothing("once is enough")
		bob.hearsNothing("once is enough")
		carol.joins(room)
		s.is("who was never there is not told of", bob.syncs("set_presence", "offline").presence(), "")
	})
}

func TestPresenceIsFiltered(t *testing.T) {
	each(t, func(s *server) {
		reader := s.registers("reader")
		room := reader.creates(map[string]any{"preset": "public_chat"})
		var people []*person
		for i := range 3 {
			p := s.registers(fmt.Sprint("p", i))
			p.joins(room)
			people = append(people, p)
		}
		reader.hears()
		for _, p := range people {
			p.isNow("online", "")
			s.passes(time.Second)
		}
		since := reader.since
		with := func(f string) string {
			reader.since = since
			return reader.syncs("set_presence", "offline", "filter", `{"presence":`+f+`}`).presence()
		}
		s.is("all", with(`{}`), "p0 online, p1 online, p2 online")
		s.is("types", with(`{"types":["m.room.*"]}`), "")
		s.is("not types", with(`{"not_types":["m.pres*"]}`), "")
		s.is("senders", with(`{"senders":["`+people[1].id+`"]}`), "p1 online")
		s.is("not senders", with(`{"not_senders":["`+people[1].id+`"]}`), "p0 online, p2 online")
		s.is("the newest two", with(`{"limit":2}`), "p1 online, p2 online")
		s.is("none", with(`{"limit":0}`), "")
		reader.call("PUT", "/user/"+reader.id+"/account_data/m.ignored_user_list", map[string]any{"ignored_users": map[string]any{people[0].id: map[string]any{}}}).ok(nil)
		s.is("but who is ignored", with(`{}`), "p1 online, p2 online")
		since = ""
		s.is("but who is ignored, at first", with(`{}`), "p1 online, p2 online")
	})
}

func TestARestartForgetsWhoIsThereAndKeepsWhatTheySaid(t *testing.T) {
	each(t, func(s *server) {
		alice, bob := s.registers("alice"), s.registers("bob")
		bob.joins(alice.creates(map[string]any{"preset": "public_chat"}))
		alice.isNow("online", "On holiday")
		s.is("before", bob.hears(), "alice online On holiday")
		s.passes(10 * time.Second)
		s.restarts()
		s.passes(10 * time.Second)
		s.is("after", bob.hears(), "alice offline On holiday")
		bob.hearsNothing("it is told once")
		var got struct {
			Ago int64 `json:"last_active_ago"`
		}
		bob.call("GET", status(alice.id), nil).ok(&got)
		if got.Ago < 20_000 || got.Ago > 80_000 {
			t.Errorf("active %d ms ago", got.Ago)
		}
		alice.syncs()
		s.is("she is back", bob.hears(), "alice online On holiday")

		s.cfg.Presence.Enabled = false
		s.restarts()
		alice.isNow("online", "Nobody listens")
		alice.syncs()
		bob.hearsNothing("presence is off")
		s.is("presence is off", string(bob.call("GET", status(alice.id), nil).body), `{"presence":"offline"}`)
	})
}

func TestOnlyWhatIsSeenEndsTheWaiting(t *testing.T) {
	each(t, func(s *server) {
		reader, alice, pest, carol := s.registers("reader"), s.registers("alice"), s.registers("pest"), s.registers("carol")
		room := reader.creates(map[string]any{"preset": "public_chat"})
		for _, p := range []*person{alice, pest, carol} {
			p.joins(room)
		}
		stranger := s.registers("stranger")
		reader.call("PUT", "/user/"+reader.id+"/account_data/m.ignored_user_list", map[string]any{"ignored_users": map[string]any{pest.id: map[string]any{}}}).ok(nil)
		reader.hears()
		carol.hears()
		done := make(chan string)
		go func() {
			done <- reader.syncs("timeout", "60000", "filter", `{"presence":{"not_senders":["`+reader.id+`"]}}`).presence()
		}()
		s.is("the reader waits", carol.hears(), "reader online")
		pest.isNow("online", "Look at me")
		stranger.isNow("online", "")
		s.is("others hear it", carol.hears(), "pest online Look at me")
		alice.isNow("online", "")
		s.is("what the reader waited for", <-done, "alice online")
	})
}
