package stateres

import (
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

var (
	levelsKey = Key{Kind: "m.room.power_levels"}
	rulesKey  = Key{Kind: "m.room.join_rules"}
	topicKey  = Key{Kind: "m.room.topic"}
)

func memberKey(u string) Key { return Key{Kind: "m.room.member", Key: u} }

// v2s are versions of the algorithms that order by power.
var v2s = []event.Version{"2", "6", "10", "11", "12"}

// fork is a room in which bob has 50 and charlie 50, and the event after which its
// branches begin.
func fork(t *testing.T, v event.Version) (*world, string) {
	w := newWorld(t, v)
	w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 50, charlie: 50}))
	w.state("m.room.topic", "", bob, `{"topic":"before"}`)
	return w, w.tip()
}

// is fails the test unless the resolved entry is the event; nil is none.
func (w *world) is(s state, k Key, want *event.Event) {
	w.t.Helper()
	id := ""
	if want != nil {
		id = want.ID()
	}
	if s[k] != id {
		w.t.Errorf("v%s: %v is not what it should be; resolved is\n%s", w.v, k, w.show(s))
	}
}

func (w *world) merged(tips ...*event.Event) state {
	var sets []state
	for _, e := range tips {
		sets = append(sets, w.after[e.ID()])
	}
	return w.resolve(sets...)
}

func TestABanUndoesWhatTheBannedDoMeanwhile(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		ban := w.member(alice, bob, "ban", at)
		topic := w.state("m.room.topic", "", bob, `{"topic":"still here"}`, at)
		got := w.merged(ban, topic)
		w.is(got, memberKey(bob), ban)
		if got[topicKey] == topic.ID() {
			t.Errorf("v%s: bob's topic stands", v)
		}
	}
}

func TestABanStandsAgainstAJoinOnAnotherBranch(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		ban := w.member(alice, dave, "ban", at)
		w.member(dave, dave, "leave", at)
		back := w.member(dave, dave, "join")
		w.is(w.merged(ban, back), memberKey(dave), ban)
	}
}

func TestWhoIsDemotedCannotBanMeanwhile(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		down := w.state("m.room.power_levels", "", alice, w.levels(map[string]int{charlie: 50}), at)
		ban := w.member(bob, dave, "ban", at)
		got := w.merged(down, ban)
		w.is(got, levelsKey, down)
		if got[memberKey(dave)] == ban.ID() {
			t.Errorf("v%s: the ban stands", v)
		}
	}
}

func TestOfTwoWhoDemoteEachOtherTheEarlierStands(t *testing.T) {
	for _, v := range v2s {
		for _, bobFirst := range []bool{true, false} {
			w := newWorld(t, v)
			open := `,"events":{"m.room.power_levels":50},`
			set := func(sender string, users map[string]int, at string, ts int64) *event.Event {
				w.nextTS = ts
				text := w.levels(users)
				return w.state("m.room.power_levels", "", sender, `{"ban":50`+open+text[1:], at)
			}
			set(alice, map[string]int{bob: 60, charlie: 60, dave: 50}, w.tip(), 0)
			at := w.tip()
			b, c := int64(5000), int64(6000)
			if !bobFirst {
				b, c = c, b
			}
			// Neither may lower an equal: each lowers dave and gives the
			// room another face.
			byBob := set(bob, map[string]int{bob: 60, charlie: 60}, at, b)
			byCharlie := set(charlie, map[string]int{bob: 60, charlie: 60, dave: 1}, at, c)
			// Both are allowed by what the other leaves: the later is on top.
			want := byCharlie
			if !bobFirst {
				want = byBob
			}
			w.is(w.merged(byBob, byCharlie), levelsKey, want)
			// Where they lower themselves, the first can no longer be undone.
			down := set(charlie, map[string]int{bob: 60, charlie: 0, dave: 50}, at, 7000)
			w.nextTS = 8000
			late := w.state("m.room.topic", "", charlie, `{"topic":"late"}`, at)
			if got := w.merged(down, late); got[topicKey] == late.ID() {
				t.Errorf("v%s: who stepped down still sets the topic", v)
			}
		}
	}
}

func TestTheMorePowerfulComesFirst(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		w.nextTS = 9000
		byAlice := w.state("m.room.power_levels", "", alice, w.levels(map[string]int{charlie: 50}), at)
		w.nextTS = 5000 // earlier, but of less power
		kick := w.member(bob, dave, "leave", at)
		got := w.merged(byAlice, kick)
		w.is(got, levelsKey, byAlice)
		if got[memberKey(dave)] == kick.ID() {
			t.Errorf("v%s: bob's kick comes before his demotion", v)
		}
	}
}

func TestPeopleWhoJoinAtTheSameTimeAreBothThere(t *testing.T) {
	for _, v := range algorithms {
		w, at := fork(t, v)
		one := w.member("@one:x.test", "@one:x.test", "join", at)
		two := w.member("@two:y.test", "@two:y.test", "join", at)
		got := w.merged(one, two)
		w.is(got, memberKey("@one:x.test"), one)
		w.is(got, memberKey("@two:y.test"), two)
	}
}

func TestWhoJoinsWhileTheRoomClosesIsOutside(t *testing.T) {
	for _, v := range v2s {
		w, at := fork(t, v)
		closed := w.state("m.room.join_rules", "", alice, `{"join_rule":"invite"}`, at)
		late := w.member("@late:x.test", "@late:x.test", "join", at)
		got := w.merged(closed, late)
		w.is(got, rulesKey, closed)
		w.is(got, memberKey("@late:x.test"), nil)
	}
}

func TestOfTwoTopicsTheOneOnNewerLevelsStands(t *testing.T) {
	for _, v := range []event.Version{"2", "6", "11"} {
		w, at := fork(t, v)
		w.nextTS = 9000
		old := w.state("m.room.topic", "", bob, `{"topic":"old levels, later clock"}`, at)
		w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 50, charlie: 60}), at)
		w.nextTS = 5000
		newer := w.state("m.room.topic", "", charlie, `{"topic":"new levels, earlier clock"}`)
		w.is(w.merged(old, newer), topicKey, newer)
	}
}

func TestInVersion1TheDeepestThatIsAllowedStands(t *testing.T) {
	w, at := fork(t, "1")
	short := w.state("m.room.topic", "", bob, `{"topic":"short"}`, at)
	w.state("m.room.topic", "", charlie, `{"topic":"x"}`, at)
	long := w.state("m.room.topic", "", charlie, `{"topic":"long"}`)
	w.is(w.merged(short, long), topicKey, long)

	w, at = fork(t, "1")
	topic := w.state("m.room.topic", "", bob, `{"topic":"bob was faster"}`, at)
	w.state("m.room.topic", "", charlie, `{"topic":"x"}`, at)
	w.member(alice, bob, "leave")
	kicked := w.state("m.room.topic", "", bob, `{"topic":"kicked"}`)
	if got := w.merged(topic, kicked); got[topicKey] == kicked.ID() {
		t.Error("the topic of who was kicked stands")
	}

	w, at = fork(t, "1")
	ban := w.member(alice, dave, "ban", at)
	w.member(dave, dave, "leave", at)
	w.member(dave, dave, "join")
	again := w.member(dave, dave, "join")
	w.is(w.merged(ban, again), memberKey(dave), ban)
}

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

func TestAMissingEventIsAnErrorAndNoState(t *testing.T) {
	for _, v := range algorithms {
		w, at := fork(t, v)
		one := w.state("m.room.topic", "", bob, `{"topic":"1"}`, at)
		two := w.state("m.room.topic", "", charlie, `{"topic":"2"}`, at)
		agreed, differ := split([]state{w.after[one.ID()], w.after[two.ID()]})
		gone := w.after[at][levelsKey]
		delete(w.events, gone)
		m := &lacking{memory{w, agreed}}
		if _, err := Resolve(w.rules, differ, m); err == nil {
			t.Errorf("v%s: no error", v)
		}
	}
}

// A room's old power levels are not read for what is new.
func TestALongHistoryOfPowerLevelsIsNotReadToItsBeginning(t *testing.T) {
	for _, v := range v2s {
		w, _ := fork(t, v)
		for i := range 300 {
			w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 50, charlie: 50, dave: i % 50}))
		}
		at := w.tip()
		one := w.state("m.room.topic", "", bob, `{"topic":"1"}`, at)
		w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 50, charlie: 50}), at)
		two := w.state("m.room.topic", "", charlie, `{"topic":"2"}`)
		w.asked = 0
		w.is(w.merged(one, two), topicKey, two)
		if w.asked > 20 {
			t.Errorf("v%s: %d questions", v, w.asked)
		}
	}
}

// lacking is a store whose index still works where events are gone.
type lacking struct{ memory }

func (l *lacking) AuthChainDifference([][]string) ([]string, error) { return nil, nil }

func (l *lacking) ConflictedSubgraph(ids []string) ([]string, error) { return ids, nil }

var errDisk = errors.New("the disk is gone")

// failing is a store that fails at its nth question.
type failing struct {
	memory
	left int
}

func (f *failing) fail() error {
	if f.left--; f.left < 0 {
		return errDisk
	}
	return nil
}

func (f *failing) Events(ids []string) (map[string]*event.Event, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.memory.Events(ids)
}

func (f *failing) Unconflicted(k Key) (string, bool, error) {
	if err := f.fail(); err != nil {
		return "", false, err
	}
	return f.memory.Unconflicted(k)
}

func (f *failing) AuthChainDifference(sets [][]string) ([]string, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.memory.AuthChainDifference(sets)
}

func (f *failing) ConflictedSubgraph(ids []string) ([]string, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.memory.ConflictedSubgraph(ids)
}

// Whatever question a store fails at, there is an error and no state: a state that
// was resolved on half of the room is another room.
func TestAStoreThatFailsAtAnyQuestionLeavesNoState(t *testing.T) {
	for _, v := range algorithms {
		for seed := range uint64(6) {
			w := history(t, v, seed, 40, true)
			sets := w.some(rand.New(rand.NewPCG(seed, 5)))
			want := w.resolve(sets...)
			agreed, differ := split(sets)
			for n := 0; ; n++ {
				got, err := Resolve(w.rules, differ, &failing{memory{w, agreed}, n})
				if err == nil {
					out := maps.Clone(agreed)
					if maps.Copy(out, got); !maps.Equal(out, want) {
						t.Errorf("v%s seed %d: after %d questions another state", v, seed, n)
					}
					break
				}
				if !errors.Is(err, errDisk) || got != nil {
					t.Fatalf("v%s seed %d: %v, %v", v, seed, got, err)
				}
			}
		}
	}
}

// Power levels that cannot be read give nobody any, and allow nothing.
func TestUnreadablePowerLevelsAreNobodys(t *testing.T) {
	for _, v := range algorithms {
		w, at := fork(t, v)
		before := w.after[at][topicKey]
		w.state("m.room.power_levels", "", alice, `{"ban":"fifty"}`)
		broken := w.tip()
		one := w.member(alice, bob, "ban", broken)
		two := w.state("m.room.topic", "", charlie, `{"topic":"2"}`, broken)
		got := w.merged(one, two)
		if v == "1" {
			w.is(got, topicKey, w.events[before]) // the oldest stands where none is allowed
			continue
		}
		if got[topicKey] == two.ID() || got[memberKey(bob)] == one.ID() {
			t.Errorf("v%s: allowed", v)
		}
	}
}
