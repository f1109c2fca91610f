package storage

// Receipt says how far a user has read.
type Receipt struct {
	RoomNID int64
	User    string
	Type    string // m.read or m.read.private
	Thread  string // "": all of the room; "main", or the id of a thread's root
	EventID string
	TS      int64 // ms since the epoch
}

func scanReceipt(s scanner) (r Receipt, err error) {
	return r, s.Scan(&r.RoomNID, &r.User, &r.Type, &r.Thread, &r.EventID, &r.TS)
}

const receiptColumns = `SELECT r.room_nid, r.user_id, r.type, r.thread_id, r.event_id, r.ts FROM receipts r `

// ReceiptsSince are the receipts that moved between two positions in rooms that the
// user is in, as far as the user may see them.
func (tx *ReadTx) ReceiptsSince(user string, after, upto int64) ([]Receipt, error) {
	return collect(tx, receiptColumns+`JOIN memberships m ON m.room_nid = r.room_nid AND m.user_id = $1 AND m.membership = 'join'
		WHERE r.pos > $2 AND r.pos <= $3 AND (r.type = 'm.read' OR r.user_id = $1)`, scanReceipt, user, after, upto)
}

// ReceiptsOf are all receipts of a room up to a position that the user may see.
func (tx *ReadTx) ReceiptsOf(room int64, user string, upto int64) ([]Receipt, error) {
	return collect(tx, receiptColumns+`WHERE r.room_nid = $1 AND r.pos <= $3 AND (r.type = 'm.read' OR r.user_id = $2)`, scanReceipt, room, user, upto)
}
