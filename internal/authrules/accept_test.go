package authrules

import (
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// F17: nothing of another room gives power in this one.
func TestHardening_F17_AnotherRoomsEventsAuthoriseNothing(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r, evil := newRig(t, v), newRig(t, v)
		if v == "12" {
			evil.ts += 500 // another create event, and so another room
		} else {
			evil.room = "!evil:a.test"
		}
		evil.begin(`{"room_version":"` + string(v) + `","x":1}`)
		evil.levels(`{"users":{"` + dan + `":100}}`)
		evil.member(dan, "join")
		foreign := []*event.Event{evil.state.Get("m.room.power_levels", ""), evil.state.Get("m.room.member", dan)}
		for _, auth := range [][]*event.Event{foreign, foreign[:1], foreign[1:]} {
			e := r.build("m.room.topic", str(""), dan, `{}`, func(t *event.Template) {
				t.AuthEvents = nil
				if v != "12" {
					t.AuthEvents = []event.EventRef{r.create.Ref()}
				}
			}, naming(auth...))
			j := Accept(e, authOf(r, e, auth...), nil, r.state, r.state)
			if !j.Rejected() {
				t.Errorf("v%s: allowed by %d events of another room", v, len(auth))
			}
			if got := ruleOf(CheckAuthEvents(e, authOf(r, e, auth...), nil)); got != "v"+string(v)+"/"+clause(r.r, "3.5") {
				t.Errorf("v%s: %s", v, got)
			}
		}
	}
}

// F18: what rests on a rejected event is rejected, so that it cannot come back
// through what names it later.
func TestHardening_F18_WhatRestsOnARejectedEventIsRejected(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		bad := r.build("m.room.power_levels", str(""), carol, `{"users":{"`+carol+`":100}}`)
		if !Accept(bad, authOf(r, bad), nil, r.state, r.state).Rejected() {
			t.Fatalf("v%s: carol makes herself an administrator", v)
		}
		rejected := func(id string) bool { return id == bad.ID() }
		honest := r.state[Tuple{"m.room.power_levels", ""}]
		r.state[Tuple{"m.room.power_levels", ""}] = bad
		later := r.build("m.room.topic", str(""), carol, `{}`)
		auth := authOf(r, later)
		r.state[Tuple{"m.room.power_levels", ""}] = honest
		j := Accept(later, auth, rejected, nil, nil)
		if v != "12" && (!j.Rejected() || ruleOf(CheckAuthEvents(later, auth, rejected)) != "v"+string(v)+"/2.3") {
			t.Errorf("v%s: %v", v, j)
		}
		if j = AcceptOutlier(later, auth, rejected, r.create); !j.Rejected() || j.Reason() == "" {
			t.Errorf("v%s: an outlier that rests on it: %v", v, j)
		}
		if Accept(later, auth, func(string) bool { return false }, r.state, r.state).Rejected() == false {
			t.Errorf("v%s: the state before it does not count", v)
		}
	}
}

// F21: the four ways of forging a restricted join.
func TestHardening_F21_ARestrictedJoinCannotBeForged(t *testing.T) {
	const weak = "@weak:c.test"
	for _, v := range versionsFrom(8, 0) {
		stage := func() *rig {
			r := newRig(t, v)
			r.member(weak, "join")
			users := `"` + ann + `":100,"` + bob + `":50`
			r.levels(`{"invite":50,"users":{` + users + `}}`)
			r.joinRule("restricted")
			return r
		}
		for story, join := range map[string]func(r *rig) *event.Event{
			"vouched for by a user whose server did not sign":   vouchedFor(bob, erin),
			"vouched for by a user of ours who is not there":    vouchedFor("@nobody:c.test", erin),
			"vouched for by a user who may not invite":          vouchedFor(weak, erin),
			"vouched for in vain, in a public room":             vouchedFor(bob, erin, joinable("public")),
			"vouched for by oneself":                            vouchedFor(erin, erin),
			"vouched for by nobody":                             by(erin, erin, "join"),
			"vouched for by a member of the server, but banned": vouchedFor(weak, erin, was(erin, "ban")),
		} {
			r := stage()
			e := join(r)
			if j := Accept(e, authOf(r, e), nil, r.state, r.state); v != "12" && !j.Rejected() {
				t.Errorf("v%s: %s", v, story)
			}
			if Check(e, r.state, nil) == nil {
				t.Errorf("v%s: %s", v, story)
			}
		}
	}
}

// F22: the creation of a room is what it was, redacted or not; redactions that
// redact each other are two events; and in versions 1 and 2 another server's
// redaction is refused.
func TestHardening_F22_RedactionsTakeNothingAwayFromTheRules(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		redacted := r.create.Redact()
		if redacted.Rules() != r.r || redacted.ID() != r.create.ID() || redacted.Room() != r.room {
			t.Errorf("v%s: the redacted create event is another room's", v)
		}
		if err := Check(redacted, MapState{}, nil); err != nil {
			t.Errorf("v%s: the redacted create event: %v", v, err)
		}
		state := MapState{}
		for k, e := range r.state {
			state[k] = e.Redact()
		}
		for _, e := range []*event.Event{r.message(carol), r.build("m.room.topic", str(""), bob, `{}`), r.membership(bob, carol, "ban")} {
			if err := Check(e, state, nil); err != nil {
				t.Errorf("v%s: %s where all state is redacted: %v", v, e.Kind(), err)
			}
		}
		if Check(r.build("m.room.topic", str(""), carol, `{}`), state, nil) == nil {
			t.Errorf("v%s: redacted power levels open the room", v)
		}
	}
	for _, v := range versionsFrom(1, 2) {
		r := newRig(t, v)
		if Check(redacting(carol, "$x:a.test")(r), r.state, nil) == nil {
			t.Errorf("v%s: another server's event is redacted", v)
		}
		one := redacting(carol, "$two:c.test")(r)
		two := redacting(carol, one.ID())(r)
		if Check(one, r.state, nil) != nil || Check(two, r.state, nil) != nil {
			t.Errorf("v%s: own redactions", v)
		}
	}
}

// F25: in version 12 a room has the one create event that its id names; before,
// a second one is soft-failed.
func TestHardening_F25_ARoomHasOneCreateEvent(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		other := newRig(t, v)
		other.room = r.room
		other.begin(`{"room_version":"` + string(v) + `","x":2}`)
		if v == "12" {
			if other.create.Room() == r.room {
				t.Fatal("two create events, one room")
			}
			s := r.state
			s[Tuple{"m.room.create", ""}] = other.create
			if got := ruleOf(Check(r.message(bob), s, nil)); got != "v12/2" {
				t.Errorf("another create event in the state: %s", got)
			}
			continue
		}
		if j := Accept(other.create, nil, nil, MapState{}, r.state); j.Rejected() || !j.SoftFailed() {
			t.Errorf("v%s: rejected %t, soft-failed %t", v, j.Rejected(), j.SoftFailed())
		}
	}
}

func TestAcceptSaysWhichStepFailed(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		e := r.build("m.room.topic", str(""), bob, `{}`)
		auth := authOf(r, e)
		demoted := MapState{}
		for k, s := range r.state {
			demoted[k] = s
		}
		demoted[Tuple{"m.room.power_levels", ""}] = r.build("m.room.power_levels", str(""), alice, `{}`)
		for _, c := range []struct {
			story            string
			before, current  State
			rejected, failed bool
		}{
			{"all allow it", r.state, r.state, false, false},
			{"the state before it does not", demoted, r.state, true, false},
			{"the current state does not", r.state, demoted, false, true},
			{"neither does", demoted, demoted, true, false},
			{"of the past", r.state, nil, false, false},
			{"of the past, and wrong", demoted, nil, true, false},
		} {
			j := Accept(e, auth, nil, c.before, c.current)
			if j.Rejected() != c.rejected || j.SoftFailed() != c.failed || j.Event() != e || (j.Reason() != "") != (c.rejected || c.failed) {
				t.Errorf("v%s: %s: %+v", v, c.story, j)
			}
		}
		if j := AcceptOutlier(e, auth, nil, r.create); j.Rejected() {
			t.Errorf("v%s: an outlier: %s", v, j.Reason())
		}
		if j := AcceptOutlier(e, auth, nil, nil); j.Rejected() != (v == "12") {
			t.Errorf("v%s: an outlier of a room whose creation is unknown: %+v", v, j)
		}
		if AcceptOwn(e, r.state, nil).Rejected() || !AcceptOwn(e, demoted, nil).Rejected() {
			t.Errorf("v%s: an event of our own", v)
		}
	}
}
