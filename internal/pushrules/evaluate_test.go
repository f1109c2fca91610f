package pushrules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/internal/event"
)

// of loads an event as storage does; room version 1, so that its id may be anything.
func of(t testing.TB, text string) *event.Event {
	t.Helper()
	base := `{"auth_events":[],"content":{},"depth":1,"event_id":"$e:x","hashes":{"sha256":""},"origin_server_ts":1,"prev_events":[],"room_id":"!r:x","sender":"@a:x","signatures":{},"type":"m.room.message"}`
	var m, more map[string]json.RawMessage
	for _, p := range []struct {
		text string
		into *map[string]json.RawMessage
	}{{base, &m}, {text, &more}} {
		if err := json.Unmarshal([]byte(p.text), p.into); err != nil {
			t.Fatal(err)
		}
	}
	for k, v := range more {
		m[k] = v
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Load("1", "$e:x", raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestConditions has, for each kind of condition, what holds and what does not
// ("Conditions", client-server API).
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		cond, event string
		holds       bool
	}{
		{`{"kind":"event_match","key":"content.topic","pattern":"lunc?*"}`, `{"content":{"topic":"Lunch plans"}}`, true},
		{`{"kind":"event_match","key":"content.topic","pattern":"lunc?*"}`, `{"content":{"topic":"LUNCH"}}`, true},
		{`{"kind":"event_match","key":"content.topic","pattern":"lunc?*"}`, `{"content":{"topic":" lunch"}}`, false},
		{`{"kind":"event_match","key":"content.topic","pattern":"lunc?*"}`, `{"content":{"topic":"lunc"}}`, false},
		{`{"kind":"event_match","key":"content.topic","pattern":"*"}`, `{"content":{"topic":null}}`, false},
		{`{"kind":"event_match","key":"content.topic","pattern":"*"}`, `{"content":{}}`, false},
		{`{"kind":"event_match","key":"content.topic","pattern":"a.c"}`, `{"content":{"topic":"abc"}}`, false},
		{`{"kind":"event_match","key":"content.body","pattern":"ex*ple"}`, `{"content":{"body":"An example event."}}`, true},
		{`{"kind":"event_match","key":"content.body","pattern":"ex*ple"}`, `{"content":{"body":"exple"}}`, true},
		{`{"kind":"event_match","key":"content.body","pattern":"ex*ple"}`, `{"content":{"body":"An exciting triple-whammy"}}`, true},
		{`{"kind":"event_match","key":"content.body","pattern":"ex*ple"}`, `{"content":{"body":"An exciting triplet"}}`, false},
		{`{"kind":"event_match","key":"content.body","pattern":"cake"}`, `{"content":{"body":"pancake"}}`, false},
		{`{"kind":"event_match","key":"content.body","pattern":"cake"}`, `{"content":{"body":"pancake, cake"}}`, true},
		{`{"kind":"event_match","key":"content.body","pattern":"cake"}`, `{"content":{"body":"cake_"}}`, false},
		{`{"kind":"event_match","key":"content.body","pattern":"cake"}`, `{"content":{"body":"écake"}}`, true},
		{`{"kind":"event_match","key":"state_key","pattern":""}`, `{"state_key":""}`, true},
		{`{"kind":"event_match","key":"state_key","pattern":""}`, `{}`, false},
		{`{"kind":"event_match","key":"room_id","pattern":"!r:x"}`, `{}`, true},
		{`{"kind":"event_match","key":"content","pattern":"*"}`, `{}`, false},
		{`{"kind":"event_match","key":"content.m\\.x.y\\\\z","pattern":"v"}`, `{"content":{"m.x":{"y\\z":"v"}}}`, true},
		{`{"kind":"event_match","key":"content.m.x","pattern":"v"}`, `{"content":{"m.x":"v"}}`, false},
		{`{"kind":"event_property_is","key":"content.m\\.federate","value":true}`, `{"content":{"m.federate":true}}`, true},
		{`{"kind":"event_property_is","key":"content.m\\.federate","value":true}`, `{"content":{"m.federate":"true"}}`, false},
		{`{"kind":"event_property_is","key":"content.m\\.federate","value":true}`, `{"content":{"m.federate":1}}`, false},
		{`{"kind":"event_property_is","key":"content.n","value":null}`, `{"content":{"n":null}}`, true},
		{`{"kind":"event_property_is","key":"content.n","value":null}`, `{"content":{}}`, false},
		{`{"kind":"event_property_is","key":"content.n","value":7}`, `{"content":{"n":7}}`, true},
		{`{"kind":"event_property_is","key":"content.n","value":"A"}`, `{"content":{"n":"a"}}`, false},
		{`{"kind":"event_property_is","key":"content.n","value":{}}`, `{"content":{"n":{}}}`, false},
		{`{"kind":"event_property_contains","key":"content.l","value":"#b:x"}`, `{"content":{"l":["#a:x",1,"#b:x"]}}`, true},
		{`{"kind":"event_property_contains","key":"content.l","value":":x"}`, `{"content":{"l":["#a:x"]}}`, false},
		{`{"kind":"event_property_contains","key":"content.l","value":"a"}`, `{"content":{"l":"a"}}`, false},
		{`{"kind":"contains_display_name"}`, `{"content":{"body":"hi mr. bob!"}}`, true},
		{`{"kind":"contains_display_name"}`, `{"content":{"body":"hi mr. bobby"}}`, false},
		{`{"kind":"room_member_count","is":"2"}`, `{}`, false},
		{`{"kind":"room_member_count","is":"==3"}`, `{}`, true},
		{`{"kind":"room_member_count","is":">=3"}`, `{}`, true},
		{`{"kind":"room_member_count","is":"<3"}`, `{}`, false},
		{`{"kind":"room_member_count","is":"<=3"}`, `{}`, true},
		{`{"kind":"room_member_count","is":">3"}`, `{}`, false},
		{`{"kind":"room_member_count","is":"=<3"}`, `{}`, false},
		{`{"kind":"room_member_count","is":"many"}`, `{}`, false},
		{`{"kind":"sender_notification_permission","key":"room"}`, `{}`, true},
		{`{"kind":"sender_notification_permission","key":"moon"}`, `{}`, false},
		{`{"kind":"from_the_future"}`, `{}`, false},
	} {
		var changes Changes
		acts := []json.RawMessage{json.RawMessage(`"notify"`)}
		if err := changes.Put(Override, "mine", New{Actions: &acts, Conditions: []json.RawMessage{json.RawMessage(c.cond)}}, "", ""); err != nil {
			t.Fatal(err)
		}
		f := &Facts{Event: of(t, c.event), Members: 3, MayNotify: func(k string) bool { return k == "room" },
			DisplayName: func(string) string { return "Mr. Bob" }}
		if got := Compile("@bob:x", changes.Effective("@bob:x")).Outcome(f).Rule == "mine"; got != c.holds {
			t.Errorf("%s of %s: %v", c.cond, c.event, got)
		}
	}
}

// TestPredefinedRules says which predefined rule decides on what.
func TestPredefinedRules(t *testing.T) {
	for text, want := range map[string]string{
		`{"content":{"body":"x","msgtype":"m.text"}}`:                                                ".m.rule.message notify",
		`{"type":"m.room.encrypted"}`:                                                                ".m.rule.encrypted notify",
		`{"type":"m.call.invite"}`:                                                                   ".m.rule.call notify ring",
		`{"content":{"msgtype":"m.notice"}}`:                                                         ".m.rule.suppress_notices",
		`{"type":"m.room.member","state_key":"@bob:x","content":{"membership":"invite"}}`:            ".m.rule.invite_for_me notify default",
		`{"type":"m.room.member","state_key":"@eve:x","content":{"membership":"invite"}}`:            ".m.rule.member_event",
		`{"content":{"m.mentions":{"user_ids":["@bob:x"]}}}`:                                         ".m.rule.is_user_mention notify highlight default",
		`{"content":{"m.mentions":{"room":true}}}`:                                                   ".m.rule.is_room_mention notify highlight",
		`{"type":"m.room.tombstone","state_key":""}`:                                                 ".m.rule.tombstone notify highlight",
		`{"type":"m.reaction"}`:                                                                      ".m.rule.reaction",
		`{"type":"m.room.server_acl","state_key":""}`:                                                ".m.rule.room.server_acl",
		`{"content":{"m.relates_to":{"rel_type":"m.replace"}}}`:                                      ".m.rule.suppress_edits",
		`{"content":{"m.relates_to":{"rel_type":"m.replace"},"m.mentions":{"user_ids":["@bob:x"]}}}`: ".m.rule.is_user_mention notify highlight default",
		`{"type":"m.room.topic","state_key":""}`:                                                     "",
		`{"content":{"body":"hello bob"}}`:                                                           ".m.rule.message notify",
	} {
		f := &Facts{Event: of(t, text), Members: 3, MayNotify: func(string) bool { return true }}
		if got := said(Compile("@bob:x", (&Changes{}).Effective("@bob:x")).Outcome(f)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	two := &Facts{Event: of(t, `{}`), Members: 2}
	if got := said(Compile("@bob:x", (&Changes{}).Effective("@bob:x")).Outcome(two)); got != ".m.rule.room_one_to_one notify default" {
		t.Error(got)
	}
}

func said(o Outcome) string {
	words := []string{o.Rule}
	if o.Notify {
		words = append(words, "notify")
	}
	if o.Highlight {
		words = append(words, "highlight")
	}
	if o.Sound != "" {
		words = append(words, o.Sound)
	}
	return strings.Join(words, " ")
}

// TestMentionsInTheBody are the rules of before version 1.17, where the server has them.
func TestMentionsInTheBody(t *testing.T) {
	c, err := Parse(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	rules := Compile("@bob:x", c.Effective("@bob:x"))
	for text, want := range map[string]string{
		`{"content":{"body":"hello Bob!"}}`:                 ".m.rule.contains_user_name notify highlight default",
		`{"content":{"body":"hello Robert"}}`:               ".m.rule.contains_display_name notify highlight default",
		`{"content":{"body":"@room come"}}`:                 ".m.rule.roomnotif notify highlight",
		`{"content":{"body":"hello Bob!","m.mentions":{}}}`: ".m.rule.message notify",
		`{"content":{"body":"nobody here"}}`:                ".m.rule.message notify",
	} {
		f := &Facts{Event: of(t, text), Members: 3, MayNotify: func(string) bool { return true }, DisplayName: func(string) string { return "Robert" }}
		if got := said(rules.Outcome(f)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestModes(t *testing.T) {
	none := []json.RawMessage{}
	rule := func(fn func(*Changes)) Mode {
		c := Changes{}
		fn(&c)
		return Compile("@bob:x", c.Effective("@bob:x")).ModeOf("!r:x")
	}
	in := func(room string) []json.RawMessage {
		return []json.RawMessage{json.RawMessage(`{"kind":"event_match","key":"room_id","pattern":"` + room + `"}`)}
	}
	for name, c := range map[string]struct {
		got, want Mode
	}{
		"no changes":      {rule(func(*Changes) {}), Normal},
		"mentions only":   {rule(func(c *Changes) { _ = c.Put(Room, "!r:x", New{Actions: &none}, "", "") }), Quiet},
		"another room":    {rule(func(c *Changes) { _ = c.Put(Room, "!s:x", New{Actions: &none}, "", "") }), Normal},
		"mute":            {rule(func(c *Changes) { _ = c.Put(Override, "m", New{Actions: &none, Conditions: in("!r:x")}, "", "") }), Mute},
		"mute of another": {rule(func(c *Changes) { _ = c.Put(Override, "m", New{Actions: &none, Conditions: in("!s:x")}, "", "") }), Normal},
		"all off":         {rule(func(c *Changes) { _ = c.SetEnabled(Override, master, true) }), Mute},
		"messages off": {rule(func(c *Changes) {
			_ = c.SetEnabled(Underride, ".m.rule.message", false)
			_ = c.SetActions(Underride, ".m.rule.encrypted", nil)
		}), Quiet},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
}

// TestHardening_C05_NoPatternIsSlow: rules are the user's, and bodies anybody's.
func TestHardening_C05_NoPatternIsSlow(t *testing.T) {
	body := strings.Repeat("a", 60000)
	e := of(t, `{"content":{"body":"`+body+`"}}`)
	for _, p := range []string{strings.Repeat("a*", 200) + "b", strings.Repeat("?", 400) + "b", strings.Repeat("*", 1000), strings.Repeat("a", 500)} {
		var c Changes
		if err := c.Put(Content, "mine", New{Actions: &[]json.RawMessage{}, Pattern: &p}, "", ""); err != nil {
			t.Fatal(err)
		}
		rules := Compile("@bob:x", c.Effective("@bob:x"))
		start := time.Now()
		rules.Outcome(&Facts{Event: e, Members: 3})
		// A backtracking matcher takes longer than the age of the universe.
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%.20s…: %s", p, d)
		}
	}
}

// BenchmarkRoom applies the rules of many users with rules of their own to one event.
func BenchmarkRoom(b *testing.B) {
	var people []*Compiled
	for i := range 5000 {
		var c Changes
		p := fmt.Sprintf("word%d", i)
		acts := []json.RawMessage{json.RawMessage(`"notify"`)}
		if err := c.Put(Content, "mine", New{Actions: &acts, Pattern: &p}, "", ""); err != nil {
			b.Fatal(err)
		}
		user := fmt.Sprintf("@u%d:x", i)
		people = append(people, Compile(user, c.Effective(user)))
	}
	e := of(b, `{"content":{"body":"a message of a usual length, with nothing in it that anybody waits for","msgtype":"m.text"}}`)
	b.ResetTimer()
	for range b.N {
		f := &Facts{Event: e, Members: 5000}
		for _, p := range people {
			p.Outcome(f)
		}
	}
}
