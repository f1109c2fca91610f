package authchain

// maxClimb bounds the search for a jump's end; among n chains in a row it is log n steps on average.
const maxClimb = 64

// jump adds, for the first event of a chain that has a deep auth event, a link that leads past many chains at once.
//
// Chains can be made to stand in a row, each resting on the one before: a server that forks its user's
// membership again and again, always naming the dead branch first, gets a chain per fork, and so does a row of
// invited users. Following such a row takes a round trip per chain. Therefore chains have a rank, by a hash of
// their number, and the jump goes back to the nearest chain in the row with a higher rank. From any chain of a row
// of n every other one is then some (log n)² steps away, about 60 for 2,000 and 170 for 100,000, for half a link
// a chain. Rooms that are not deep get no jumps.
func (p *placer) jump(links []Link, a auth, from Pos) ([]Link, error) {
	r, err := p.rest(a)
	if err != nil || !r.deep {
		return links, err
	}
	at := a.pos
	for range maxClimb {
		if rank(at.Chain) > rank(from.Chain) {
			for _, l := range links {
				if l.ToChain == at.Chain {
					return links, nil
				}
			}
			return append(links, Link{from.Chain, from.Seq, at.Chain, at.Seq}), nil
		}
		out, err := p.over.Links(p.ctx, []Pos{at})
		if err != nil {
			return nil, err
		}
		next := Pos{}
		for _, l := range out {
			if l.FromSeq <= at.Seq && rank(l.ToChain) > rank(at.Chain) && newer(Pos{l.ToChain, l.ToSeq}, next) {
				next = Pos{l.ToChain, l.ToSeq}
			}
		}
		if next.Chain == 0 {
			return links, nil
		}
		at = next
	}
	return links, nil
}

// newer prefers the chain that was begun later, the nearer one in a row, and in it the later event.
func newer(a, b Pos) bool { return a.Chain > b.Chain || a.Chain == b.Chain && a.Seq > b.Seq }

// rank mixes a chain's number (the finaliser of SplitMix64).
func rank(chain int64) uint64 {
	x := uint64(chain) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
