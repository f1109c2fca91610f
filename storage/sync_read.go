package storage

import (
	"errors"
	"fmt"
)

// SyncRoom is a room of a user, as /sync needs it.
type SyncRoom struct {
	Room       RoomRow
	Membership string
	Pos        int64 // of the last change of the membership
	Forgotten  bool
	WasAt      string // the membership at the token's position; "": none
}

// SyncRooms are the user's rooms with something that may be new after a position,
// and all that they are in.
func (tx *ReadTx) SyncRooms(user string, since, upto int64) ([]SyncRoom, error) {
	list, err := collect(tx, `SELECT m.membership, m.pos, m.forgotten, `+roomColumns+` FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid
		WHERE m.user_id = $1 AND (m.membership = 'join' OR m.pos > $2 OR m.membership IN ('invite', 'knock')) AND m.pos <= $3`,
		func(s scanner) (r SyncRoom, err error) {
			var ext []byte
			var forgotten int64
			err = s.Scan(append([]any{&r.Membership, &r.Pos, &forgotten}, r.Room.dest(&ext)...)...)
			r.Room.Extremities, r.Forgotten = unpackNIDs(ext), forgotten != 0
			return r, err
		}, user, since, upto)
	if err != nil {
		return nil, err
	}
	for i := range list {
		r := &list[i]
		r.WasAt = r.Membership
		if r.Pos <= since {
			continue
		}
		err := tx.one(`SELECT membership FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND pos <= $3 ORDER BY pos DESC LIMIT 1`,
			[]any{&r.WasAt}, user, r.Room.NID, since)
		if errors.Is(err, ErrNotFound) {
			r.WasAt = ""
		} else if err != nil {
			return nil, fmt.Errorf("membership at %d: %w", since, err)
		}
	}
	return list, nil
}

// MemberMoves are others' changes of membership, after a position, in rooms that
// the user is in.
func (tx *ReadTx) MemberMoves(user string, after, upto int64) ([]MemberRow, error) {
	return collect(tx, `SELECT m.room_nid, '', m.user_id, m.membership, m.event_nid, m.pos, m.forgotten FROM memberships mine
		JOIN memberships m ON m.room_nid = mine.room_nid AND m.pos > $2 AND m.pos <= $3 AND m.user_id <> $1
		WHERE mine.user_id = $1 AND mine.membership = 'join' AND m.membership IN ('join', 'leave', 'ban')`, scanMember, user, after, upto)
}

// ShareRoom reports whether two users are in one room.
func (tx *ReadTx) ShareRoom(a, b string) (bool, error) {
	return tx.exists(`SELECT 1 FROM memberships x JOIN memberships y ON y.room_nid = x.room_nid AND y.membership = 'join' AND y.user_id = $2
		WHERE x.user_id = $1 AND x.membership = 'join' LIMIT 1`, a, b)
}
