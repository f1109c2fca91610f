package storage

import "errors"

// PositionBefore is about the position at which a time was, in ms since the epoch: by
// the times that events claim.
func (tx *ReadTx) PositionBefore(ts int64) (int64, error) {
	high, err := tx.Position()
	low := int64(0)
	for err == nil && low < high {
		mid := low + (high-low)/2
		var pos, at int64
		err = tx.one(`SELECT pos, ts FROM events WHERE pos > $1 ORDER BY pos LIMIT 1`, []any{&pos, &at}, mid)
		switch {
		case errors.Is(err, ErrNotFound):
			high, err = mid, nil
		case err == nil && at < ts:
			low = max(pos, mid+1)
		default:
			high = mid
		}
	}
	return low, err
}

// RoomsWithNotes are the rooms of which somebody has push notes.
func (tx *ReadTx) RoomsWithNotes() ([]int64, error) {
	return collect(tx, `SELECT DISTINCT room_nid FROM push_notes`, func(s scanner) (n int64, err error) { return n, s.Scan(&n) })
}

// PruneNotes removes a room's notes up to a position that have been read: by a receipt,
// or by what their user sent since.
func (tx *Tx) PruneNotes(room, upto int64) error {
	_, err := tx.exec(`DELETE FROM push_notes WHERE room_nid = $1 AND pos <= $2 AND (unread = 0 OR EXISTS (
		SELECT 1 FROM read_markers k WHERE k.user_id = push_notes.user_id AND k.room_nid = push_notes.room_nid AND k.pos >= push_notes.pos
		AND (k.thread_id = '' OR k.thread_id = 'main' AND push_notes.thread_nid = 0)))`, room, upto)
	return err
}
