package syncapi

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/storage"
)

// receiptContent is the content of m.receipt: event → type → user → when, and in
// which thread.
type receiptContent map[string]map[string]map[string]receiptMark

type receiptMark struct {
	TS     int64  `json:"ts"`
	Thread string `json:"thread_id,omitempty"`
}

// readReceipts gathers what moved in the user's rooms since the token.
func (g *gathering) readReceipts() error {
	if g.news.known && !g.news.receipts {
		return nil
	}
	since := g.q.since
	if g.q.initial {
		since = 0
	}
	list, err := g.tx.ReceiptsSince(g.q.user, since, g.upto)
	for _, r := range list {
		if g.receipts == nil {
			g.receipts = map[int64][]storage.Receipt{}
		}
		g.receipts[r.RoomNID] = append(g.receipts[r.RoomNID], r)
	}
	return err
}

// receiptContents puts receipts into as few events as can hold them. An event has
// place for one receipt of a user and type on a message: of several the one without a
// thread comes first, and is all that clients need (MSC4102).
func (g *gathering) receiptContents(list []storage.Receipt) (out []receiptContent) {
	slices.SortStableFunc(list, func(a, b storage.Receipt) int { return strings.Compare(a.Thread, b.Thread) })
	for _, rc := range list {
		if g.ignored[rc.User] {
			continue
		}
		for i := 0; ; i++ {
			if i == len(out) {
				out = append(out, receiptContent{})
			}
			if have, taken := out[i][rc.EventID][rc.Type][rc.User]; !taken {
				out[i].put(rc)
			} else if have.Thread != "" {
				continue
			}
			break
		}
	}
	return out
}

func (c receiptContent) put(rc storage.Receipt) {
	if c[rc.EventID] == nil {
		c[rc.EventID] = map[string]map[string]receiptMark{}
	}
	if c[rc.EventID][rc.Type] == nil {
		c[rc.EventID][rc.Type] = map[string]receiptMark{}
	}
	c[rc.EventID][rc.Type][rc.User] = receiptMark{rc.TS, rc.Thread}
}

// ephemeral are the events of a room that are in no timeline: who types, and how far
// people have read.
func (g *gathering) ephemeral(r storage.SyncRoom, fresh bool) ([]json.RawMessage, error) {
	f := g.q.filter.Room.Ephemeral
	var out []json.RawMessage
	list := g.receipts[r.Room.NID]
	if fresh && !g.q.initial {
		var err error
		if list, err = g.tx.ReceiptsOf(r.Room.NID, g.q.user, g.upto); err != nil {
			return nil, err
		}
	}
	if f.MatchType("m.receipt") {
		for _, content := range g.receiptContents(list) {
			raw, err := json.Marshal(map[string]any{"type": "m.receipt", "content": content})
			if err != nil {
				return nil, err
			}
			out = append(out, raw)
		}
	}
	after := g.q.count
	if fresh {
		after = 0
	}
	users, changed := g.a.rooms.Typing(r.Room.ID, after)
	if changed && (len(users) > 0 || !fresh) && f.MatchType("m.typing") {
		raw, err := json.Marshal(map[string]any{"type": "m.typing", "content": map[string]any{"user_ids": users}})
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}
