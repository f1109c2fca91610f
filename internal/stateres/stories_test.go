package stateres

import (
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
