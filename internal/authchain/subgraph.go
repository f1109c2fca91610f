package authchain

import (
	"context"
	"slices"
)

// Subgraph returns the conflicted state subgraph of room version 12 (state resolution 2.1): the conflicted events and
// every event on a path of auth events from one of them to another, ascending.
//
// An event at (chain, seq) is on such a path when a conflicted event reaches it and it reaches one. In each
// chain the first condition holds up to some seq (the cover of the conflicted events) and the second from some
// seq on, so the answer is one range per chain. For the lower ends links have to be followed against their
// direction; only those links are read that begin outside what all conflicted events rest on, since an
// event there cannot reach any of them without a circle.
func Subgraph(ctx context.Context, idx Index, conflicted []int64) ([]int64, error) {
	at, err := positions(ctx, idx, conflicted)
	if err != nil || len(at) == 0 {
		return nil, err
	}
	lowest := Cover{}
	for _, p := range at {
		if first, ok := lowest[p.Chain]; !ok || p.Seq < first {
			lowest[p.Chain] = p.Seq
		}
	}
	high, err := Reach(ctx, idx, conflicted)
	if err != nil {
		return nil, err
	}
	shared, err := restedOn(ctx, idx, lowest)
	if err != nil {
		return nil, err
	}
	candidates := make([]Range, 0, len(high))
	for chain, top := range high {
		candidates = append(candidates, Range{chain, 1, top})
	}
	links, err := idx.LinksWithin(ctx, above(candidates, shared))
	if err != nil {
		return nil, err
	}
	reaching := reachingDown(lowest, links, high)
	var ranges []Range
	for chain, top := range high {
		if low, ok := reaching[chain]; ok && low <= top {
			ranges = append(ranges, Range{chain, low, top})
		}
	}
	return eventsAt(ctx, idx, ranges)
}

// maxShared bounds the memory for restedOn, in entries of covers: some 50 MB.
const maxShared = 1 << 20

// restedOn returns the events that are in the auth chain of every one of the positions. What the first
// conflicted event of a chain rests on, the later ones rest on too, so one per chain is enough. When the covers
// grow out of bounds it returns less, which makes Subgraph read more links.
func restedOn(ctx context.Context, idx Index, lowest Cover) (Cover, error) {
	g := newGather(idx)
	for chain, seq := range lowest {
		g.add([]Pos{{chain, seq}}, true)
	}
	closed, err := g.run(ctx, maxShared)
	if err != nil || !closed {
		return nil, err
	}
	shared := g.covers[0]
	for _, c := range g.covers[1:] {
		for chain, seq := range shared {
			if seq = min(seq, c[chain]); seq == 0 {
				delete(shared, chain)
			} else {
				shared[chain] = seq
			}
		}
	}
	return shared, nil
}

// reachingDown returns, for each chain, the first seq from which on its events reach one of the positions in goals.
// Each link is used at most once: when the chain that it leads to is known to reach a goal from where it ends.
func reachingDown(goals Cover, links []Link, within Cover) map[int64]int64 {
	into := make(map[int64][]Link)
	for _, l := range links {
		if within.Has(Pos{l.FromChain, l.FromSeq}) {
			into[l.ToChain] = append(into[l.ToChain], l)
		}
	}
	for _, in := range into {
		slices.SortFunc(in, func(a, b Link) int { return int(min(max(b.ToSeq-a.ToSeq, -1), 1)) })
	}
	first := make(map[int64]int64, len(goals))
	work := make([]int64, 0, len(goals))
	for chain, seq := range goals {
		first[chain] = seq
		work = append(work, chain)
	}
	for len(work) > 0 {
		chain := work[len(work)-1]
		work = work[:len(work)-1]
		in := into[chain]
		used := 0
		for used < len(in) && in[used].ToSeq >= first[chain] {
			l := in[used]
			used++
			if seq, ok := first[l.FromChain]; !ok || l.FromSeq < seq {
				first[l.FromChain] = l.FromSeq
				work = append(work, l.FromChain)
			}
		}
		into[chain] = in[used:]
	}
	return first
}
