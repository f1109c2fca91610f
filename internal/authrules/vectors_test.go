package authrules

import (
	"errors"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// vector is one event and what a rule says to it, in a range of room versions.
type vector struct {
	rule     string // its number in room version 12
	story    string
	ok       bool
	from, to int    // room versions; 0 is no bound
	library  string // why gomatrixserverlib says otherwise, "" when it agrees
	event    func(r *rig) *event.Event
}

func yes(rule, story string, e func(r *rig) *event.Event) vector {
	return vector{rule: rule, story: story, ok: true, event: e}
}

func no(rule, story string, e func(r *rig) *event.Event) vector {
	return vector{rule: rule, story: story, event: e}
}

func (v vector) in(from, to int) vector { v.from, v.to = from, to; return v }

func (v vector) unlike(why string) vector { v.library = why; return v }

// by is an event that somebody sends with a membership; with sets the stage.
func by(sender, target, membership string, stage ...func(r *rig)) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		for _, s := range stage {
			s(r)
		}
		return r.membership(sender, target, membership)
	}
}

func was(user, membership string) func(r *rig) { return func(r *rig) { r.member(user, membership) } }

func joinable(rule string) func(r *rig) { return func(r *rig) { r.joinRule(rule) } }

func allVectors() []vector {
	var all []vector
	for _, table := range [][]vector{createVectors, memberVectors, inviteVectors, sendVectors, levelVectors} {
		all = append(all, table...)
	}
	return all
}

// Every numbered rule has somebody whom it lets through and two whom it does not,
// in every room version in which it says something.
func TestHardening_F16_EveryRuleAllowsAndRefusesInEveryVersion(t *testing.T) {
	n := 0
	for _, v := range allVectors() {
		for _, version := range versionsFrom(v.from, v.to) {
			n++
			t.Run("v"+string(version)+"/"+v.rule+"/"+v.story, func(t *testing.T) { v.run(t, version) })
		}
	}
	if n < 400 {
		t.Errorf("%d vectors, want 400", n)
	}
	t.Logf("%d vectors", n)
}

// onlyAllow are the rules that refuse nothing themselves: those after them do.
var onlyAllow = map[string]bool{"5.3.1": true, "5.3.6": true, "10.5": true}

func (v vector) run(t *testing.T, version event.Version) {
	r := newRig(t, version)
	e := v.event(r)
	err := Check(e, r.state, nil)
	if (err == nil) != v.ok {
		t.Errorf("Check: %v, want allowed %t", err, v.ok)
	}
	var refusal *Refusal
	if err != nil && (!errors.As(err, &refusal) || refusal.Reason == "" || !strings.HasPrefix(refusal.Rule, "v"+string(version)+"/")) {
		t.Errorf("refused with %#v", err)
	}
	if err != nil && !v.ok && version == "12" && !onlyAllow[v.rule] && !strings.HasPrefix(refusal.Rule+".", "v12/"+v.rule+".") {
		t.Errorf("refused by rule %s, want %s", refusal.Rule, v.rule)
	}
	if cached, err := ParsePowerLevels(r.state.Get("m.room.power_levels", ""), r.create); err == nil {
		if got := Check(e, r.state, cached) == nil; got != v.ok {
			t.Errorf("with power levels parsed before: allowed %t", got)
		}
	}
}

// The library is the second opinion. Where it differs, the vector says why.
func TestGomatrixserverlibAgreesOrIsKnownToDiffer(t *testing.T) {
	for _, v := range allVectors() {
		for _, version := range versionsFrom(v.from, v.to) {
			r := newRig(t, version)
			e := v.event(r)
			err := libraryAllows(e, r.state)
			if v.library == "" && (err == nil) != v.ok {
				t.Errorf("v%s/%s %s: the library says %v, want allowed %t", version, v.rule, v.story, err, v.ok)
			}
		}
	}
}

func TestEveryRuleOfVersion12HasVectors(t *testing.T) {
	accepts, refuses := map[string]int{}, map[string]int{}
	for _, v := range allVectors() {
		if v.to != 0 && v.to < 12 {
			continue
		}
		for rule := v.rule; ; rule = rule[:strings.LastIndexByte(rule, '.')] {
			if v.ok {
				accepts[rule]++
			} else {
				refuses[rule]++
			}
			if !strings.Contains(rule, ".") {
				break
			}
		}
	}
	for _, rule := range []string{"1.1", "1.3", "1.4", "2", "4", "5.1", "5.2", "5.3.1", "5.3.2", "5.3.3", "5.3.4", "5.3.5",
		"5.3.6", "5.3.7", "5.4.1.1", "5.4.1.2", "5.4.1.3", "5.4.1.4", "5.4.1.5", "5.4.1.6", "5.4.1.8", "5.4.2", "5.4.3", "5.4.5",
		"5.5.1", "5.5.2", "5.5.3", "5.5.5", "5.6.1", "5.6.3", "5.7.1", "5.7.2", "5.7.4", "5.8", "6", "7", "8", "9",
		"10.1", "10.2", "10.3", "10.4", "10.5", "10.6.1", "10.6.2", "10.7", "10.8", "10.9", "10.10"} {
		if accepts[rule] < 1 || refuses[rule] < 2 {
			t.Errorf("rule %s: %d allowed and %d refused, want 1 and 2", rule, accepts[rule], refuses[rule])
		}
	}
}

func TestARefusalHasTheNumberOfItsOwnRoomVersion(t *testing.T) {
	for _, c := range []struct{ version, rule, want string }{
		{"12", "5.3.4", "5.3.4"}, {"12", "10.10.1", "10.10.1"}, {"11", "4", "3"}, {"11", "3.2", "2.2"}, {"11", "5.3.5.2", "4.3.5.2"},
		{"11", "6", "5"}, {"11", "10.3", "9.3"}, {"11", "10.5", "9.4"}, {"10", "10.10.1", "9.9.1"}, {"10", "10.2", "9.2"},
		{"9", "10.3", "9.1"}, {"9", "10.6.2", "9.3.2"}, {"8", "5.2.1", "4.2.1"}, {"8", "5.3.7", "4.3.7"}, {"7", "5.3.7", "4.2.6"},
		{"7", "5.7.1", "4.6.1"}, {"7", "5.8", "4.7"}, {"6", "5.8", "4.6"}, {"6", "5.4.1.8", "4.3.1.8"}, {"6", "8", "7"},
		{"5", "5.3.7", "5.2.6"}, {"5", "5.8", "5.6"}, {"5", "4", "3"}, {"1", "6", "6"}, {"1", "10.10.1", "10.7.1"}, {"1", "10.9.1", "10.6.1"},
		{"1", "1.2", "1.2"}, {"1", "3.5", "2.5"},
	} {
		if got := clause(event.RulesOf(event.Version(c.version)), c.rule); got != c.want {
			t.Errorf("rule %s in version %s is %s, want %s", c.rule, c.version, got, c.want)
		}
	}
}
