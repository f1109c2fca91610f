package storage

import "errors"

// ReceiptAt is a receipt with the place of its event in the room's timeline.
type ReceiptAt struct {
	Receipt
	RoomID string
	Place  Edge
}

// PutReceipt moves a user's receipt forward and wakes who is in the room; a private
// one wakes its user only. It reports false for one that is not ahead of what is
// there, and then changes nothing.
func (tx *Tx) PutReceipt(r ReceiptAt) (moved bool, err error) {
	var have Edge
	err = tx.one(`SELECT COALESCE(e.topo, 0), e.event_nid FROM receipts r JOIN events e ON e.event_id = r.event_id AND e.room_nid = r.room_nid
		WHERE r.room_nid = $1 AND r.user_id = $2 AND r.type = $3 AND r.thread_id = $4`, []any{&have.Topo, &have.NID}, r.RoomNID, r.User, r.Type, r.Thread)
	if err == nil && !have.before(r.Place) {
		return false, nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	_, err = tx.exec(`INSERT INTO receipts (room_nid, user_id, type, thread_id, event_id, ts, pos) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (room_nid, user_id, type, thread_id) DO UPDATE SET event_id = excluded.event_id, ts = excluded.ts, pos = excluded.pos`,
		r.RoomNID, r.User, r.Type, r.Thread, r.EventID, r.TS, tx.NextPos())
	if r.Type == "m.read" {
		tx.RingRoom(r.RoomID)
		tx.ring.Receipts = append(tx.ring.Receipts, r.RoomID)
	} else {
		tx.RingUser(r.User)
	}
	return true, err
}

func (e Edge) before(f Edge) bool { return e.Topo < f.Topo || e.Topo == f.Topo && e.NID < f.NID }

// MarkRead moves the user's marker to where a receipt is, when that is ahead. "Between
// m.read and m.read.private, the receipt which is more 'ahead' or 'recent' is used".
func (tx *Tx) MarkRead(r ReceiptAt) error {
	counts, pos, err := tx.CountsAt(r.RoomNID, r.Place)
	if err != nil || pos == 0 {
		return err
	}
	var thread int64
	if r.Thread != "" && r.Thread != "main" {
		t, err := tx.Thread(r.RoomNID, r.Thread)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		thread = t.NID
		if counts, err = tx.ThreadCountsAt(thread, pos); err != nil {
			return err
		}
	}
	n, err := tx.exec(`INSERT INTO read_markers (user_id, room_nid, thread_id, pos, from_pos, notify_n, highlight_n) VALUES ($1, $2, $3, $4, 0, $5, $6)
		ON CONFLICT (user_id, room_nid, thread_id) DO UPDATE SET pos = excluded.pos,
			notify_n = CASE WHEN excluded.pos >= read_markers.from_pos THEN excluded.notify_n ELSE read_markers.notify_n END,
			highlight_n = CASE WHEN excluded.pos >= read_markers.from_pos THEN excluded.highlight_n ELSE read_markers.highlight_n END
		WHERE read_markers.pos < excluded.pos`, r.User, r.RoomNID, r.Thread, pos, counts.Notify, counts.Highlight)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(`UPDATE push_notes SET unread = 0 WHERE user_id = $1 AND room_nid = $2 AND unread = 1 AND pos <= $3
		AND ($4 = '' OR thread_nid = $5)`, r.User, r.RoomNID, pos, r.Thread, thread)
	return err
}

// CountFrom makes a user's unread counts in a room begin now: what came before was
// quiet for them.
func (tx *Tx) CountFrom(user string, room, pos int64) error {
	_, err := tx.exec(`UPDATE read_markers SET from_pos = $3,
		notify_n = (SELECT r.notify_n FROM rooms r WHERE r.room_nid = $2), highlight_n = (SELECT r.highlight_n FROM rooms r WHERE r.room_nid = $2)
		WHERE user_id = $1 AND room_nid = $2 AND thread_id = ''`, user, room, pos)
	return err
}
