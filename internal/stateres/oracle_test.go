package stateres

import (
	"maps"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
)

// oracle is the specification's text, sentence by sentence, on whole states and by
// walking whole chains. own and through are the two sentences that can be read in
// another way (see the package's comment): whether a state's chain has the state's
// own events, and whether a power event's chain is followed through events outside
// of the full conflicted set.
type oracle struct {
	w            *world
	own, through bool
}

func (o oracle) resolve(sets ...state) state {
	if o.w.rules.StateRes == event.StateResV1 {
		return o.v1(sets)
	}
	return o.v2(sets)
}

func (o oracle) v2(sets []state) state {
	unconflicted, differ := split(sets)
	full := map[string]bool{}
	var conflicted []string
	for _, d := range differ {
		for _, id := range d {
			full[id] = true
			conflicted = append(conflicted, id)
		}
	}
	for id := range o.authDifference(sets) {
		full[id] = true
	}
	start := maps.Clone(unconflicted)
	if o.w.rules.StateRes == event.StateResV21 {
		for _, id := range o.w.between(conflicted) {
			full[id] = true
		}
		start = state{}
	}
	power := o.power(full)                            // 1
	partial := o.iterate(start, o.topological(power)) // 2
	rest := o.mainlineOrder(full, power, partial)     // 3
	result := o.iterate(maps.Clone(partial), rest)    // 4
	maps.Copy(result, unconflicted)                   // 5
	return result
}

func (o oracle) authDifference(sets []state) map[string]bool {
	var chains []map[string]bool
	for _, s := range sets {
		chain := map[string]bool{}
		for _, id := range s {
			if o.own {
				o.w.walk(id, chain)
				continue
			}
			for _, a := range o.w.events[id].Auth() {
				o.w.walk(a, chain)
			}
		}
		chains = append(chains, chain)
	}
	out := map[string]bool{}
	for _, chain := range chains {
		for id := range chain {
			for _, other := range chains {
				if !other[id] {
					out[id] = true
				}
			}
		}
	}
	return out
}

func (o oracle) isPower(e *event.Event) bool {
	if e.Is("m.room.power_levels", "") || e.Is("m.room.join_rules", "") {
		return true
	}
	key, _ := e.Key()
	return e.Kind() == "m.room.member" && (e.MembershipOf() == "leave" || e.MembershipOf() == "ban") && e.From() != key
}

func (o oracle) power(full map[string]bool) map[string]bool {
	x := map[string]bool{}
	for id := range full {
		if o.isPower(o.w.events[id]) {
			x[id] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for id := range x {
			chain := map[string]bool{}
			for _, a := range o.w.events[id].Auth() {
				if o.through {
					o.w.walk(a, chain)
				} else {
					chain[a] = true
				}
			}
			for a := range chain {
				if full[a] && !x[a] {
					x[a], grown = true, true
				}
			}
		}
	}
	return x
}

// topological takes, again and again, the smallest of those that wait for nobody.
func (o oracle) topological(set map[string]bool) []string {
	left := maps.Clone(set)
	var out []string
	for len(left) > 0 {
		var best string
		for id := range left {
			waits := false
			chain := map[string]bool{}
			for _, a := range o.w.events[id].Auth() {
				if o.through {
					o.w.walk(a, chain)
				} else {
					chain[a] = true
				}
			}
			for a := range chain {
				waits = waits || left[a]
			}
			if !waits && (best == "" || o.less(id, best)) {
				best = id
			}
		}
		delete(left, best)
		out = append(out, best)
	}
	return out
}

func (o oracle) less(x, y string) bool {
	a, b := o.w.events[x], o.w.events[y]
	if la, lb := o.level(a), o.level(b); la != lb {
		return la > lb
	}
	if a.Timestamp() != b.Timestamp() {
		return a.Timestamp() < b.Timestamp()
	}
	return x < y
}

func (o oracle) level(e *event.Event) int64 {
	var pl, create *event.Event
	for _, a := range e.Auth() {
		if ev := o.w.events[a]; ev.Is("m.room.power_levels", "") {
			pl = ev
		} else if ev.Is("m.room.create", "") {
			create = ev
		}
	}
	if o.w.rules.RoomIDFromCreate {
		create = o.w.events["$"+o.w.room[1:]]
	}
	p, err := authrules.ParsePowerLevels(pl, create)
	if err != nil {
		return 0
	}
	return p.User(e.From())
}

func (o oracle) iterate(s state, ids []string) state {
	for _, id := range ids {
		e := o.w.events[id]
		auth := state{}
		for _, a := range e.Auth() {
			if !o.w.rejected[a] {
				key, _ := o.w.events[a].Key()
				auth[Key{Kind: o.w.events[a].Kind(), Key: key}] = a
			}
		}
		if o.w.rules.RoomIDFromCreate {
			auth[Key{Kind: "m.room.create"}] = "$" + o.w.room[1:]
		}
		for _, k := range authrules.Needed(e) {
			if have, ok := s[k]; ok {
				auth[k] = have
			}
		}
		if !o.w.rejected[id] && authrules.Check(e, o.w.stateOf(auth), nil) == nil {
			key, _ := e.Key()
			s[Key{Kind: e.Kind(), Key: key}] = id
		}
	}
	return s
}

func (o oracle) levelsOf(id string) string {
	for _, a := range o.w.events[id].Auth() {
		if o.w.events[a].Is("m.room.power_levels", "") {
			return a
		}
	}
	return ""
}

func (o oracle) mainlineOrder(full, power map[string]bool, partial state) []string {
	var line []string
	for p := partial[Key{Kind: "m.room.power_levels"}]; p != ""; p = o.levelsOf(p) {
		line = append(line, p)
	}
	const infinite = 1 << 40
	position := func(id string) int {
		for e := o.levelsOf(id); e != ""; e = o.levelsOf(e) {
			if i := slices.Index(line, e); i >= 0 {
				return i
			}
		}
		return infinite
	}
	var rest []string
	for id := range full {
		if !power[id] {
			rest = append(rest, id)
		}
	}
	slices.SortFunc(rest, func(x, y string) int {
		if px, py := position(x), position(y); px != py {
			return py - px
		}
		if tx, ty := o.w.events[x].Timestamp(), o.w.events[y].Timestamp(); tx != ty {
			return int(tx - ty)
		}
		return strings.Compare(x, y)
	})
	return rest
}
