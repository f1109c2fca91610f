package authchain

import (
	"context"
	"slices"
	"sort"
)

// Overlay is an Index that adds placements to another one: those of events that are accepted but not
// committed, so that the next event of the room can be placed on them. Remove takes them out once they are
// committed or dropped. Over Nothing it is an index in memory. It is not safe for concurrent use while it
// changes; the room's lock guards it.
type Overlay struct {
	base   Index
	pos    map[int64]Pos
	at     map[Pos]int64
	chains map[int64]*chain
	into   map[int64]map[int64]bool // target chain → chains with links to it
}

// chain is what the overlay knows of one chain.
type chain struct {
	tip  int64
	out  map[int64][]step // by target chain, ascending
	seqs int              // positions held
}

type step struct{ from, to int64 }

// NewOverlay returns an overlay over base that adds nothing yet.
func NewOverlay(base Index) *Overlay {
	return &Overlay{base: base, pos: map[int64]Pos{}, at: map[Pos]int64{}, chains: map[int64]*chain{}, into: map[int64]map[int64]bool{}}
}

// Add takes in what Place returned. Adding twice changes nothing.
func (o *Overlay) Add(placed []Placed, links []Link) {
	for _, p := range placed {
		if _, known := o.pos[p.NID]; known {
			continue
		}
		o.pos[p.NID] = p.Pos
		o.at[p.Pos] = p.NID
		c := o.chain(p.Pos.Chain)
		c.tip = max(c.tip, p.Pos.Seq)
		c.seqs++
	}
	for _, l := range links {
		o.addLink(l)
	}
}

func (o *Overlay) chain(id int64) *chain {
	c := o.chains[id]
	if c == nil {
		c = &chain{}
		o.chains[id] = c
	}
	return c
}

func (o *Overlay) addLink(l Link) {
	c := o.chain(l.FromChain)
	if c.out == nil {
		c.out = map[int64][]step{}
	}
	if o.into[l.ToChain] == nil {
		o.into[l.ToChain] = map[int64]bool{}
	}
	o.into[l.ToChain][l.FromChain] = true
	steps := c.out[l.ToChain]
	i := sort.Search(len(steps), func(i int) bool { return steps[i].from >= l.FromSeq })
	if i < len(steps) && steps[i] == (step{l.FromSeq, l.ToSeq}) {
		return
	}
	steps = append(steps, step{})
	copy(steps[i+1:], steps[i:])
	steps[i] = step{l.FromSeq, l.ToSeq}
	c.out[l.ToChain] = steps
}

// Remove takes out events and the links that begin at them. Events of a chain go from either end.
func (o *Overlay) Remove(events []int64) {
	for _, e := range events {
		p, ok := o.pos[e]
		if !ok {
			continue
		}
		delete(o.pos, e)
		delete(o.at, p)
		c := o.chains[p.Chain]
		c.seqs--
		o.dropLinks(p)
		if c.seqs == 0 {
			delete(o.chains, p.Chain)
			continue
		}
		for c.tip > 0 && o.at[Pos{p.Chain, c.tip}] == 0 {
			c.tip--
		}
	}
}

// dropLinks takes out the links that begin at a position.
func (o *Overlay) dropLinks(from Pos) {
	out := o.chains[from.Chain].out
	for to, steps := range out {
		if steps = slices.DeleteFunc(steps, func(s step) bool { return s.from == from.Seq }); len(steps) > 0 {
			out[to] = steps
			continue
		}
		delete(out, to)
		if delete(o.into[to], from.Chain); len(o.into[to]) == 0 {
			delete(o.into, to)
		}
	}
}

// Len returns how many events the overlay adds.
func (o *Overlay) Len() int { return len(o.pos) }

func (o *Overlay) Positions(ctx context.Context, events []int64) (map[int64]Pos, error) {
	found := make(map[int64]Pos, len(events))
	var rest []int64
	for _, e := range events {
		if p, ok := o.pos[e]; ok {
			found[e] = p
		} else {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		return found, nil
	}
	below, err := o.base.Positions(ctx, rest)
	for e, p := range below {
		found[e] = p
	}
	return found, err
}

func (o *Overlay) Tips(ctx context.Context, chains []int64) (map[int64]int64, error) {
	tips := make(map[int64]int64, len(chains))
	below, err := o.base.Tips(ctx, chains)
	if err != nil {
		return nil, err
	}
	for _, id := range chains {
		tip := below[id]
		if c := o.chains[id]; c != nil {
			tip = max(tip, c.tip)
		}
		if tip > 0 {
			tips[id] = tip
		}
	}
	return tips, nil
}

func (o *Overlay) Links(ctx context.Context, upTo []Pos) ([]Link, error) {
	links, err := o.base.Links(ctx, upTo)
	if err != nil {
		return nil, err
	}
	links = links[:len(links):len(links)]
	for _, p := range upTo {
		c := o.chains[p.Chain]
		if c == nil {
			continue
		}
		for to, steps := range c.out {
			if i := sort.Search(len(steps), func(i int) bool { return steps[i].from > p.Seq }); i > 0 {
				links = append(links, Link{p.Chain, steps[i-1].from, to, steps[i-1].to})
			}
		}
	}
	return links, nil
}

func (o *Overlay) LinksWithin(ctx context.Context, ranges []Range) ([]Link, error) {
	links, err := o.base.LinksWithin(ctx, ranges)
	if err != nil {
		return nil, err
	}
	links = links[:len(links):len(links)]
	for _, r := range ranges {
		c := o.chains[r.Chain]
		if c == nil {
			continue
		}
		for to, steps := range c.out {
			i := sort.Search(len(steps), func(i int) bool { return steps[i].from >= r.From })
			for ; i < len(steps) && steps[i].from <= r.To; i++ {
				links = append(links, Link{r.Chain, steps[i].from, to, steps[i].to})
			}
		}
	}
	return links, nil
}

func (o *Overlay) EventsAt(ctx context.Context, ranges []Range) (map[Pos]int64, error) {
	below, err := o.base.EventsAt(ctx, ranges)
	if err != nil {
		return nil, err
	}
	found := make(map[Pos]int64, len(below))
	for p, e := range below {
		found[p] = e
	}
	for _, r := range ranges {
		if o.chains[r.Chain] == nil {
			continue
		}
		for seq := max(r.From, 1); seq <= min(r.To, o.chains[r.Chain].tip); seq++ {
			p := Pos{r.Chain, seq}
			if e, ok := o.at[p]; ok {
				found[p] = e
			}
		}
	}
	return found, nil
}

// LinksInto implements Incoming when the index below does.
func (o *Overlay) LinksInto(ctx context.Context, ranges []Range, limit int) ([]Link, error) {
	below, ok := o.base.(Incoming)
	if !ok {
		return nil, ErrNoIncoming
	}
	links, err := below.LinksInto(ctx, ranges, limit)
	if err != nil {
		return nil, err
	}
	links = links[:len(links):len(links)]
	for _, r := range ranges {
		for from := range o.into[r.Chain] {
			steps := o.chains[from].out[r.Chain]
			i := sort.Search(len(steps), func(i int) bool { return steps[i].to >= r.From })
			for ; i < len(steps) && steps[i].to <= r.To && len(links) < limit; i++ {
				links = append(links, Link{from, steps[i].from, r.Chain, steps[i].to})
			}
		}
	}
	return links, nil
}

// Nothing is the Index of a room without events.
type Nothing struct{}

func (Nothing) Positions(context.Context, []int64) (map[int64]Pos, error) { return nil, nil }
func (Nothing) Tips(context.Context, []int64) (map[int64]int64, error)    { return nil, nil }
func (Nothing) Links(context.Context, []Pos) ([]Link, error)              { return nil, nil }
func (Nothing) LinksWithin(context.Context, []Range) ([]Link, error)      { return nil, nil }
func (Nothing) EventsAt(context.Context, []Range) (map[Pos]int64, error)  { return nil, nil }
func (Nothing) LinksInto(context.Context, []Range, int) ([]Link, error)   { return nil, nil }
