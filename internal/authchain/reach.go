package authchain

import "context"

// Reach returns the events themselves and everything in their auth chains. It asks the index once per step from
// chain to chain (two or three in an ordinary room).
func Reach(ctx context.Context, idx Index, from []int64) (Cover, error) {
	at, err := positions(ctx, idx, from)
	if err != nil {
		return nil, err
	}
	cover := Cover{}
	frontier := make(map[int64]int64, len(at))
	for _, p := range at {
		if cover.raise(p.Chain, p.Seq) {
			frontier[p.Chain] = p.Seq
		}
	}
	return cover, expand(ctx, idx, cover, frontier, nil)
}

// Ancestors returns the auth chains of the events: the specification's "full auth chain" of a set. An event of
// the set is in it only if another one rests on it.
func Ancestors(ctx context.Context, idx Index, of []int64) (Cover, error) {
	at, err := positions(ctx, idx, of)
	if err != nil {
		return nil, err
	}
	cover := Cover{}
	frontier := make(map[int64]int64, len(at))
	for _, p := range at {
		cover.raise(p.Chain, p.Seq-1)
		frontier[p.Chain] = max(frontier[p.Chain], p.Seq)
	}
	return cover, expand(ctx, idx, cover, frontier, nil)
}

// Reaches says whether to is from itself or in its auth chain.
func Reaches(ctx context.Context, idx Index, from, to int64) (bool, error) {
	at, err := positions(ctx, idx, []int64{from, to})
	if err != nil {
		return false, err
	}
	start, goal := at[from], at[to]
	cover := Cover{start.Chain: start.Seq}
	frontier := map[int64]int64{start.Chain: start.Seq}
	err = expand(ctx, idx, cover, frontier, func() bool { return cover.Has(goal) })
	return cover.Has(goal), err
}

// expand follows links from the frontier until the cover is closed, or until enough says so. The frontier has
// the seq up to which the links of a chain are still to be followed.
func expand(ctx context.Context, idx Index, cover Cover, frontier map[int64]int64, enough func() bool) error {
	for len(frontier) > 0 && (enough == nil || !enough()) {
		if err := ctx.Err(); err != nil {
			return err
		}
		upTo := make([]Pos, 0, len(frontier))
		for chain, seq := range frontier {
			upTo = append(upTo, Pos{chain, seq})
		}
		links, err := idx.Links(ctx, upTo)
		if err != nil {
			return err
		}
		next := make(map[int64]int64)
		for _, l := range links {
			if cover.raise(l.ToChain, l.ToSeq) {
				next[l.ToChain] = l.ToSeq
			}
		}
		frontier = next
	}
	return nil
}
