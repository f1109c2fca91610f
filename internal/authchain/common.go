package authchain

import (
	"context"
	"errors"
	"math"
)

// Common is what several states agree in: the unconflicted part of state resolution, which may be 100,000 events.
type Common interface {
	// Events returns all of it.
	Events(ctx context.Context) ([]int64, error)

	// Among returns those of the events that belong to it.
	Among(ctx context.Context, events []int64) ([]int64, error)
}

// Incoming may be implemented by an Index that finds links by where they end (an index on to_chain, to_seq).
type Incoming interface {
	// LinksInto returns links that end within the ranges: all of them, or any limit of them when there are
	// that many or more. ErrNoIncoming says that it cannot.
	LinksInto(ctx context.Context, ranges []Range, limit int) ([]Link, error)
}

// ErrNoIncoming says that an Index does not find links by where they end.
var ErrNoIncoming = errors.New("authchain: links are not indexed by their ends")

// maxForward bounds how many links, and how many events, are read forwards before reading all of Common is
// taken to be cheaper.
const maxForward = 4000

// commonCover returns a cover that has, of the events in the ranges, just those that common events rest on.
func commonCover(ctx context.Context, idx Index, common Common, ranges []Range) (Cover, error) {
	events, found, err := restingOn(ctx, idx, ranges)
	if err != nil {
		return nil, err
	}
	if found {
		events, err = common.Among(ctx, events)
	} else {
		events, err = common.Events(ctx)
	}
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return Reach(ctx, idx, events)
}

// restingOn returns all events that have some event of the ranges in their auth chains, and those of the ranges
// themselves. found is false when they are too many or the index cannot tell.
func restingOn(ctx context.Context, idx Index, ranges []Range) (events []int64, found bool, err error) {
	incoming, ok := idx.(Incoming)
	if !ok {
		return nil, false, nil
	}
	first := make(map[int64]int64, len(ranges))
	work := make([]Range, 0, len(ranges))
	for _, r := range ranges {
		first[r.Chain] = r.From
		work = append(work, Range{r.Chain, r.From, math.MaxInt64})
	}
	for left := maxForward; len(work) > 0; {
		links, err := incoming.LinksInto(ctx, work, left)
		if errors.Is(err, ErrNoIncoming) {
			return nil, false, nil
		}
		if left -= len(links); err != nil || left <= 0 {
			return nil, false, err
		}
		work = lower(first, links)
	}
	return eventsFrom(ctx, idx, first)
}

// lower moves the first events of chains down to where links begin, and returns what that adds.
func lower(first map[int64]int64, links []Link) []Range {
	before := make(map[int64]int64)
	for _, l := range links {
		at, known := first[l.FromChain]
		if known && at <= l.FromSeq {
			continue
		}
		if _, moved := before[l.FromChain]; !moved {
			before[l.FromChain] = math.MaxInt64
			if known {
				before[l.FromChain] = at - 1
			}
		}
		first[l.FromChain] = l.FromSeq
	}
	added := make([]Range, 0, len(before))
	for chain, to := range before {
		added = append(added, Range{chain, first[chain], to})
	}
	return added
}

// eventsFrom returns the events of chains from a seq on, unless they are too many.
func eventsFrom(ctx context.Context, idx Index, first map[int64]int64) ([]int64, bool, error) {
	chains := make([]int64, 0, len(first))
	for chain := range first {
		chains = append(chains, chain)
	}
	tips, err := idx.Tips(ctx, chains)
	if err != nil {
		return nil, false, err
	}
	ranges, n := make([]Range, 0, len(first)), int64(0)
	for chain, from := range first {
		ranges = append(ranges, Range{chain, from, tips[chain]})
		n += tips[chain] - from + 1
	}
	if n > maxForward {
		return nil, false, nil
	}
	events, err := eventsAt(ctx, idx, ranges)
	return events, err == nil, err
}
