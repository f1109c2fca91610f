package syncapi

import (
	"encoding/json"

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
	if g.q.initial {
		return nil // every room is fresh, and reads its own
	}
	list, err := g.tx.ReceiptsSince(g.q.user, g.q.since, g.upto)
	for _, r := range list {
		if g.receipts == nil {
			g.receipts = map[int64][]storage.Receipt{}
		}
		g.receipts[r.RoomNID] = append(g.receipts[r.RoomNID], r)
	}
	return err
}

// ephemeral are the events of a room that are in no timeline: who types, and how far
// people have read.
func (g *gathering) ephemeral(r storage.SyncRoom, fresh bool) ([]json.RawMessage, error) {
	f := g.q.filter.Room.Ephemeral
	var out []json.RawMessage
	list := g.receipts[r.Room.NID]
	if fresh {
		var err error
		if list, err = g.tx.ReceiptsOf(r.Room.NID, g.q.user, g.upto); err != nil {
			return nil, err
		}
	}
	content := receiptContent{}
	for _, rc := range list {
		if g.ignored[rc.User] {
			continue
		}
		if content[rc.EventID] == nil {
			content[rc.EventID] = map[string]map[string]receiptMark{}
		}
		if content[rc.EventID][rc.Type] == nil {
			content[rc.EventID][rc.Type] = map[string]receiptMark{}
		}
		content[rc.EventID][rc.Type][rc.User] = receiptMark{rc.TS, rc.Thread}
	}
	if len(content) > 0 && f.MatchType("m.receipt") {
		raw, err := json.Marshal(map[string]any{"type": "m.receipt", "content": content})
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
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
