package stateres

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
)

// history makes a random room: people fight over levels, rules and each other on
// branches that fork and merge, with clocks that are wrong. With lies, a branch now
// and then believes an older state, as after a partial synchronisation.
func history(t testing.TB, v event.Version, seed uint64, size int, lies bool) *world {
	w := newWorld(t, v)
	w.live(seed, size, lies)
	return w
}

func (w *world) live(seed uint64, size int, lies bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	people := []string{alice, bob, charlie, dave}
	tips := []string{w.tip()}
	for range size {
		prev := []string{tips[r.IntN(len(tips))]}
		if other := tips[r.IntN(len(tips))]; r.IntN(4) == 0 && other != prev[0] {
			prev = append(prev, other)
		}
		s := w.before(prev)
		if lies && r.IntN(8) == 0 {
			old := w.after[w.order[r.IntN(len(w.order))]]
			for k := range s {
				if id, ok := old[k]; ok && k.Kind != "m.room.create" && r.IntN(3) == 0 {
					s[k] = id
				}
			}
		}
		who, whom := people[r.IntN(len(people))], people[r.IntN(len(people))]
		if r.IntN(3) == 0 && !w.goodClocks {
			w.nextTS = 900 + r.Int64N(200)
		}
		e := w.random(r, s, who, whom, prev)
		if authrules.Check(e, w.stateOf(s), nil) != nil {
			continue
		}
		w.keep(e, s)
		if len(tips) < 5 && r.IntN(2) == 0 {
			tips = append(tips, e.ID())
		} else {
			tips[r.IntN(len(tips))] = e.ID()
		}
	}
}

func (w *world) random(r *rand.Rand, s state, who, whom string, prev []string) *event.Event {
	what := r.IntN(9)
	if w.quiet {
		what = 5 + r.IntN(5)
	}
	switch what {
	case 0, 1:
		users := map[string]int{}
		for _, u := range []string{bob, charlie, dave} {
			if n := r.IntN(4); n > 0 {
				users[u] = []int{0, 50, 75, 100}[n]
			}
		}
		return w.build(s, "m.room.power_levels", "", who, w.levels(users), prev)
	case 2:
		return w.build(s, "m.room.join_rules", "", who, `{"join_rule":"`+[]string{"public", "invite"}[r.IntN(2)]+`"}`, prev)
	case 3:
		return w.build(s, "m.room.member", whom, who, `{"membership":"ban"}`, prev)
	case 4:
		return w.build(s, "m.room.member", whom, who, `{"membership":"leave"}`, prev)
	case 5:
		return w.build(s, "m.room.member", whom, who, `{"membership":"invite"}`, prev)
	case 6, 7:
		return w.build(s, "m.room.member", who, who, `{"membership":"join"}`, prev)
	}
	if what == 9 {
		return w.build(s, "m.room.member", who, who, `{"membership":"leave"}`, prev)
	}
	return w.build(s, "m.room.topic", "", who, fmt.Sprintf(`{"topic":"%d"}`, r.IntN(1000)), prev)
}

// some are the states after two to four events of the room.
func (w *world) some(r *rand.Rand) []state {
	var sets []state
	for range 2 + r.IntN(3) {
		sets = append(sets, w.after[w.order[len(w.order)/3+r.IntN(len(w.order)-len(w.order)/3)]])
	}
	return sets
}

var algorithms = []event.Version{"1", "2", "11", "12"}

// each runs a property on random forks of random rooms.
func each(t *testing.T, rooms, forks, size int, check func(t *testing.T, w *world, sets []state, r *rand.Rand)) {
	for _, v := range algorithms {
		for _, lies := range []bool{false, true} {
			t.Run(fmt.Sprintf("v%s/lies=%t", v, lies), func(t *testing.T) {
				for seed := range uint64(rooms) {
					w := history(t, v, seed, size, lies)
					r := rand.New(rand.NewPCG(seed, 2))
					for range forks {
						check(t, w, w.some(r), r)
						if t.Failed() {
							t.Fatalf("seed %d", seed)
						}
					}
				}
			})
		}
	}
}

func TestItResolvesAsTheTextOfTheSpecificationDoes(t *testing.T) {
	each(t, 40, 12, 60, func(t *testing.T, w *world, sets []state, _ *rand.Rand) {
		want := oracle{w: w, own: true}.resolve(sets...)
		if got := w.resolve(sets...); !maps.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", w.show(got), w.show(want))
		}
	})
}

// What is left out of the sets does not matter: neither the order of the states,
// nor how often one is named, nor that a result is resolved again.
func TestTheOrderAndNumberOfTheStatesDoNotMatter(t *testing.T) {
	each(t, 15, 12, 60, func(t *testing.T, w *world, sets []state, r *rand.Rand) {
		want := w.resolve(sets...)
		r.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		if !maps.Equal(w.resolve(sets...), want) {
			t.Error("another order, another state")
		}
		if !maps.Equal(w.resolve(append(sets, sets[0])...), want) {
			t.Error("one state twice, another state")
		}
		if !maps.Equal(w.resolve(want, want), want) {
			t.Error("nothing to resolve, and something changed")
		}
	})
}

// The two sentences that can be read in another way: this counts how seldom the
// reading matters.
func TestHowOftenTheOtherReadingsOfTheTextMatter(t *testing.T) {
	n, own, through := map[event.Version]int{}, map[event.Version]int{}, map[event.Version]int{}
	each(t, 20, 12, 60, func(_ *testing.T, w *world, sets []state, _ *rand.Rand) {
		if w.rules.StateRes == event.StateResV1 {
			return
		}
		want := w.resolve(sets...)
		n[w.v]++
		if !maps.Equal(oracle{w: w}.resolve(sets...), want) {
			own[w.v]++
		}
		if !maps.Equal(oracle{w: w, own: true, through: true}.resolve(sets...), want) {
			through[w.v]++
		}
	})
	for _, v := range algorithms[1:] {
		if 20*own[v] > n[v] || 20*through[v] > n[v] {
			t.Errorf("v%s: more than one in twenty differs", v)
		}
		t.Logf("v%s: of %d, %d differ without own events in the chains, %d with chains through others", v, n[v], own[v], through[v])
	}
}
