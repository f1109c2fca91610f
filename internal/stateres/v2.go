package stateres

import (
	"strings"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
)

// v2 is the algorithm of room versions 2 to 11 and, begun from an empty state and
// with the conflicted state subgraph, of version 12. Its steps are numbered as in
// "Algorithm".
func (r *resolution) v2() error {
	full, err := r.fullConflictedSet()
	if err != nil {
		return err
	}
	power, err := r.powerSet(full) // 1
	if err != nil {
		return err
	}
	ordered, err := r.reverseTopological(power)
	if err != nil {
		return err
	}
	if err := r.iterate(ordered); err != nil { // 2
		return err
	}
	var rest []string
	for id := range full {
		if !power[id] {
			rest = append(rest, id)
		}
	}
	rest, err = r.mainline(rest) // 3
	if err != nil {
		return err
	}
	if err := r.iterate(rest); err != nil { // 4
		return err
	}
	return r.restore() // 5
}

// fullConflictedSet is the conflicted state set with the auth difference, and in
// version 12 with the conflicted state subgraph.
func (r *resolution) fullConflictedSet() (map[string]bool, error) {
	conflicted := r.conflicted()
	full := map[string]bool{}
	for _, id := range conflicted {
		full[id] = true
	}
	sets := make([][]string, len(r.sets))
	for i, set := range r.sets {
		for _, id := range set {
			sets[i] = append(sets[i], id)
		}
	}
	diff, err := r.s.AuthChainDifference(sets)
	if err != nil {
		return nil, err
	}
	for _, id := range diff {
		full[id] = true
	}
	if r.rules.StateRes == event.StateResV21 {
		sub, err := r.s.ConflictedSubgraph(conflicted)
		if err != nil {
			return nil, err
		}
		for _, id := range sub {
			full[id] = true
		}
	}
	ids := make([]string, 0, len(full))
	for id := range full {
		ids = append(ids, id)
	}
	return full, r.loadWithAuth(ids)
}

// loadWithAuth loads events and those that authorise them, in two questions.
func (r *resolution) loadWithAuth(ids []string) error {
	if err := r.load(ids); err != nil {
		return err
	}
	var auth []string
	for _, id := range ids {
		auth = append(auth, r.events[id].Auth()...)
	}
	return r.load(auth)
}

// isPower: "power events" might take somebody's ability away.
func isPower(e *event.Event) bool {
	key, isState := e.Key()
	if !isState {
		return false
	}
	switch e.Kind() {
	case "m.room.power_levels", "m.room.join_rules":
		return key == ""
	case "m.room.member":
		m := e.MembershipOf()
		return (m == "leave" || m == "ban") && e.From() != key
	}
	return false
}

// powerSet are the power events of the full conflicted set, and what of the set is
// in their auth chains.
func (r *resolution) powerSet(full map[string]bool) (map[string]bool, error) {
	out := map[string]bool{}
	var stack []string
	for id := range full {
		if isPower(r.events[id]) {
			stack = append(stack, id)
		}
	}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if out[id] {
			continue
		}
		out[id] = true
		for _, a := range r.events[id].Auth() {
			if full[a] {
				stack = append(stack, a)
			}
		}
	}
	return out, nil
}

// iterate is the iterative auth checks algorithm: each event is judged by its own
// auth events with what is resolved so far on top, and taken when it is allowed.
func (r *resolution) iterate(ids []string) error {
	for _, id := range ids {
		e := r.events[id]
		if r.s.Rejected(id) {
			continue
		}
		st, err := r.authState(e)
		if err != nil {
			return err
		}
		if r.check(e, st) == nil {
			r.state[keyOf(e)] = e
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// authState is the state an event is judged by.
func (r *resolution) authState(e *event.Event) (authrules.MapState, error) {
	st := authrules.MapState{}
	if err := r.load(e.Auth()); err != nil {
		return nil, err
	}
	for _, id := range e.Auth() {
		if a := r.events[id]; !r.s.Rejected(id) {
			st[keyOf(a)] = a
		}
	}
	create := Key{Kind: "m.room.create"}
	if r.rules.RoomIDFromCreate {
		// The room id stands for the auth event that the create event is not.
		c, err := r.createOf(e)
		if err != nil {
			return nil, err
		}
		st[create] = c
	}
	for _, k := range authrules.Needed(e) {
		if got := r.partial(k); got != nil {
			st[k] = got
		}
	}
	return st, r.err
}

// partial is the partially resolved state: version 12 begins from nothing, so that
// what all states agree on is not in it.
func (r *resolution) partial(k Key) *event.Event {
	if r.rules.StateRes == event.StateResV21 {
		return r.state[k]
	}
	return r.get(k)
}

// createOf is the event that a version 12 event's room id names.
func (r *resolution) createOf(e *event.Event) (*event.Event, error) {
	id := "$" + strings.TrimPrefix(e.Room(), "!")
	if err := r.load([]string{id}); err != nil {
		return nil, err
	}
	return r.events[id], nil
}

// restore is step 5: where all states agree, their event stands.
func (r *resolution) restore() error {
	for k := range r.state {
		if e := r.unconflicted(k); e != nil {
			r.state[k] = e
		}
	}
	return r.err
}
