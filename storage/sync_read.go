package storage

import "errors"

// SyncRoom is a room of a user, as /sync needs it.
type SyncRoom struct {
	Room       RoomRow
	Membership string
	Pos        int64 // of the last change of the membership
	Forgotten  bool
	WasAt      string // the membership at the token's position; "": none
}

// SyncRooms are the user's rooms with something that may be new after a position,
// and all that they are in, as of position upto.
func (tx *ReadTx) SyncRooms(user string, since, upto int64) ([]SyncRoom, error) {
	list, err := collect(tx, syncRoomColumns+`WHERE m.user_id = $1 AND (m.membership = 'join' OR m.pos > $2 OR m.membership IN ('invite', 'knock'))`, scanSyncRoom, user, since)
	if err != nil {
		return nil, err
	}
	return tx.asOf(user, list, since, upto)
}

// SyncRoomsAmong are those of some rooms that the user has something to do with, as of
// position upto.
func (tx *ReadTx) SyncRoomsAmong(user string, rooms []int64, since, upto int64) ([]SyncRoom, error) {
	var all []SyncRoom
	for from := 0; from < len(rooms); from += chunk {
		list, err := collect(tx, syncRoomColumns+`WHERE m.user_id = $1 AND m.room_nid IN $2`, scanSyncRoom, user, tx.in(rooms[from:min(from+chunk, len(rooms))]))
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return tx.asOf(user, all, since, upto)
}

const syncRoomColumns = `SELECT m.membership, m.pos, m.forgotten, ` + roomColumns + ` FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid `

func scanSyncRoom(s scanner) (r SyncRoom, err error) {
	var ext []byte
	var forgotten int64
	err = s.Scan(append([]any{&r.Membership, &r.Pos, &forgotten}, r.Room.dest(&ext)...)...)
	r.Room.Extremities, r.Forgotten = unpackNIDs(ext), forgotten != 0
	return r, err
}

// asOf shows memberships as they were at a position.
func (tx *ReadTx) asOf(user string, list []SyncRoom, since, upto int64) (_ []SyncRoom, err error) {
	out := list[:0]
	for _, r := range list {
		if r.Pos > upto {
			// What came after the answer's position is the next answer's.
			if r.Membership, r.Pos, err = tx.membershipAt(user, r.Room.NID, upto); err != nil {
				return nil, err
			}
			if r.Membership == "" {
				continue
			}
		}
		r.WasAt = r.Membership
		if r.Pos > since {
			if r.WasAt, _, err = tx.membershipAt(user, r.Room.NID, since); err != nil {
				return nil, err
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// membershipAt is a local user's membership at a position, "" when there was none,
// and the position of the change that made it.
func (tx *ReadTx) membershipAt(user string, room, at int64) (membership string, pos int64, err error) {
	err = tx.one(`SELECT membership, pos FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND pos <= $3 ORDER BY pos DESC LIMIT 1`,
		[]any{&membership, &pos}, user, room, at)
	if errors.Is(err, ErrNotFound) {
		return "", 0, nil
	}
	return membership, pos, err
}

// MemberMoves are others' changes of membership, after a position, in rooms that
// the user is in.
func (tx *ReadTx) MemberMoves(user string, after, upto int64) ([]MemberRow, error) {
	return collect(tx, `SELECT m.room_nid, '', m.user_id, m.membership, m.event_nid, m.pos, m.forgotten FROM memberships mine
		JOIN memberships m ON m.room_nid = mine.room_nid AND m.pos > $2 AND m.pos <= $3 AND m.user_id <> $1
		WHERE mine.user_id = $1 AND mine.membership = 'join' AND m.membership IN ('join', 'leave', 'ban')`, scanMember, user, after, upto)
}

// MemberMovesIn are those in some rooms that the user is in.
func (tx *ReadTx) MemberMovesIn(rooms []int64, user string, after, upto int64) ([]MemberRow, error) {
	var out []MemberRow
	for _, room := range rooms {
		list, err := collect(tx, memberColumns+`WHERE m.room_nid = $1 AND m.pos > $2 AND m.pos <= $3 AND m.user_id <> $4
			AND m.membership IN ('join', 'leave', 'ban')`, scanMember, room, after, upto, user)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// ShareRoom reports whether two users are in one room.
func (tx *ReadTx) ShareRoom(a, b string) (bool, error) {
	return tx.exists(`SELECT 1 FROM memberships x JOIN memberships y ON y.room_nid = x.room_nid AND y.membership = 'join' AND y.user_id = $2
		WHERE x.user_id = $1 AND x.membership = 'join' LIMIT 1`, a, b)
}
