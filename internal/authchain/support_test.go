package authchain

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

var ctx = context.Background()

// room is a DAG with its index, and the naive walks that the index is compared with.
type room struct {
	t      testing.TB
	events []NewEvent
	auth   map[int64][]int64
	idx    *Overlay
	chains int64
	trips  *counting
}

// counting is the index below a room's overlay; it counts the round trips a store would see.
type counting struct {
	Index
	links, within, into int // calls
	rows                int // links returned
}

func (c *counting) Links(ctx context.Context, upTo []Pos) ([]Link, error) {
	l, err := c.Index.Links(ctx, upTo)
	c.links++
	c.rows += len(l)
	return l, err
}

func (c *counting) LinksInto(ctx context.Context, r []Range, limit int) ([]Link, error) {
	l, err := c.Index.(Incoming).LinksInto(ctx, r, limit)
	c.into++
	c.rows += len(l)
	return l, err
}

func (c *counting) LinksWithin(ctx context.Context, r []Range) ([]Link, error) {
	l, err := c.Index.LinksWithin(ctx, r)
	c.within++
	c.rows += len(l)
	return l, err
}

func newRoom(t testing.TB) *room {
	r := &room{t: t, auth: map[int64][]int64{}, idx: NewOverlay(Nothing{})}
	r.trips = &counting{Index: r.idx}
	return r
}

// add makes the next event; it is placed by place.
func (r *room) add(replaces int64, auth ...int64) int64 {
	nid := int64(len(r.auth) + 1)
	r.auth[nid] = auth
	r.events = append(r.events, NewEvent{NID: nid, Auth: auth, Replaces: replaces})
	return nid
}

func (r *room) alloc(n int) (int64, error) {
	first := r.chains + 1
	r.chains += int64(n)
	return first, nil
}

// place gives positions to the events added since the last time, at most batch at a time (0: all at once).
func (r *room) place(batch int) (links int) {
	r.t.Helper()
	if batch == 0 {
		batch = len(r.events)
	}
	for len(r.events) > 0 {
		n := min(batch, len(r.events))
		placed, l, err := Place(ctx, r.idx, r.alloc, r.events[:n])
		if err != nil {
			r.t.Fatal(err)
		}
		if len(placed) != n {
			r.t.Fatalf("%d of %d events were placed", len(placed), n)
		}
		r.idx.Add(placed, l)
		links += len(l)
		r.events = r.events[n:]
	}
	return links
}

type events map[int64]bool

// walk returns the events and their auth chains.
func (r *room) walk(from ...int64) events {
	seen, stack := events{}, slices.Clone(from)
	for len(stack) > 0 {
		e := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !seen[e] {
			seen[e] = true
			stack = append(stack, r.auth[e]...)
		}
	}
	return seen
}

func (r *room) walkDifference(common []int64, sets [][]int64) []int64 {
	count := map[int64]int{}
	for _, s := range sets {
		for e := range r.walk(append(slices.Clone(s), common...)...) {
			count[e]++
		}
	}
	var out []int64
	for e, n := range count {
		if n < len(sets) {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

func (r *room) walkSubgraph(conflicted []int64) []int64 {
	var out []int64
	for e := range r.walk(conflicted...) {
		below := r.walk(e)
		if slices.ContainsFunc(conflicted, func(x int64) bool { return below[x] }) {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

func (r *room) covered(c Cover) events {
	var ranges []Range
	for chain, seq := range c {
		ranges = append(ranges, Range{chain, 1, seq})
	}
	at, err := r.idx.EventsAt(ctx, ranges)
	if err != nil {
		r.t.Fatal(err)
	}
	out := events{}
	for _, e := range at {
		out[e] = true
	}
	return out
}

// list is a Common given by its events. asked counts what it was asked for.
type list struct {
	events []int64
	asked  *int
}

func (l list) Events(context.Context) ([]int64, error) {
	*l.asked += len(l.events)
	return l.events, nil
}

func (l list) Among(_ context.Context, events []int64) ([]int64, error) {
	*l.asked += len(events)
	var found []int64
	for _, e := range events {
		if slices.Contains(l.events, e) {
			found = append(found, e)
		}
	}
	return found, nil
}

// forward hides whether an index can follow links backwards.
type forward struct{ Index }

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 5)) }

// pick returns some distinct events, with a liking for late ones.
func pick(r *rand.Rand, n, most int) []int64 {
	var out []int64
	for range 1 + r.IntN(most) {
		e := int64(1 + r.IntN(n))
		if r.IntN(2) == 0 {
			e = int64(n - r.IntN(min(n, 30)))
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// random makes a DAG of n events in which every event replaces one of its auth events, or none, or a wrong one.
func random(t testing.TB, rnd *rand.Rand, n, width int) *room {
	r := newRoom(t)
	r.add(0)
	for len(r.auth) < n {
		auth := pick(rnd, len(r.auth), width)
		replaces := auth[rnd.IntN(len(auth))]
		if rnd.IntN(4) == 0 {
			replaces = 0
		}
		r.add(replaces, auth...)
	}
	return r
}

// lively makes a room as rooms are: a creator, power levels, join rules, members that come, are invited, change and
// are banned by others, with forks: an event may see the state of some time ago.
func lively(t testing.TB, rnd *rand.Rand, n int) *room {
	r := newRoom(t)
	type state struct {
		create, power, rules int64
		members              map[int]int64
	}
	create := r.add(0)
	admin := r.add(0, create)
	power := r.add(0, create, admin)
	rules := r.add(0, create, admin, power)
	history := []state{{create, power, rules, map[int]int64{0: admin}}}
	for len(r.auth) < n {
		s := history[len(history)-1]
		if rnd.IntN(5) == 0 {
			s = history[rnd.IntN(len(history))]
		}
		next := s
		next.members = make(map[int]int64, len(s.members)+1)
		var users []int
		for u, e := range s.members {
			next.members[u] = e
			users = append(users, u)
		}
		slices.Sort(users)
		sender := s.members[users[rnd.IntN(len(users))]]
		switch who := rnd.IntN(n / 4); rnd.IntN(6) {
		case 0:
			next.power = r.add(s.power, s.create, s.power, sender)
		case 1:
			next.rules = r.add(s.rules, s.create, s.power, sender, s.rules)
		case 2:
			auth := []int64{s.create, s.power, sender}
			if m := s.members[who]; m != 0 && m != sender {
				auth = append(auth, m)
			}
			next.members[who] = r.add(s.members[who], auth...)
		default:
			auth := []int64{s.create, s.power, s.rules}
			if m := s.members[who]; m != 0 {
				auth = append(auth, m)
			}
			next.members[who] = r.add(s.members[who], auth...)
		}
		history = append(history, next)
	}
	return r
}
