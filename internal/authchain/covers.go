package authchain

import "context"

// gather closes several covers at once, so that they share round trips and the links that they have in common:
// covers that rest on the same power levels read their links once.
type gather struct {
	idx    Index
	covers []Cover
	open   []map[int64]int64 // per cover: chains and the seq up to which their links are still to be followed
	links  map[Pos][]Link
	size   int // entries of all covers
}

func newGather(idx Index) *gather { return &gather{idx: idx, links: map[Pos][]Link{}} }

// add begins a cover at positions, which themselves belong to it unless without is set.
func (g *gather) add(from []Pos, without bool) {
	cover, open := Cover{}, make(map[int64]int64, len(from))
	for _, p := range from {
		open[p.Chain] = max(open[p.Chain], p.Seq)
		if without {
			p.Seq--
		}
		cover.raise(p.Chain, p.Seq)
	}
	g.covers, g.open = append(g.covers, cover), append(g.open, open)
	g.size += len(cover)
}

// run closes the covers. It stops early, with closed false, when they have more than limit entries together.
func (g *gather) run(ctx context.Context, limit int) (closed bool, err error) {
	for {
		if g.size > limit {
			return false, nil
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := g.fetch(ctx); err != nil {
			return false, err
		}
		if !g.step() {
			return true, nil
		}
	}
}

// fetch reads the links of the positions that no cover has followed before.
func (g *gather) fetch(ctx context.Context) error {
	var missing []Pos
	for _, open := range g.open {
		for chain, seq := range open {
			p := Pos{chain, seq}
			if _, ok := g.links[p]; !ok {
				g.links[p] = nil
				missing = append(missing, p)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	links, err := g.idx.Links(ctx, missing)
	if err != nil {
		return err
	}
	from := make(map[int64][]Link)
	for _, l := range links {
		from[l.FromChain] = append(from[l.FromChain], l)
	}
	for _, p := range missing {
		for _, l := range from[p.Chain] {
			if l.FromSeq <= p.Seq {
				g.links[p] = append(g.links[p], l)
			}
		}
	}
	return nil
}

// step follows the fetched links by one chain and says whether anything is left open.
func (g *gather) step() (more bool) {
	for i, open := range g.open {
		next := make(map[int64]int64)
		cover := g.covers[i]
		before := len(cover)
		for chain, seq := range open {
			for _, l := range g.links[Pos{chain, seq}] {
				if cover.raise(l.ToChain, l.ToSeq) {
					next[l.ToChain] = l.ToSeq
				}
			}
		}
		g.open[i] = next
		g.size += len(cover) - before
		more = more || len(next) > 0
	}
	return more
}
