// Package authchain answers questions about the auth chains of a room's events without walking them: is one
// event in another's chain (Reaches), what do some events rest on (Reach), where do the chains of several
// states differ (Difference) and which events lie between conflicted ones (Subgraph, room version 12). It is
// what state resolution asks; the state store has no answer to it.
//
// It is a chain cover. Every state event gets a position (chain, seq), also one that authorises nothing, since it
// can be conflicted and what it rests on then counts; the events of a chain follow each other, each having its predecessor in its auth chain. So what an event rests on is, for
// each chain, everything up to one seq: a Cover. Where an event has auth events in other chains, a link from
// its position to theirs says so, unless what it has already implies it. Place gives positions and links.
//
// A chain follows one state key: an event continues the chain of the event that it replaces. A room thus has
// about as many chains as it has had state keys, a join adds one or two links, and since power levels, join
// rules and the creation are what nearly everything rests on, a cover has few chains even when the room has
// 100,000 members. Letting an event continue any chain whose end is free would save chains in the first
// minutes and then string the power levels of the room over as many chains as there were changes, each a round trip.
//
// The package owns the algorithms and Overlay, which holds placements that are not committed yet. It does
// not store anything: the caller supplies an Index. All calls for one room's events need the room's lock
// only where they write (Place); reading sees every event that the Index knows.
package authchain

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Pos is an event's place in the cover. Chains are numbered over the whole database and belong to one room; seq
// begins at 1 and has no holes.
type Pos struct{ Chain, Seq int64 }

// Link says that the event at (FromChain, FromSeq) has the one at (ToChain, ToSeq) in its auth chain, and so has
// everything after it in its chain. The chains are different. Between two chains, links that begin later end later.
type Link struct{ FromChain, FromSeq, ToChain, ToSeq int64 }

// Range names the positions of one chain from From to To, both included. It is empty when From > To.
type Range struct{ Chain, From, To int64 }

// Index reads what is stored, together with what is pending. Every method is one batch; slices may be long
// (thousands) and splitting them is up to the implementation. The answers need no order, and may hold the
// same link more than once. Callers do not change what they get.
type Index interface {
	// Positions returns where events are. Events that have no position are left out.
	Positions(ctx context.Context, events []int64) (map[int64]Pos, error)

	// Tips returns the highest seq of chains. Unknown chains are left out.
	Tips(ctx context.Context, chains []int64) (map[int64]int64, error)

	// Links returns links that begin in the chain of each position at its seq or before. Of the links between
	// the same two chains only the one that ends highest is needed, and since links that begin later end later
	// it is the one that begins last: an implementation should find it for each target chain with one
	// descent of an index (from_chain, to_chain, from_seq), because power levels of an old room have many.
	Links(ctx context.Context, upTo []Pos) ([]Link, error)

	// LinksWithin returns all links that begin within the ranges.
	LinksWithin(ctx context.Context, ranges []Range) ([]Link, error)

	// EventsAt returns the events at the positions within the ranges.
	EventsAt(ctx context.Context, ranges []Range) (map[Pos]int64, error)
}

// Cover is a set of events closed under "auth events of": of each chain everything up to the seq.
type Cover map[int64]int64

// Has says whether the event at p is in the cover.
func (c Cover) Has(p Pos) bool { return p.Seq <= c[p.Chain] }

func (c Cover) raise(chain, seq int64) bool {
	if seq <= c[chain] {
		return false
	}
	c[chain] = seq
	return true
}

// ErrUnplaced says that an event has no position: it was never given to Place.
var ErrUnplaced = errors.New("authchain: event has no position")

// ErrOrder says that the events given to Place are not in topological order, or that one is its own auth event.
var ErrOrder = errors.New("authchain: an event comes before its auth event")

// ErrTooLarge says that the sets given to Difference rest on so many chains that comparing them would take too
// much memory. It takes a room built for that.
var ErrTooLarge = errors.New("authchain: the auth chains are too large to compare")

// positions is Index.Positions for events that must all have one.
func positions(ctx context.Context, idx Index, events []int64) (map[int64]Pos, error) {
	events = slices.Clone(events)
	slices.Sort(events)
	events = slices.Compact(events)
	at, err := idx.Positions(ctx, events)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if _, ok := at[e]; !ok {
			return nil, fmt.Errorf("%w: %d", ErrUnplaced, e)
		}
	}
	return at, nil
}
