package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/authchain"
)

// chainCache remembers what a room's auth-chain index said. A position never
// changes, nor do the links that begin at or before it, and the tips move only
// through this process while it holds the room: a message or a join asks the
// database nothing. It stands over the overlay, so that it knows what is in flight;
// what is taken back clears it. The room lock guards it.
type chainCache struct {
	*authchain.Overlay
	positions map[int64]authchain.Pos
	tips      map[int64]int64
	links     map[authchain.Pos][]authchain.Link
}

// chainCacheSize bounds each of the maps.
const chainCacheSize = 1024

func newChainCache(o *authchain.Overlay) *chainCache {
	c := &chainCache{Overlay: o}
	c.clear()
	return c
}

func (c *chainCache) clear() {
	c.positions, c.tips, c.links = map[int64]authchain.Pos{}, map[int64]int64{}, map[authchain.Pos][]authchain.Link{}
}

func (c *chainCache) bound() {
	if len(c.positions) > chainCacheSize || len(c.tips) > chainCacheSize || len(c.links) > chainCacheSize {
		c.clear()
	}
}

// Add implements what Overlay does, and keeps the tips true.
func (c *chainCache) Add(placed []authchain.Placed, links []authchain.Link) {
	c.Overlay.Add(placed, links)
	for _, p := range placed {
		c.positions[p.NID] = p.Pos
		c.tips[p.Pos.Chain] = max(c.tips[p.Pos.Chain], p.Pos.Seq)
	}
}

// Positions implements authchain.Index.
func (c *chainCache) Positions(ctx context.Context, nids []int64) (map[int64]authchain.Pos, error) {
	c.bound()
	out := make(map[int64]authchain.Pos, len(nids))
	var miss []int64
	for _, nid := range nids {
		if p, ok := c.positions[nid]; ok {
			out[nid] = p
		} else {
			miss = append(miss, nid)
		}
	}
	if len(miss) == 0 {
		return out, nil
	}
	got, err := c.Overlay.Positions(ctx, miss)
	for nid, p := range got {
		out[nid], c.positions[nid] = p, p
	}
	return out, err
}

// Tips implements authchain.Index.
func (c *chainCache) Tips(ctx context.Context, chains []int64) (map[int64]int64, error) {
	out := make(map[int64]int64, len(chains))
	var miss []int64
	for _, ch := range chains {
		if seq, ok := c.tips[ch]; ok {
			out[ch] = seq
		} else {
			miss = append(miss, ch)
		}
	}
	if len(miss) == 0 {
		return out, nil
	}
	got, err := c.Overlay.Tips(ctx, miss)
	for ch, seq := range got {
		out[ch], c.tips[ch] = seq, seq
	}
	return out, err
}

// Links implements authchain.Index.
func (c *chainCache) Links(ctx context.Context, upTo []authchain.Pos) ([]authchain.Link, error) {
	var out []authchain.Link
	var miss []authchain.Pos
	for _, p := range upTo {
		if links, ok := c.links[p]; ok {
			out = append(out, links...)
		} else {
			miss = append(miss, p)
		}
	}
	// One at a time: an answer is remembered by its question.
	for _, p := range miss {
		links, err := c.Overlay.Links(ctx, []authchain.Pos{p})
		if err != nil {
			return nil, err
		}
		c.links[p] = links
		out = append(out, links...)
	}
	return out, nil
}
