package storage

import (
	"database/sql"
	"fmt"

	"github.com/chancery-im/chancery/internal/event"
)

// StoredEvent is an event with its place. Topo is 0 when it is in no timeline, Pos
// when it has no stream position, StateBefore for an outlier.
type StoredEvent struct {
	NID, RoomNID int64
	ID           string
	Topo, Pos    int64
	Flags        int64
	StateBefore  int64
	RedactedBy   int64
	Push         int64 // what it is for everybody: 0 nothing, 1 notify, 2 highlight
	Thread       int64 // the thread it is in, 0: the main timeline
	Event        *event.Event
}

// Edge is a gap in a room's timeline: the one before the event with this key.
type Edge struct{ Topo, NID int64 }

const eventColumns = `e.event_nid, e.room_nid, e.event_id, e.topo, e.pos, e.flags, e.state_before, e.redacted_by, e.push, e.thread_nid, r.version, j.json
	FROM events e JOIN rooms r ON r.room_nid = e.room_nid JOIN event_json j ON j.event_nid = e.event_nid `

func scanEvent(r scanner) (StoredEvent, error) {
	var st StoredEvent
	var topo, pos, by, thread sql.NullInt64
	var version string
	var json []byte
	if err := r.Scan(&st.NID, &st.RoomNID, &st.ID, &topo, &pos, &st.Flags, &st.StateBefore, &by, &st.Push, &thread, &version, &json); err != nil {
		return st, err
	}
	st.Topo, st.Pos, st.RedactedBy, st.Thread = topo.Int64, pos.Int64, by.Int64, thread.Int64
	var err error
	st.Event, err = event.Load(event.Version(version), st.ID, json)
	return st, err
}

// EventByID is an event of this room.
func (tx *ReadTx) EventByID(room int64, eventID string) (StoredEvent, error) {
	list, err := collect(tx, `SELECT `+eventColumns+`WHERE e.event_id = $1 AND e.room_nid = $2`, scanEvent, eventID, room)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return StoredEvent{}, err
	}
	return list[0], nil
}

// chunk bounds the length of a list in a query.
const chunk = 2000

// EventsByNID are those of the events that are in this room.
func (tx *ReadTx) EventsByNID(room int64, nids []int64) (map[int64]StoredEvent, error) {
	out := make(map[int64]StoredEvent, len(nids))
	for from := 0; from < len(nids); from += chunk {
		list, err := collect(tx, `SELECT `+eventColumns+`WHERE e.event_nid IN $1 AND e.room_nid = $2`, scanEvent,
			tx.in(nids[from:min(from+chunk, len(nids))]), room)
		if err != nil {
			return nil, err
		}
		for _, st := range list {
			out[st.NID] = st
		}
	}
	return out, nil
}

// EventsByID are those of the events that are in this room, by id.
func (tx *ReadTx) EventsByID(room int64, ids []string) (map[string]StoredEvent, error) {
	out := make(map[string]StoredEvent, len(ids))
	for from := 0; from < len(ids); from += chunk {
		list, err := collect(tx, `SELECT `+eventColumns+`WHERE e.event_id IN $1 AND e.room_nid = $2`, scanEvent,
			tx.in(ids[from:min(from+chunk, len(ids))]), room)
		if err != nil {
			return nil, err
		}
		for _, st := range list {
			out[st.ID] = st
		}
	}
	return out, nil
}

// EventNIDs are the numbers of the events that are in this room.
func (tx *ReadTx) EventNIDs(room int64, ids []string) (map[string]int64, error) {
	type pair struct {
		id  string
		nid int64
	}
	list, err := collect(tx, `SELECT event_id, event_nid FROM events WHERE event_id IN $1 AND room_nid = $2`,
		func(r scanner) (p pair, err error) { return p, r.Scan(&p.id, &p.nid) }, tx.in(ids), room)
	out := make(map[string]int64, len(list))
	for _, p := range list {
		out[p.id] = p.nid
	}
	return out, err
}

// Timeline reads events of a room's timeline from a gap on: those before it, newest
// first, with backwards, else those behind it, oldest first. It stops at the gap to,
// when given, and leaves out what came after position maxPos, unless that is 0.
func (tx *ReadTx) Timeline(room int64, from Edge, to *Edge, backwards bool, limit int, maxPos int64) ([]StoredEvent, error) {
	cmp, order, stop := ">=", "ASC", "<"
	if backwards {
		cmp, order, stop = "<", "DESC", ">="
	}
	text := fmt.Sprintf(`SELECT `+eventColumns+`WHERE e.room_nid = $1 AND e.topo IS NOT NULL AND (e.topo, e.event_nid) %s ($2, $3)`, cmp)
	args := []any{room, from.Topo, from.NID, int64(limit)}
	if to != nil {
		text += fmt.Sprintf(` AND (e.topo, e.event_nid) %s ($5, $6)`, stop)
		args = append(args, to.Topo, to.NID)
	}
	if maxPos > 0 {
		text += fmt.Sprintf(` AND (e.pos IS NULL OR e.pos <= $%d)`, len(args)+1)
		args = append(args, maxPos)
	}
	text += fmt.Sprintf(` ORDER BY e.topo %s, e.event_nid %s LIMIT $4`, order, order)
	return collect(tx, text, scanEvent, args...)
}

// NewEvents are the events of all rooms after a position, up to another, in the
// order of positions: what workers go through.
func (tx *ReadTx) NewEvents(after, upto int64, limit int) ([]StoredEvent, error) {
	return collect(tx, `SELECT `+eventColumns+`WHERE e.pos > $1 AND e.pos <= $2 ORDER BY e.pos LIMIT $3`, scanEvent, after, upto, int64(limit))
}

// RedactionsOf are redactions that are here of an event that was not.
func (tx *ReadTx) RedactionsOf(room int64, eventID string) ([]StoredEvent, error) {
	return collect(tx, `SELECT `+eventColumns+`WHERE e.event_nid IN (SELECT event_nid FROM redactions WHERE room_nid = $1 AND target_id = $2)`,
		scanEvent, room, eventID)
}

// TxnEvent is the event of a transaction id.
func (tx *ReadTx) TxnEvent(key [16]byte) (nid int64, eventID string, err error) {
	err = tx.one(`SELECT e.event_nid, e.event_id FROM txns t JOIN events e ON e.event_nid = t.event_nid WHERE t.key = $1`,
		[]any{&nid, &eventID}, key[:])
	return nid, eventID, err
}

// TxnIDs are the transaction ids with which a device sent events.
func (tx *ReadTx) TxnIDs(device [8]byte, nids []int64) (map[int64]string, error) {
	type pair struct {
		nid int64
		txn string
	}
	list, err := collect(tx, `SELECT event_nid, txn_id FROM txns WHERE event_nid IN $1 AND device = $2`,
		func(r scanner) (p pair, err error) { return p, r.Scan(&p.nid, &p.txn) }, tx.in(nids), device[:])
	out := make(map[int64]string, len(list))
	for _, p := range list {
		out[p.nid] = p.txn
	}
	return out, err
}

// PruneTxns forgets transaction ids of before a time, in ms, oldest first and at most
// n of them, and tells how many it forgot.
func (tx *Tx) PruneTxns(before int64, n int) (int64, error) {
	return tx.exec(`DELETE FROM txns WHERE event_nid IN (SELECT event_nid FROM txns WHERE event_nid <
		COALESCE((SELECT event_nid FROM txns WHERE ts >= $1 ORDER BY event_nid LIMIT 1), 9223372036854775807)
		ORDER BY event_nid LIMIT $2)`, before, int64(n))
}
