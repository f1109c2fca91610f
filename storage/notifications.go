package storage

import (
	"database/sql"
	"errors"
)

// Notified is an event that notified, as lists of notifications look at it.
type Notified struct {
	Pos, Event, Room int64
	Push, Thread     int64
	Sender           string
	Redacted         bool
}

func scanNotified(s scanner) (n Notified, err error) {
	var thread, by sql.NullInt64
	err = s.Scan(&n.Pos, &n.Event, &n.Room, &n.Push, &thread, &n.Sender, &by)
	n.Thread, n.Redacted = thread.Int64, by.Valid
	return n, err
}

const notifiedColumns = `SELECT e.pos, e.event_nid, e.room_nid, e.push, e.thread_nid, e.sender, e.redacted_by FROM events e `

// NotifiedIn are the events of a room that notify everybody, between two positions,
// both left out, the newest first; with highlights only those that highlight.
func (tx *ReadTx) NotifiedIn(room, after, before int64, highlights bool, limit int) ([]Notified, error) {
	// Two texts: each has an index of its own.
	text := notifiedColumns + `WHERE e.room_nid = $1 AND e.push > 0 AND e.pos > $2 AND e.pos < $3 ORDER BY e.pos DESC LIMIT $4`
	if highlights {
		text = notifiedColumns + `WHERE e.room_nid = $1 AND e.push = 2 AND e.pos > $2 AND e.pos < $3 ORDER BY e.pos DESC LIMIT $4`
	}
	return collect(tx, text, scanNotified, room, after, before, int64(limit))
}

// NotedFor are the events of a room on which a user has a note, with the note, between
// two positions, the newest first.
func (tx *ReadTx) NotedFor(user string, before int64, limit int) ([]UserNote, error) {
	return collect(tx, `SELECT user_id, room_nid, pos, event_nid, thread_nid, notify, highlight FROM push_notes WHERE user_id = $1 AND pos < $2
		ORDER BY pos DESC LIMIT $3`, scanUserNote, user, before, int64(limit))
}

// NotifiedAt are single events of a room, by their numbers.
func (tx *ReadTx) NotifiedAt(room int64, events []int64) ([]Notified, error) {
	return collect(tx, notifiedColumns+`WHERE e.event_nid IN $1 AND e.room_nid = $2`, scanNotified, tx.in(events), room)
}

// StaySince is the position at which a local user's present stay in a room began.
func (tx *ReadTx) StaySince(room int64, user string) (pos int64, err error) {
	err = tx.one(`SELECT COALESCE(MIN(pos), 0) FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND membership = 'join' AND pos >
		(SELECT COALESCE(MAX(pos), 0) FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND membership <> 'join')`, []any{&pos}, user, room)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return pos, err
}
