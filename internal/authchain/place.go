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
// A link is left out when another auth event, or the one before in the chain, implies it. That is judged on at
// most impliedChains chains of each auth event, so that a room built to have huge covers costs a few links
// too many and not time. An event gets at most as many links as it has auth events.
func Place(ctx context.Context, idx Index, alloc func(n int) (first int64, err error), events []NewEvent) ([]Placed, []Link, error) {
	p := placer{ctx: ctx, over: NewOverlay(idx), covers: map[int64]Cover{}, tips: map[int64]int64{}}
	todo, err := p.known(events)
	if err != nil || len(todo) == 0 {
		return nil, nil, err
	}
	for _, ev := range todo {
		if err := p.place(ev); err != nil {
			return nil, nil, err
		}
	}
	return p.number(alloc)
}

// impliedChains bounds the search for auth events that imply others.
const impliedChains = 256

// keptCovers bounds the covers that one Place remembers, so that a join into a large room takes little memory.
const keptCovers = 4096

// placer is one Place at work. New chains have negative numbers until all of them are known.
type placer struct {
	ctx    context.Context
	over   *Overlay
	covers map[int64]Cover // of auth events, without themselves, perhaps cut off
	tips   map[int64]int64
	placed []Placed
	links  []Link
	fresh  int64
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

// auth is an auth event with its position.
type auth struct {
	nid int64
	pos Pos
}

func (p *placer) place(ev NewEvent) error {
	auths := p.authsOf(ev)
	pos := p.choose(ev, auths)
	p.tips[pos.Chain] = pos.Seq
	kept, err := p.needed(auths, pos)
	if err != nil {
		return err
	}
	placed := Placed{ev.NID, pos}
	links := make([]Link, 0, len(kept))
	for _, a := range kept {
		links = append(links, Link{pos.Chain, pos.Seq, a.pos.Chain, a.pos.Seq})
	}
	p.over.Add([]Placed{placed}, links)
	p.placed = append(p.placed, placed)
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

// choose continues the chain of the event that is replaced when it is the chain's end, and begins a chain otherwise.
func (p *placer) choose(ev NewEvent, auths []auth) Pos {
	for _, a := range auths {
		if a.nid == ev.Replaces && p.tips[a.pos.Chain] == a.pos.Seq {
			return Pos{a.pos.Chain, a.pos.Seq + 1}
		}
	}
	p.fresh--
	return Pos{p.fresh, 1}
}

// needed returns the auth events that none of the others has in its auth chain, apart from the one in the event's own chain.
func (p *placer) needed(auths []auth, pos Pos) ([]auth, error) {
	kept := make([]auth, 0, len(auths))
	for _, a := range auths {
		if a.pos.Chain == pos.Chain {
			continue
		}
		implied, err := p.implied(a, auths)
		if err != nil {
			return nil, err
		}
		if !implied {
			kept = append(kept, a)
		}
	}
	return kept, nil
}

// implied says whether one of the other auth events has a in its auth chain.
func (p *placer) implied(a auth, auths []auth) (bool, error) {
	for _, b := range auths {
		if b.nid == a.nid {
			continue
		}
		if cover, err := p.cover(b); err != nil || cover.Has(a.pos) {
			return true, err
		}
	}
	return false, nil
}

// cover returns what an auth event rests on, or the nearer part of it.
func (p *placer) cover(a auth) (Cover, error) {
	if c, ok := p.covers[a.nid]; ok {
		return c, nil
	}
	if len(p.covers) >= keptCovers {
		clear(p.covers)
	}
	c := Cover{}
	err := expand(p.ctx, p.over, c, map[int64]int64{a.pos.Chain: a.pos.Seq}, func() bool { return len(c) > impliedChains })
	p.covers[a.nid] = c
	return c, err
}

// number replaces the preliminary numbers of new chains.
func (p *placer) number(alloc func(n int) (int64, error)) ([]Placed, []Link, error) {
	if p.fresh == 0 {
		return p.placed, p.links, nil
	}
	first, err := alloc(int(-p.fresh))
	if err != nil {
		return nil, nil, err
	}
	final := func(chain *int64) {
		if *chain < 0 {
			*chain = first - *chain - 1
		}
	}
	for i := range p.placed {
		final(&p.placed[i].Pos.Chain)
	}
	for i := range p.links {
		final(&p.links[i].FromChain)
		final(&p.links[i].ToChain)
	}
	return p.placed, p.links, nil
}
