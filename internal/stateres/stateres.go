// Package stateres makes one state of several: the state resolution algorithms of
// room version 1, of versions 2 to 11, and of version 12 ("State resolution",
// room version pages).
//
// It works on what differs, so that its cost grows with the conflict and not with
// the room: the part in which all states agree is asked for entry by entry, and
// auth chains are the caller's index to compare. It stores nothing, and knows no
// event that its Store does not give it.
//
// Two servers that resolve differently are two rooms. Where all servers that we
// know of read the algorithm in one way and its text can be read in another, this
// package does as they do:
//   - The full auth chain of a state has the state's own events in it. By the text
//     it has them only where another event rests on them; then an event on which
//     all states agree could be in the auth difference.
//   - The power events' auth chains are followed inside the full conflicted set.
//     By the text they could also be followed through events outside of it.
//   - m.room.power_levels and m.room.join_rules are power events with an empty
//     state key only.
//   - An event that this server rejected is not taken into the state, also where
//     the text would try it again: that door has let rejected events in.
package stateres

import (
	"errors"
	"fmt"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
)

// Key names an entry of a state.
type Key = authrules.Tuple

// Store is what resolution reads of the room.
//
// Leaving out of sets what all states agree on is sound because those events, and
// all that they rest on, are in every state's chain and so in no difference. The
// implementer must subtract them: an event that only one state's differing part
// reaches may be reached by the agreed part too.
type Store interface {
	// Events returns events of the room by id. All of them must be there.
	Events(ids []string) (map[string]*event.Event, error)
	// Rejected tells of an event that Events returned whether it was rejected.
	Rejected(id string) bool
	// Unconflicted is the event on which all states agree for a key.
	Unconflicted(k Key) (id string, ok bool, err error)
	// AuthChainDifference returns the events that are in some but not all of the
	// full auth chains of the states. sets are the differing parts of the states;
	// what they have in common belongs to each of them.
	AuthChainDifference(sets [][]string) ([]string, error)
	// ConflictedSubgraph returns the events on paths between these in the auth
	// DAG, these included (room version 12).
	ConflictedSubgraph(conflicted []string) ([]string, error)
}

// ErrMissing says that an event that resolution needs is not in the store.
var ErrMissing = errors.New("stateres: an event is missing")

// Resolve resolves the entries in which the states differ. sets holds, for each
// state, its value for every such key that it has. The answer holds the resolved
// entries for those keys, and others that the auth difference changed; a differing
// key that is absent from it is absent from the resolved state.
func Resolve(rules *event.Rules, sets []map[Key]string, s Store) (map[Key]string, error) {
	r := newResolution(rules, sets, s)
	var err error
	if rules.StateRes == event.StateResV1 {
		err = r.v1()
	} else {
		err = r.v2()
	}
	if err != nil {
		return nil, err
	}
	out := make(map[Key]string, len(r.state))
	for k, e := range r.state {
		if e != nil {
			out[k] = e.ID()
		}
	}
	return out, nil
}

// resolution is one run. state is what is resolved so far; entries that are not in
// it are those on which all states agree.
type resolution struct {
	rules  *event.Rules
	s      Store
	sets   []map[Key]string
	differ map[Key]bool // keys of the sets
	events map[string]*event.Event
	state  map[Key]*event.Event
	agreed map[Key]*event.Event // answers of Unconflicted, nil ones too
	levels map[[2]*event.Event]levels
	err    error // the first error of a reader that cannot return one
}

func newResolution(rules *event.Rules, sets []map[Key]string, s Store) *resolution {
	r := &resolution{rules: rules, s: s, sets: sets, differ: map[Key]bool{}, events: map[string]*event.Event{},
		state: map[Key]*event.Event{}, agreed: map[Key]*event.Event{}, levels: map[[2]*event.Event]levels{}}
	for _, set := range sets {
		for k := range set {
			r.differ[k] = true
		}
	}
	return r
}

// load makes events available in r.events.
func (r *resolution) load(ids []string) error {
	var miss []string
	asked := map[string]bool{}
	for _, id := range ids {
		if r.events[id] == nil && !asked[id] {
			asked[id] = true
			miss = append(miss, id)
		}
	}
	if len(miss) == 0 {
		return nil
	}
	got, err := r.s.Events(miss)
	if err != nil {
		return err
	}
	for _, id := range miss {
		if got[id] == nil {
			return fmt.Errorf("%w: %s", ErrMissing, id)
		}
		r.events[id] = got[id]
	}
	return nil
}

// conflicted are the events of the differing entries, each once, in no order that
// depends on the order of the states.
func (r *resolution) conflicted() []string {
	seen := map[string]bool{}
	var out []string
	for _, set := range r.sets {
		for _, id := range set {
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// unconflicted is the event that all states have for a key, or nil.
func (r *resolution) unconflicted(k Key) *event.Event {
	if r.differ[k] {
		return nil
	}
	e, known := r.agreed[k]
	if known {
		return e
	}
	id, ok, err := r.s.Unconflicted(k)
	if err == nil && ok {
		if err = r.load([]string{id}); err == nil {
			e = r.events[id]
		}
	}
	if err != nil && r.err == nil {
		r.err = err
	}
	r.agreed[k] = e
	return e
}

// get is the state so far for a key, on the part on which all states agree.
func (r *resolution) get(k Key) *event.Event {
	if e, ok := r.state[k]; ok {
		return e
	}
	return r.unconflicted(k)
}

// keyOf is the entry that an event is for.
func keyOf(e *event.Event) Key {
	key, _ := e.Key()
	return Key{Kind: e.Kind(), Key: key}
}
