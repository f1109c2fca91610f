package storage

import (
	"database/sql"
	"errors"
)

// ThreadOf is a thread with its counts.
type ThreadOf struct {
	NID, RoomNID int64
	RootID       string
	Counts       Counts
	LastPos      int64
}

func scanThread(s scanner) (t ThreadOf, err error) {
	return t, s.Scan(&t.NID, &t.RoomNID, &t.RootID, &t.Counts.Notify, &t.Counts.Highlight, &t.LastPos)
}

const threadColumns = `SELECT thread_nid, room_nid, root_id, notify_n, highlight_n, last_pos FROM threads `

// Thread is a room's thread by its root; ErrNotFound when it has none.
func (tx *ReadTx) Thread(room int64, rootID string) (ThreadOf, error) {
	return tx.oneThread(`WHERE room_nid = $1 AND root_id = $2`, room, rootID)
}

// ThreadByNID is a thread by its number.
func (tx *ReadTx) ThreadByNID(nid int64) (ThreadOf, error) {
	return tx.oneThread(`WHERE thread_nid = $1`, nid)
}

func (tx *ReadTx) oneThread(where string, args ...any) (ThreadOf, error) {
	list, err := collect(tx, threadColumns+where, scanThread, args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return ThreadOf{}, err
	}
	return list[0], nil
}

// ThreadsSince are the threads of a room with events after a position, the newest
// first.
func (tx *ReadTx) ThreadsSince(room, after int64, limit int) ([]ThreadOf, error) {
	return collect(tx, threadColumns+`WHERE room_nid = $1 AND last_pos > $2 ORDER BY last_pos DESC LIMIT $3`, scanThread, room, after, int64(limit))
}

// ThreadCountsAt are the counts of a thread up to a position.
func (tx *ReadTx) ThreadCountsAt(thread, pos int64) (c Counts, err error) {
	var n, h sql.NullInt64
	err = tx.one(`SELECT thread_notify_n, thread_highlight_n FROM events WHERE thread_nid = $1 AND pos <= $2 ORDER BY pos DESC LIMIT 1`, []any{&n, &h}, thread, pos)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return Counts{n.Int64, h.Int64}, err
}

// CountsAt are the counts of a room's main timeline at the newest event that is new
// and not behind a place, and that event's position.
func (tx *ReadTx) CountsAt(room int64, at Edge) (c Counts, pos int64, err error) {
	err = tx.one(`SELECT notify_n, highlight_n, pos FROM events WHERE room_nid = $1 AND topo IS NOT NULL AND pos IS NOT NULL AND (topo, event_nid) <= ($2, $3)
		ORDER BY topo DESC, event_nid DESC LIMIT 1`, []any{&c.Notify, &c.Highlight, &pos}, room, at.Topo, at.NID)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return c, pos, err
}

// Marker is how far a user has read.
type Marker struct {
	RoomNID   int64
	Thread    string // "": all of the room; "main", or the id of a thread's root
	Pos, From int64
	Counts    Counts
}

func scanMarker(s scanner) (m Marker, err error) {
	return m, s.Scan(&m.RoomNID, &m.Thread, &m.Pos, &m.From, &m.Counts.Notify, &m.Counts.Highlight)
}

// Markers are a user's markers in some rooms.
func (tx *ReadTx) Markers(user string, rooms []int64) (out []Marker, err error) {
	for from := 0; from < len(rooms) && err == nil; from += chunk {
		var list []Marker
		list, err = collect(tx, `SELECT room_nid, thread_id, pos, from_pos, notify_n, highlight_n FROM read_markers WHERE user_id = $1 AND room_nid IN $2`,
			scanMarker, user, tx.in(rooms[from:min(from+chunk, len(rooms))]))
		out = append(out, list...)
	}
	return out, err
}

// Note is what an event is for a user, where that differs from what it is for the room.
type Note struct {
	RoomNID, Pos      int64
	Event, Thread     int64
	Notify, Highlight int64
}

func scanNote(s scanner) (n Note, err error) {
	return n, s.Scan(&n.RoomNID, &n.Pos, &n.Event, &n.Thread, &n.Notify, &n.Highlight)
}

// UnreadNotes are a user's notes in some rooms that no receipt has covered.
func (tx *ReadTx) UnreadNotes(user string, rooms []int64) (out []Note, err error) {
	for from := 0; from < len(rooms) && err == nil; from += chunk {
		var list []Note
		list, err = collect(tx, `SELECT room_nid, pos, event_nid, thread_nid, notify, highlight FROM push_notes WHERE user_id = $1 AND room_nid IN $2 AND unread = 1`,
			scanNote, user, tx.in(rooms[from:min(from+chunk, len(rooms))]))
		out = append(out, list...)
	}
	return out, err
}

// Withdrawn are events that counted and were redacted, by thread.
type Withdrawn struct{ Pos, Thread, Push int64 }

// WithdrawnSince are the withdrawn events of a room after a position.
func (tx *ReadTx) WithdrawnSince(room, after int64) ([]Withdrawn, error) {
	return collect(tx, `SELECT pos, thread_nid, push FROM withdrawn WHERE room_nid = $1 AND pos > $2`,
		func(s scanner) (w Withdrawn, err error) { return w, s.Scan(&w.Pos, &w.Thread, &w.Push) }, room, after)
}

// Unusual is a member of a room whose rules differ from the predefined ones, or who
// ignores somebody.
type Unusual struct {
	User           string
	Rules, Ignores []byte // JSON; nil: none
}

// UnusualMembers are the room's joined members of this kind.
func (tx *ReadTx) UnusualMembers(room int64) ([]Unusual, error) {
	return collect(tx, `SELECT m.user_id, p.json, a.content FROM memberships m
		LEFT JOIN push_rules p ON p.user_id = m.user_id
		LEFT JOIN account_data a ON a.user_id = m.user_id AND a.room_id = '' AND a.type = 'm.ignored_user_list' AND a.deleted = 0
		WHERE m.room_nid = $1 AND m.membership = 'join' AND (p.user_id IS NOT NULL OR a.user_id IS NOT NULL)`, scanUnusual, room)
}

// UnusualUsers are those of some users about whom something is unusual.
func (tx *ReadTx) UnusualUsers(users []string) (out []Unusual, err error) {
	for from := 0; from < len(users) && err == nil; from += chunk {
		var list []Unusual
		list, err = collect(tx, `SELECT c.user_id, p.json, a.content FROM accounts c
			LEFT JOIN push_rules p ON p.user_id = c.user_id
			LEFT JOIN account_data a ON a.user_id = c.user_id AND a.room_id = '' AND a.type = 'm.ignored_user_list' AND a.deleted = 0
			WHERE c.user_id IN $1 AND (p.user_id IS NOT NULL OR a.user_id IS NOT NULL)`, scanUnusual, tx.in(users[from:min(from+chunk, len(users))]))
		out = append(out, list...)
	}
	return out, err
}

func scanUnusual(s scanner) (u Unusual, err error) { return u, s.Scan(&u.User, &u.Rules, &u.Ignores) }

// NamedMember is a joined member with their member event.
type NamedMember struct {
	User string
	JSON []byte
}

// NamedMembers are the joined members of one server with their member events.
func (tx *ReadTx) NamedMembers(room int64, server string) ([]NamedMember, error) {
	return collect(tx, `SELECT m.user_id, j.json FROM memberships m JOIN event_json j ON j.event_nid = m.event_nid
		WHERE m.room_nid = $1 AND m.membership = 'join' AND m.user_id LIKE $2`,
		func(s scanner) (m NamedMember, err error) { return m, s.Scan(&m.User, &m.JSON) }, room, "%:"+server)
}

// JoinedAmong are those of some users who are in the room.
func (tx *ReadTx) JoinedAmong(room int64, users []string) (out []string, err error) {
	for from := 0; from < len(users) && err == nil; from += chunk {
		var list []string
		list, err = tx.texts(`SELECT user_id FROM memberships WHERE room_nid = $1 AND membership = 'join' AND user_id IN $2`,
			room, tx.in(users[from:min(from+chunk, len(users))]))
		out = append(out, list...)
	}
	return out, err
}
