package stateres

import (
	"maps"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// F18: an event that was rejected does not come into the state through another
// that names it, nor from a server that has it in its state.
func TestHardening_F18_ARejectedEventNeverComesIntoTheState(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		// dave makes himself an administrator on a state that he made up.
		lie := maps.Clone(w.after[at])
		made := w.on(lie, "m.room.power_levels", "", alice, w.levels(map[string]int{dave: 100}), []string{at})
		w.rejected[made.ID()] = true
		lie[levelsKey] = made.ID()
		later := w.on(lie, "m.room.topic", "", dave, `{"topic":"mine"}`, []string{at})
		honest := w.state("m.room.topic", "", charlie, `{"topic":"honest"}`, at)
		got := w.merged(later, honest)
		if got[levelsKey] == made.ID() {
			t.Errorf("v%s: it is the room's levels", v)
		}
		w.is(got, topicKey, honest)
		for k, e := range got {
			if w.rejected[e] {
				t.Errorf("v%s: %v is rejected", v, k)
			}
		}
	}
}

// F18: nor does it lend its power to an event that names it, where no state has an
// entry to be judged by instead.
func TestHardening_F18_ARejectedAuthEventLendsNothing(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		s := w.after[at]
		made := w.on(s, "m.room.power_levels", "", alice, w.levels(map[string]int{dave: 100}), []string{at})
		w.rejected[made.ID()] = true
		believed := maps.Clone(s)
		believed[levelsKey] = made.ID()
		honest := w.state("m.room.topic", "", charlie, `{"topic":"honest"}`, at)
		later := w.build(believed, "m.room.topic", "", dave, `{"topic":"mine"}`, []string{at})
		w.keep(later, s)
		w.is(w.merged(later, honest), topicKey, honest)
	}
}

// Problem A of MSC4297: both sides know of the newer join rules and that alice, who
// made them, has left; one believes the older rules. Begun from what both agree on,
// none of alice's rules is allowed, and the room has none.
func TestHardening_F25_ProblemAKeepsTheJoinRules(t *testing.T) {
	for _, v := range []event.Version{"11", "12"} {
		w := newWorld(t, v)
		old := w.after[w.tip()][rulesKey]
		newer := w.state("m.room.join_rules", "", alice, `{"join_rule":"invite"}`)
		left := w.member(alice, alice, "leave")
		outdated := maps.Clone(w.after[left.ID()])
		outdated[rulesKey] = old
		got := w.resolve(w.after[left.ID()], outdated)
		if v == "11" {
			w.is(got, rulesKey, nil) // the reset that version 12 is there for
			continue
		}
		w.is(got, rulesKey, newer)
		w.is(got, memberKey(alice), left)
	}
}

// Problem B of MSC4297: alice makes bob an administrator and bob charlie; one side
// believes the levels before both, but rests on the last. What lies between is
// in everybody's auth chain and so in no difference, and without it bob had no
// right to make charlie one.
func TestHardening_F25_ProblemBKeepsThePowerLevels(t *testing.T) {
	for _, v := range []event.Version{"11", "12"} {
		w := newWorld(t, v)
		first := w.after[w.tip()][levelsKey]
		w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 100}))
		third := w.state("m.room.power_levels", "", bob, w.levels(map[string]int{bob: 100, charlie: 100}))
		eve := w.member("@eve:e.test", "@eve:e.test", "join")
		outdated := maps.Clone(w.after[eve.ID()])
		outdated[levelsKey] = first
		zara := w.on(outdated, "m.room.member", "@zara:z.test", "@zara:z.test", `{"membership":"join"}`, []string{eve.ID()})
		got := w.resolve(w.after[eve.ID()], w.after[zara.ID()])
		if v == "11" {
			w.is(got, levelsKey, w.events[first]) // the reset
			continue
		}
		w.is(got, levelsKey, third)
		w.is(got, memberKey("@zara:z.test"), zara)
	}
}
