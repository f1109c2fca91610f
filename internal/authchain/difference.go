package authchain

import (
	"context"
	"slices"
)

// Difference returns the events that are in the full auth chains of some of the sets but not of all, ascending. Each
// set's chain includes the set's own events. Its cost is that of one Reach per set, which share what they read,
// and of the answer (ErrTooLarge bounds it).
//
// For state resolution (room versions 2 to 12, "auth difference") the sets are whole states. Pass each state's
// conflicted events only and the rest as common, to DifferenceOver; without the rest the answer can be too
// large. That the own events count does not matter there: a conflicted one is in the full conflicted
// set anyway, an unconflicted one is in every set.
func Difference(ctx context.Context, idx Index, sets [][]int64) ([]int64, error) {
	return DifferenceOver(ctx, idx, nil, sets)
}

// DifferenceOver is Difference with the events of common added to every set; nil is none. They are looked at only
// if the sets differ without them. Where the index can follow links backwards (Incoming) only those of them are
// read that came after what differs; otherwise, or when those are very many, all are, once.
func DifferenceOver(ctx context.Context, idx Index, common Common, sets [][]int64) ([]int64, error) {
	g, err := reachSets(ctx, idx, sets)
	if err != nil {
		return nil, err
	}
	ranges := differing(g.covers)
	if len(ranges) > 0 && common != nil {
		below, err := commonCover(ctx, idx, common, ranges)
		if err != nil {
			return nil, err
		}
		ranges = above(ranges, below)
	}
	return eventsAt(ctx, idx, ranges)
}

// maxCompared bounds the memory for Difference, in entries of covers: some 200 MB. 50 states with 2,000 conflicted
// members each have 100,000.
const maxCompared = 1 << 22

func reachSets(ctx context.Context, idx Index, sets [][]int64) (*gather, error) {
	at, err := positions(ctx, idx, slices.Concat(sets...))
	if err != nil {
		return nil, err
	}
	g := newGather(idx)
	for _, set := range sets {
		from := make([]Pos, len(set))
		for i, e := range set {
			from[i] = at[e]
		}
		g.add(from, false)
	}
	closed, err := g.run(ctx, maxCompared)
	if err == nil && !closed {
		err = ErrTooLarge
	}
	return g, err
}

// differing returns, for each chain, what is in the highest cover and not in the lowest.
func differing(covers []Cover) []Range {
	high, in := Cover{}, map[int64]int{}
	for _, c := range covers {
		for chain, seq := range c {
			high.raise(chain, seq)
			in[chain]++
		}
	}
	var ranges []Range
	for chain, top := range high {
		low := int64(0)
		if in[chain] == len(covers) {
			low = top
			for _, c := range covers {
				low = min(low, c[chain])
			}
		}
		if low < top {
			ranges = append(ranges, Range{chain, low + 1, top})
		}
	}
	return ranges
}

// above cuts from the ranges what a cover has.
func above(ranges []Range, below Cover) []Range {
	kept := ranges[:0]
	for _, r := range ranges {
		if r.From = max(r.From, below[r.Chain]+1); r.From <= r.To {
			kept = append(kept, r)
		}
	}
	return kept
}

// eventsAt returns the events in ranges, ascending.
func eventsAt(ctx context.Context, idx Index, ranges []Range) ([]int64, error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	slices.SortFunc(ranges, func(a, b Range) int { return int(min(max(a.Chain-b.Chain, -1), 1)) })
	at, err := idx.EventsAt(ctx, ranges)
	if err != nil {
		return nil, err
	}
	events := make([]int64, 0, len(at))
	for _, e := range at {
		events = append(events, e)
	}
	slices.Sort(events)
	return events, nil
}
