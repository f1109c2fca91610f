package stateres

import (
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

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
