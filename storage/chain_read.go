package storage

import (
	"github.com/chancery-im/chancery/internal/authchain"
)

// ChainPositions are the places of events in the auth-chain index.
func (tx *ReadTx) ChainPositions(nids []int64) (map[int64]authchain.Pos, error) {
	type row struct {
		nid int64
		pos authchain.Pos
	}
	out := make(map[int64]authchain.Pos, len(nids))
	for from := 0; from < len(nids); from += chunk {
		list, err := collect(tx, `SELECT event_nid, chain, seq FROM auth_chain WHERE event_nid IN $1`,
			func(s scanner) (r row, err error) { return r, s.Scan(&r.nid, &r.pos.Chain, &r.pos.Seq) }, tx.in(nids[from:min(from+chunk, len(nids))]))
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			out[r.nid] = r.pos
		}
	}
	return out, nil
}

// ChainTips are the highest seq of chains.
func (tx *ReadTx) ChainTips(chains []int64) (map[int64]int64, error) {
	out := make(map[int64]int64, len(chains))
	for _, c := range chains {
		var seq int64
		err := tx.one(`SELECT COALESCE(MAX(seq), 0) FROM auth_chain WHERE chain = $1`, []any{&seq}, c)
		if err != nil {
			return nil, err
		}
		if seq > 0 {
			out[c] = seq
		}
	}
	return out, nil
}

func scanLink(s scanner) (l authchain.Link, err error) {
	return l, s.Scan(&l.FromChain, &l.FromSeq, &l.ToChain, &l.ToSeq)
}

// ChainLinks are, for each position, the last link of its chain at or before it to
// each other chain. The recursion goes from target to target, one descent of the
// index each, because a grouping would read every link that there ever was.
func (tx *ReadTx) ChainLinks(upTo []authchain.Pos) ([]authchain.Link, error) {
	var out []authchain.Link
	for _, p := range upTo {
		list, err := collect(tx, `WITH RECURSIVE t(d) AS (
				SELECT (SELECT MIN(to_chain) FROM auth_links WHERE from_chain = $1)
				UNION ALL
				SELECT (SELECT MIN(to_chain) FROM auth_links WHERE from_chain = $1 AND to_chain > t.d) FROM t WHERE t.d IS NOT NULL)
			SELECT l.from_chain, l.from_seq, l.to_chain, l.to_seq FROM t JOIN auth_links l
			ON l.from_chain = $1 AND l.to_chain = t.d
			AND l.from_seq = (SELECT MAX(from_seq) FROM auth_links WHERE from_chain = $1 AND to_chain = t.d AND from_seq <= $2)`,
			scanLink, p.Chain, p.Seq)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// ChainLinksWithin are all links that begin within the ranges.
func (tx *ReadTx) ChainLinksWithin(ranges []authchain.Range) ([]authchain.Link, error) {
	var out []authchain.Link
	for _, r := range ranges {
		list, err := collect(tx, `SELECT from_chain, from_seq, to_chain, to_seq FROM auth_links
			WHERE from_chain = $1 AND from_seq >= $2 AND from_seq <= $3`, scanLink, r.Chain, r.From, r.To)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// ChainLinksInto are links that end within the ranges: all, or limit of them.
func (tx *ReadTx) ChainLinksInto(ranges []authchain.Range, limit int) ([]authchain.Link, error) {
	var out []authchain.Link
	for _, r := range ranges {
		list, err := collect(tx, `SELECT from_chain, from_seq, to_chain, to_seq FROM auth_links
			WHERE to_chain = $1 AND to_seq >= $2 AND to_seq <= $3 LIMIT $4`, scanLink, r.Chain, r.From, r.To, int64(max(0, limit-len(out))))
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// ChainEventsAt are the events at the positions within the ranges.
func (tx *ReadTx) ChainEventsAt(ranges []authchain.Range) (map[authchain.Pos]int64, error) {
	type row struct {
		pos authchain.Pos
		nid int64
	}
	out := map[authchain.Pos]int64{}
	for _, r := range ranges {
		list, err := collect(tx, `SELECT chain, seq, event_nid FROM auth_chain WHERE chain = $1 AND seq >= $2 AND seq <= $3`,
			func(s scanner) (r row, err error) { return r, s.Scan(&r.pos.Chain, &r.pos.Seq, &r.nid) }, r.Chain, r.From, r.To)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			out[r.pos] = r.nid
		}
	}
	return out, nil
}
