package authrules

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// authOf are the events that e names, out of a room's state and others.
func authOf(r *rig, e *event.Event, others ...*event.Event) []*event.Event {
	var out []*event.Event
	for _, id := range e.Auth() {
		for _, s := range r.state {
			if s.ID() == id {
				out = append(out, s)
			}
		}
		for _, o := range others {
			if o.ID() == id {
				out = append(out, o)
			}
		}
	}
	return out
}

// naming adds to an event's auth events.
func naming(more ...*event.Event) func(*event.Template) {
	return func(t *event.Template) {
		for _, e := range more {
			t.AuthEvents = append(t.AuthEvents, e.Ref())
		}
	}
}

func ruleOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return fmt.Sprint(err)
}

// Rule 3 (2 before version 12), clause by clause.
func TestHardening_F16_AuthEventsAreThoseOfTheSelection(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		rule := func(n string) string { return "v" + string(v) + "/" + clause(event.RulesOf(v), n) }
		r := newRig(t, v)
		topic := r.put("m.room.topic", "", bob, `{}`)
		said := r.message(bob)
		oldLevels := r.levels(`{"users":{"` + bob + `":50}}`)
		r.levels(`{"ban":50,"users":{"` + bob + `":50}}`)
		for _, c := range []struct {
			story string
			e     *event.Event
			want  string
		}{
			{"a message on the state", r.message(bob), "<nil>"},
			{"a join by invite", func() *event.Event { r.member(dan, "invite"); return r.membership(dan, dan, "join") }(), "<nil>"},
			{"two power levels", r.build("m.room.message", nil, bob, `{}`, naming(oldLevels)), rule("3.1")},
			{"the same event twice", r.build("m.room.message", nil, bob, `{}`, naming(r.state.Get("m.room.member", bob))), rule("3.1")},
			{"another's membership", r.build("m.room.message", nil, bob, `{}`, naming(r.state.Get("m.room.member", carol))), rule("3.2")},
			{"join rules for a message", r.build("m.room.message", nil, bob, `{}`, naming(r.state.Get("m.room.join_rules", ""))), rule("3.2")},
			{"a topic", r.build("m.room.message", nil, bob, `{}`, naming(topic)), rule("3.2")},
			{"no state at all", r.build("m.room.message", nil, bob, `{}`, naming(said)), rule("3.2")},
		} {
			if got := ruleOf(CheckAuthEvents(c.e, authOf(r, c.e, oldLevels, said), nil)); got != c.want {
				t.Errorf("v%s: %s: %s, want %s", v, c.story, got, c.want)
			}
		}
		create := r.build("m.room.message", nil, bob, `{}`, func(t *event.Template) { t.AuthEvents = nil })
		if got, want := ruleOf(CheckAuthEvents(create, nil, nil)), "v"+string(v)+"/2.4"; got != want && v != "12" {
			t.Errorf("v%s: without a create event: %s, want %s", v, got, want)
		}
		if v == "12" {
			e := r.build("m.room.message", nil, bob, `{}`, naming(r.create))
			if got := ruleOf(CheckAuthEvents(e, authOf(r, e), nil)); got != "v12/3.2" {
				t.Errorf("v12 with a create event: %s", got)
			}
		}
		if e := r.message(bob); CheckAuthEvents(e, authOf(r, e)[1:], nil) == nil {
			t.Errorf("v%s: one that was not found is passed over", v)
		}
	}
}

func TestNeededIsTheSelectionOfTheSpecification(t *testing.T) {
	create, levels, join := Tuple{"m.room.create", ""}, Tuple{"m.room.power_levels", ""}, Tuple{"m.room.join_rules", ""}
	of := func(u string) Tuple { return Tuple{"m.room.member", u} }
	for _, c := range []struct {
		kind    string
		key     *string
		content string
		want    []Tuple
	}{
		{"m.room.create", str(""), `{}`, nil},
		{"m.room.message", nil, `{}`, []Tuple{create, levels, of(bob)}},
		{"m.room.member", str(bob), `{"membership":"join"}`, []Tuple{create, levels, of(bob), join}},
		{"m.room.member", str(bob), `{"membership":"knock"}`, []Tuple{create, levels, of(bob), join}},
		{"m.room.member", str(bob), `{"membership":"leave"}`, []Tuple{create, levels, of(bob)}},
		{"m.room.member", str(dan), `{"membership":"ban"}`, []Tuple{create, levels, of(bob), of(dan)}},
		{"m.room.member", str(dan), `{"membership":"invite"}`, []Tuple{create, levels, of(bob), of(dan), join}},
		{"m.room.member", str(dan), `{"membership":"invite","third_party_invite":{"signed":{"token":"t"}}}`,
			[]Tuple{create, levels, of(bob), of(dan), join, {"m.room.third_party_invite", "t"}}},
		{"m.room.member", str(bob), `{"join_authorised_via_users_server":"` + ann + `","membership":"join"}`, []Tuple{create, levels, of(bob), join, of(ann)}},
		{"m.room.member", str(bob), `{"join_authorised_via_users_server":"` + bob + `","membership":"join"}`, []Tuple{create, levels, of(bob), join}},
		{"m.room.member", str(bob), `{"join_authorised_via_users_server":"` + ann + `","membership":"leave"}`, []Tuple{create, levels, of(bob)}},
	} {
		for _, v := range versionsFrom(1, 0) {
			r := event.RulesOf(v)
			want := slices.Clone(c.want)
			if r.RoomIDFromCreate {
				want = slices.DeleteFunc(want, func(t Tuple) bool { return t == create })
			}
			if !r.Restricted {
				want = slices.DeleteFunc(want, func(t Tuple) bool { return t == of(ann) })
			}
			if got := NeededFor(r, c.kind, c.key, bob, []byte(c.content)); !slices.Equal(got, want) {
				t.Errorf("v%s: %s %s: %v, want %v", v, c.kind, c.content, got, want)
			}
		}
	}
}
