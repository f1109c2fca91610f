package storage

import "errors"

// pushing gathers the rows of counts: threads, markers of who sent or joined, and what
// members get apart.
func (r *rows) pushing(p *Pending) {
	s := p.set
	for _, t := range s.Threads {
		r.upsert(tableThreads, key(t.NID, 0), t.NID, s.RoomNID, t.RootID, t.Counts.Notify, t.Counts.Highlight, p.pos)
	}
	for _, m := range s.Markers {
		r.upsert(tableMarkers, key(s.RoomNID, 0)+m.User+"\x00"+m.Thread, m.User, s.RoomNID, m.Thread, p.pos, int64(0), m.Counts.Notify, m.Counts.Highlight)
	}
	for _, n := range s.Notes {
		pos := p.at[n.Event]
		r.upsert(tableNotes, key(s.RoomNID, pos)+n.User, s.RoomNID, pos, n.User, n.Event, n.Thread, n.Notify, n.Highlight, int64(1))
	}
}

// withdraw takes an event that was redacted out of what is unread.
func (tx *Tx) withdraw(event int64) error {
	var room, pos, push, thread int64
	err := tx.one(`SELECT room_nid, pos, push, COALESCE(thread_nid, 0) FROM events WHERE event_nid = $1 AND pos IS NOT NULL`,
		[]any{&room, &pos, &push, &thread}, event)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM push_notes WHERE room_nid = $1 AND pos = $2`, room, pos); err != nil {
		return err
	}
	if push == 0 {
		return nil
	}
	n, err := tx.exec(`INSERT INTO withdrawn (room_nid, pos, thread_nid, push) VALUES ($1, $2, $3, $4) ON CONFLICT (room_nid, pos) DO NOTHING`, room, pos, thread, push)
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.exec(`UPDATE rooms SET withdrawn_pos = $2 WHERE room_nid = $1 AND withdrawn_pos < $2`, room, pos)
	return err
}
