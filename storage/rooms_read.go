package storage

import "errors"

// RoomRow is a room's head.
type RoomRow struct {
	NID               int64
	ID, Version       string
	Rev, StateRoot    int64
	Extremities       []int64
	LastTopo, LastPos int64
	BumpPos           int64
	Joined, Invited   int64
	Counts            Counts // of the main timeline
	ThreadPos         int64  // of the last event in a thread
	WithdrawnPos      int64  // of the newest event that counted and was redacted
}

const roomColumns = `r.room_nid, r.room_id, r.version, r.rev, r.state_root, r.extremities, r.last_topo, r.last_pos, r.bump_pos, r.joined, r.invited, r.notify_n, r.highlight_n, r.thread_pos, r.withdrawn_pos`

func (r *RoomRow) dest(ext *[]byte) []any {
	return []any{&r.NID, &r.ID, &r.Version, &r.Rev, &r.StateRoot, ext, &r.LastTopo, &r.LastPos, &r.BumpPos, &r.Joined, &r.Invited,
		&r.Counts.Notify, &r.Counts.Highlight, &r.ThreadPos, &r.WithdrawnPos}
}

func scanRoom(s scanner) (r RoomRow, err error) {
	var ext []byte
	if err = s.Scan(r.dest(&ext)...); err == nil {
		r.Extremities = unpackNIDs(ext)
	}
	return r, err
}

func (tx *ReadTx) oneRoom(where string, args ...any) (RoomRow, error) {
	list, err := collect(tx, `SELECT `+roomColumns+` FROM rooms r WHERE `+where, scanRoom, args...)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return RoomRow{}, err
	}
	return list[0], nil
}

// Room is a room by its id.
func (tx *ReadTx) Room(roomID string) (RoomRow, error) {
	return tx.oneRoom(`r.room_id = $1`, roomID)
}

// RoomByNID is a room by its number.
func (tx *ReadTx) RoomByNID(nid int64) (RoomRow, error) { return tx.oneRoom(`r.room_nid = $1`, nid) }

// StateNodes are nodes of a room's state tries.
func (tx *ReadTx) StateNodes(room int64, ids []int64) (map[int64][]byte, error) {
	out := make(map[int64][]byte, len(ids))
	if len(ids) == 1 {
		var body []byte
		err := tx.one(`SELECT body FROM state_nodes WHERE room_nid = $1 AND node_id = $2`, []any{&body}, room, ids[0])
		if errors.Is(err, ErrNotFound) {
			return out, nil
		}
		out[ids[0]] = body
		return out, err
	}
	type node struct {
		id   int64
		body []byte
	}
	for from := 0; from < len(ids); from += chunk {
		list, err := collect(tx, `SELECT node_id, body FROM state_nodes WHERE room_nid = $1 AND node_id IN $2`,
			func(r scanner) (n node, err error) { return n, r.Scan(&n.id, &n.body) }, room, tx.in(ids[from:min(from+chunk, len(ids))]))
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			out[n.id] = n.body
		}
	}
	return out, nil
}

// StateRootAt is the root of the room's current state at a position.
func (tx *ReadTx) StateRootAt(room, pos int64) (root int64, err error) {
	err = tx.one(`SELECT root FROM state_log WHERE room_nid = $1 AND pos <= $2 ORDER BY pos DESC LIMIT 1`, []any{&root}, room, pos)
	return root, err
}

// CurrentStateOfType is the current state of one type.
func (tx *ReadTx) CurrentStateOfType(room int64, kind string) ([]StoredEvent, error) {
	return collect(tx, `SELECT `+eventColumns+`WHERE e.event_nid IN (SELECT event_nid FROM current_state WHERE room_nid = $1 AND type = $2)`, scanEvent, room, kind)
}

// JoinedRooms are the rooms that a user is in.
func (tx *ReadTx) JoinedRooms(user string) ([]RoomRow, error) {
	return collect(tx, `SELECT `+roomColumns+` FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid
		WHERE m.user_id = $1 AND m.membership = 'join'`, scanRoom, user)
}
