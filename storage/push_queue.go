package storage

// Heard is a new event as the worker that pushes looks at it.
type Heard struct {
	Pos, Event, Room int64
	Push             int64 // what it is for everybody: 0 nothing, 1 notify, 2 highlight
	Sender           string
}

// HeardSince are the new events of all rooms between two positions, in their order.
func (tx *ReadTx) HeardSince(after, upto int64, limit int) ([]Heard, error) {
	return collect(tx, `SELECT pos, event_nid, room_nid, push, sender FROM events WHERE pos > $1 AND pos <= $2 ORDER BY pos LIMIT $3`,
		func(s scanner) (h Heard, err error) { return h, s.Scan(&h.Pos, &h.Event, &h.Room, &h.Push, &h.Sender) }, after, upto, int64(limit))
}

// UserNote is a note with whose it is.
type UserNote struct {
	User string
	Note
}

// NotesSince are all users' notes on events between two positions.
func (tx *ReadTx) NotesSince(after, upto int64) ([]UserNote, error) {
	return collect(tx, `SELECT n.user_id, n.room_nid, n.pos, n.event_nid, n.thread_nid, n.notify, n.highlight
		FROM events e JOIN push_notes n ON n.room_nid = e.room_nid AND n.pos = e.pos WHERE e.pos > $1 AND e.pos <= $2`, scanUserNote, after, upto)
}

func scanUserNote(s scanner) (n UserNote, err error) {
	err = s.Scan(&n.User, &n.RoomNID, &n.Pos, &n.Event, &n.Thread, &n.Notify, &n.Highlight)
	return n, err
}

// Reading is a receipt that moved.
type Reading struct {
	User string
	Pos  int64
}

// ReadingsSince are the receipts that moved between two positions.
func (tx *ReadTx) ReadingsSince(after, upto int64) ([]Reading, error) {
	return collect(tx, `SELECT user_id, pos FROM receipts WHERE pos > $1 AND pos <= $2 ORDER BY pos`,
		func(s scanner) (r Reading, err error) { return r, s.Scan(&r.User, &r.Pos) }, after, upto)
}

// PusherRef is what is kept in memory of a pusher.
type PusherRef struct {
	ID         int64
	User, Kind string
	Data       []byte
}

func scanPusherRef(s scanner) (p PusherRef, err error) {
	return p, s.Scan(&p.ID, &p.User, &p.Kind, &p.Data)
}

const pusherRefColumns = `SELECT pusher_id, user_id, kind, data FROM pushers WHERE enabled = 1`

// EnabledPushers are the pushers of all users that send.
func (tx *ReadTx) EnabledPushers() ([]PusherRef, error) {
	return collect(tx, pusherRefColumns, scanPusherRef)
}

// EnabledPushersOf are those of some users.
func (tx *ReadTx) EnabledPushersOf(users []string) (out []PusherRef, err error) {
	for from := 0; from < len(users) && err == nil; from += chunk {
		var list []PusherRef
		list, err = collect(tx, pusherRefColumns+` AND user_id IN $1`, scanPusherRef, tx.in(users[from:min(from+chunk, len(users))]))
		out = append(out, list...)
	}
	return out, err
}

// JoinedUsers are all who are in a room.
func (tx *ReadTx) JoinedUsers(room int64) ([]string, error) {
	return tx.texts(`SELECT user_id FROM memberships WHERE room_nid = $1 AND membership = 'join'`, room)
}

// Queued is a notification that a pusher has still to send. Event 0 tells only the
// number of unread. At is when it was queued, in ms.
type Queued struct{ Pusher, Pos, Room, Event, At int64 }

func scanQueued(s scanner) (q Queued, err error) {
	return q, s.Scan(&q.Pusher, &q.Pos, &q.Room, &q.Event, &q.At)
}

var tableQueue = newTable("push_queue", "pusher_id bigint, pos bigint, room_nid bigint, event_nid bigint, queued bigint", "ON CONFLICT (pusher_id, pos) DO NOTHING")

// QueuePushes adds notifications, queued now.
func (tx *Tx) QueuePushes(list []Queued) error {
	rows := make([][]any, 0, len(list))
	for _, q := range list {
		rows = append(rows, []any{q.Pusher, q.Pos, q.Room, q.Event, tx.now})
	}
	return tx.insert(tableQueue, rows)
}

// NextPushes are the oldest notifications of a pusher; those that tell only the number
// of unread come last.
func (tx *ReadTx) NextPushes(pusher int64, limit int) ([]Queued, error) {
	return collect(tx, `SELECT pusher_id, pos, room_nid, event_nid, queued FROM push_queue WHERE pusher_id = $1
		ORDER BY CASE WHEN event_nid = 0 THEN 1 ELSE 0 END, pos LIMIT $2`, scanQueued, pusher, int64(limit))
}

// Backlog is how many notifications a pusher has still to send.
type Backlog struct {
	Pusher int64
	Count  int64
}

// Backlogs are the pushers that have something to send.
func (tx *ReadTx) Backlogs() ([]Backlog, error) {
	return collect(tx, `SELECT pusher_id, COUNT(*) FROM push_queue GROUP BY pusher_id`,
		func(s scanner) (b Backlog, err error) { return b, s.Scan(&b.Pusher, &b.Count) })
}

// DropPushes removes notifications of a pusher that were sent, or need not be.
func (tx *Tx) DropPushes(pusher int64, list []Queued) error {
	at := make([]int64, 0, len(list))
	for _, q := range list {
		at = append(at, q.Pos)
	}
	_, err := tx.exec(`DELETE FROM push_queue WHERE pusher_id = $1 AND pos IN $2`, pusher, tx.in(at))
	return err
}

// TrimPushes leaves a pusher its newest notifications.
func (tx *Tx) TrimPushes(pusher int64, keep int) error {
	_, err := tx.exec(`DELETE FROM push_queue WHERE pusher_id = $1 AND pos <
		(SELECT pos FROM push_queue WHERE pusher_id = $1 ORDER BY pos DESC LIMIT 1 OFFSET $2)`, pusher, int64(keep-1))
	return err
}

// PrunePushes removes what was queued before a time, in ms, with another for mails, and
// what belongs to pushers that are gone.
func (tx *Tx) PrunePushes(before, mailsBefore int64) error {
	_, err := tx.exec(`DELETE FROM push_queue WHERE queued < $2 OR pusher_id NOT IN (SELECT pusher_id FROM pushers)
		OR queued < $1 AND pusher_id NOT IN (SELECT pusher_id FROM pushers WHERE kind = 'email')`, before, mailsBefore)
	return err
}

// Cursor is how far a worker has gone through the stream; ErrNotFound at its first
// start.
func (tx *ReadTx) Cursor(name string) (pos int64, err error) {
	err = tx.one(`SELECT pos FROM cursors WHERE name = $1`, []any{&pos}, name)
	return pos, err
}

// SetCursor notes how far a worker has gone.
func (tx *Tx) SetCursor(name string, pos int64) error {
	_, err := tx.exec(`INSERT INTO cursors (name, pos) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET pos = excluded.pos`, name, pos)
	return err
}
