package authchain

import (
	"context"
	"fmt"
	"slices"
)

// NewEvent is an event that needs a position.
type NewEvent struct {
	NID  int64
	Auth []int64 // its auth events; duplicates are ignored

	// Replaces is the one of Auth that has the same type and state key, 0 when there is none. It decides
	// whose chain the event continues. A wrong value costs speed, never truth.
	Replaces int64
}

// Placed is an event with its position.
type Placed struct {
	NID int64
	Pos Pos
}

// Place gives positions to events, in topological order (auth events first), and returns them with the links to
// be stored. Events that have a position already are left out of the answer. alloc reserves n consecutive
// chain numbers that were never used, and is called once, if at all. The caller holds the room's lock until
// the answer is stored or added to the Overlay that the next call sees. The auth events that are not among
// events must have positions (ErrUnplaced).
//
// A link is left out when another auth event, or the one before in the chain, implies it. That is judged on the
// nearer part of what each auth event rests on, so that a room built to have huge covers costs a few links too
// many and not time. An event gets at most two links for each of its auth events (the second is a jump, see
// there), and in rooms as they are one or none.
func Place(ctx context.Context, idx Index, alloc func(n int) (first int64, err error), events []NewEvent) ([]Placed, []Link, error) {
	p := placer{ctx: ctx, over: NewOverlay(idx), rests: map[int64]rest{}}
	todo, err := p.known(events)
	if err != nil || len(todo) == 0 {
		return nil, nil, err
	}
	placed, err := p.positions(todo, alloc)
	if err != nil {
		return nil, nil, err
	}
	for i, ev := range todo {
		if err := p.link(ev, placed[i].Pos); err != nil {
			return nil, nil, err
		}
	}
	return placed, p.links, nil
}

const (
	nearSteps = 8    // steps from chain to chain that are judged
	nearMost  = 256  // chains that are judged
	restsKept = 4096 // auth events whose rest one Place remembers, so that joining a large room takes little memory
)

// placer is one Place at work.
type placer struct {
	ctx   context.Context
	over  *Overlay
	tips  map[int64]int64
	rests map[int64]rest
	links []Link
}

// rest is what an auth event rests on, without itself. It is deep when it goes on beyond what is judged.
type rest struct {
	cover Cover
	deep  bool
}

// known drops events that have a position, and reads ahead the positions and chain ends of all auth events.
func (p *placer) known(events []NewEvent) ([]NewEvent, error) {
	need := make([]int64, 0, 4*len(events))
	for _, ev := range events {
		need = append(need, ev.NID)
		need = append(need, ev.Auth...)
	}
	slices.Sort(need)
	stored, err := p.over.base.Positions(p.ctx, slices.Compact(need))
	if err != nil {
		return nil, err
	}
	var chains []int64
	for e, pos := range stored {
		p.over.pos[e] = pos
		chains = append(chains, pos.Chain)
	}
	slices.Sort(chains)
	if p.tips, err = p.over.base.Tips(p.ctx, slices.Compact(chains)); err != nil {
		return nil, err
	}
	if p.tips == nil {
		p.tips = map[int64]int64{}
	}
	todo, coming := make([]NewEvent, 0, len(events)), make(map[int64]bool, len(events))
	for _, ev := range events {
		if _, ok := stored[ev.NID]; !ok && !coming[ev.NID] {
			todo, coming[ev.NID] = append(todo, ev), true
		}
	}
	return todo, p.ordered(todo, coming)
}

// ordered checks that every auth event is stored or comes earlier.
func (p *placer) ordered(todo []NewEvent, coming map[int64]bool) error {
	seen := make(map[int64]bool, len(todo))
	for _, ev := range todo {
		for _, a := range ev.Auth {
			if _, stored := p.over.pos[a]; stored || seen[a] {
				continue
			}
			if coming[a] {
				return fmt.Errorf("%w: %d needs %d", ErrOrder, ev.NID, a)
			}
			return fmt.Errorf("%w: %d, auth event of %d", ErrUnplaced, a, ev.NID)
		}
		seen[ev.NID] = true
	}
	return nil
}

// positions chooses where the events go. New chains have negative numbers until it is known how many there are.
func (p *placer) positions(todo []NewEvent, alloc func(n int) (int64, error)) ([]Placed, error) {
	placed := make([]Placed, len(todo))
	fresh := int64(0)
	for i, ev := range todo {
		pos, free := p.over.pos[ev.Replaces]
		if free = free && slices.Contains(ev.Auth, ev.Replaces) && p.tips[pos.Chain] == pos.Seq; !free {
			fresh--
			pos = Pos{fresh, 0}
		}
		pos.Seq++
		placed[i] = Placed{ev.NID, pos}
		p.over.pos[ev.NID], p.tips[pos.Chain] = pos, pos.Seq
	}
	first := int64(0)
	if fresh < 0 {
		var err error
		if first, err = alloc(int(-fresh)); err != nil {
			return nil, err
		}
	}
	for i := range placed {
		if pos := &placed[i].Pos; pos.Chain < 0 {
			pos.Chain = first - pos.Chain - 1
		}
		delete(p.over.pos, placed[i].NID)
	}
	p.over.Add(placed, nil)
	return placed, nil
}

// auth is an auth event with its position.
type auth struct {
	nid int64
	pos Pos
}

// link finds the links that begin at an event.
func (p *placer) link(ev NewEvent, pos Pos) error {
	auths := p.authsOf(ev)
	var links []Link
	for _, a := range auths {
		if a.pos.Chain == pos.Chain {
			continue
		}
		implied, err := p.implied(a, auths)
		if err != nil {
			return err
		}
		if implied {
			continue
		}
		links = append(links, Link{pos.Chain, pos.Seq, a.pos.Chain, a.pos.Seq})
		if pos.Seq == 1 {
			if links, err = p.jump(links, a, pos); err != nil {
				return err
			}
		}
	}
	p.over.Add(nil, links)
	p.links = append(p.links, links...)
	return nil
}

// authsOf returns the auth events of an event; of those in one chain the last implies the others.
func (p *placer) authsOf(ev NewEvent) []auth {
	auths := make([]auth, 0, len(ev.Auth))
	for _, nid := range ev.Auth {
		a := auth{nid, p.over.pos[nid]}
		i := slices.IndexFunc(auths, func(b auth) bool { return b.pos.Chain == a.pos.Chain })
		if i < 0 {
			auths = append(auths, a)
		} else if auths[i].pos.Seq < a.pos.Seq {
			auths[i] = a
		}
	}
	return auths
}

// implied says whether one of the other auth events has a in its auth chain.
func (p *placer) implied(a auth, auths []auth) (bool, error) {
	for _, b := range auths {
		if b.nid == a.nid {
			continue
		}
		if r, err := p.rest(b); err != nil || r.cover.Has(a.pos) {
			return true, err
		}
	}
	return false, nil
}

// rest returns what an auth event rests on, or the nearer part of it.
func (p *placer) rest(a auth) (rest, error) {
	if r, ok := p.rests[a.nid]; ok {
		return r, nil
	}
	if len(p.rests) >= restsKept {
		clear(p.rests)
	}
	r, steps := rest{cover: Cover{}}, 0
	err := expand(p.ctx, p.over, r.cover, map[int64]int64{a.pos.Chain: a.pos.Seq}, func() bool {
		r.deep = steps >= nearSteps || len(r.cover) > nearMost
		steps++
		return r.deep
	})
	p.rests[a.nid] = r
	return r, err
}
