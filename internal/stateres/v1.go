package stateres

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // the specification's tie-break, not a safeguard
	"slices"

	"github.com/chancery-im/chancery/internal/event"
)

// v1 is the algorithm of room version 1: power levels, then join rules, then
// members, each list until one is refused; then everything else by depth.
//
// A conflict here is between different events for one key. An entry that only some
// states have is none: the union of the states has it.
func (r *resolution) v1() error {
	lists := map[Key][]*event.Event{}
	if err := r.load(r.conflicted()); err != nil {
		return err
	}
	for _, id := range r.conflicted() {
		k := keyOf(r.events[id])
		lists[k] = append(lists[k], r.events[id])
	}
	for k, list := range lists {
		if len(list) == 1 {
			r.state[k] = list[0]
			delete(lists, k)
		}
	}
	for _, kind := range []string{"m.room.power_levels", "m.room.join_rules", "m.room.member"} {
		if err := r.v1Pass(kind, lists); err != nil {
			return err
		}
	}
	for k, list := range lists {
		sortV1(list)
		if err := r.v1Pick(k, list); err != nil {
			return err
		}
	}
	return r.err
}

// v1Pass resolves the conflicts of one kind. All of them are judged by the state
// before the pass and their own list, so that the order of keys does not matter.
func (r *resolution) v1Pass(kind string, lists map[Key][]*event.Event) error {
	done := map[Key]*event.Event{}
	for k, list := range lists {
		if k.Kind != kind {
			continue
		}
		sortV1(list)
		best := list[0]
		for _, e := range list[1:] {
			if r.check(e, overlay{r, k, best}) != nil {
				break
			}
			best = e
		}
		done[k] = best
		delete(lists, k)
	}
	for k, e := range done {
		r.state[k] = e
	}
	return r.err
}

// v1Pick takes the deepest event that passes.
func (r *resolution) v1Pick(k Key, list []*event.Event) error {
	for i := len(list) - 1; i >= 0; i-- {
		if r.check(list[i], overlay{r, k, nil}) == nil {
			r.state[k] = list[i]
			return r.err
		}
	}
	// None passes: the specification does not say; as others do, the last in
	// line stands.
	r.state[k] = list[0]
	return r.err
}

// sortV1: ascending depth, then descending SHA-1 of the event id.
func sortV1(list []*event.Event) {
	slices.SortFunc(list, func(a, b *event.Event) int {
		if a.Height() != b.Height() {
			return cmp.Compare(a.Height(), b.Height())
		}
		ha, hb := sha1.Sum([]byte(a.ID())), sha1.Sum([]byte(b.ID()))
		return bytes.Compare(hb[:], ha[:])
	})
}

// overlay is the state so far with one entry on top.
type overlay struct {
	r   *resolution
	key Key
	e   *event.Event
}

// Get is what the rules read (authrules.State).
func (o overlay) Get(kind, key string) *event.Event {
	k := Key{Kind: kind, Key: key}
	if o.e != nil && k == o.key {
		return o.e
	}
	return o.r.get(k)
}
