package storage

import (
	"errors"
	"fmt"
)

// RoomRow is a room's head.
type RoomRow struct {
	NID               int64
	ID, Version       string
	Rev, StateRoot    int64
	Extremities       []int64
	LastTopo, LastPos int64
	BumpPos           int64
	Joined, Invited   int64
}

const roomColumns = `r.room_nid, r.room_id, r.version, r.rev, r.state_root, r.extremities, r.last_topo, r.last_pos, r.bump_pos, r.joined, r.invited`

func (r *RoomRow) dest(ext *[]byte) []any {
	return []any{&r.NID, &r.ID, &r.Version, &r.Rev, &r.StateRoot, ext, &r.LastTopo, &r.LastPos, &r.BumpPos, &r.Joined, &r.Invited}
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

// MemberRow is a user's membership of a room.
type MemberRow struct {
	RoomNID    int64
	RoomID     string // filled by RoomsOf
	UserID     string
	Membership string
	EventNID   int64
	Pos        int64
	Forgotten  bool
}

func scanMember(r scanner) (m MemberRow, err error) {
	var forgotten int64
	err = r.Scan(&m.RoomNID, &m.RoomID, &m.UserID, &m.Membership, &m.EventNID, &m.Pos, &forgotten)
	m.Forgotten = forgotten != 0
	return m, err
}

const memberColumns = `SELECT m.room_nid, '', m.user_id, m.membership, m.event_nid, m.pos, m.forgotten FROM memberships m `

// Membership is one user's standing in a room.
func (tx *ReadTx) Membership(room int64, user string) (MemberRow, error) {
	list, err := collect(tx, memberColumns+`WHERE m.room_nid = $1 AND m.user_id = $2`, scanMember, room, user)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return MemberRow{}, err
	}
	return list[0], nil
}

// Members are the room's members with the membership only, or without the one not;
// "" is any.
func (tx *ReadTx) Members(room int64, only, not string) ([]MemberRow, error) {
	return collect(tx, memberColumns+`WHERE m.room_nid = $1 AND ($2 = '' OR m.membership = $2) AND ($3 = '' OR m.membership <> $3)`,
		scanMember, room, only, not)
}

// SomeMembers are up to n members but one user, the longest here first.
func (tx *ReadTx) SomeMembers(room int64, membership, but string, n int) ([]MemberRow, error) {
	return collect(tx, memberColumns+`WHERE m.room_nid = $1 AND m.membership = $2 AND m.user_id <> $3 ORDER BY m.event_nid LIMIT $4`,
		scanMember, room, membership, but, int64(n))
}

// JoinedUsersOf are up to n joined users of a server.
func (tx *ReadTx) JoinedUsersOf(room int64, server string, n int) ([]string, error) {
	return tx.texts(`SELECT user_id FROM memberships WHERE room_nid = $1 AND membership = 'join' AND user_id LIKE $2 LIMIT $3`,
		room, "%:"+server, int64(n))
}

// RoomsOf are the user's rooms with one of the memberships.
func (tx *ReadTx) RoomsOf(user string, memberships []string, forgotten bool) ([]MemberRow, error) {
	text := `SELECT m.room_nid, r.room_id, m.user_id, m.membership, m.event_nid, m.pos, m.forgotten FROM memberships m
		JOIN rooms r ON r.room_nid = m.room_nid WHERE m.user_id = $1 AND m.membership IN $2`
	if !forgotten {
		text += ` AND m.forgotten = 0`
	}
	return collect(tx, text, scanMember, user, tx.in(memberships))
}

// LastStay is when the user, one of ours, last joined the room, and the position
// of the change that ended that stay. joined is 0 when they never were in.
func (tx *ReadTx) LastStay(room int64, user string) (joined, left int64, err error) {
	err = tx.one(`SELECT pos FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND membership = 'join' ORDER BY pos DESC LIMIT 1`,
		[]any{&joined}, user, room)
	if errors.Is(err, ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	err = tx.one(`SELECT pos FROM membership_log WHERE user_id = $1 AND room_nid = $2 AND membership <> 'join' AND pos > $3 ORDER BY pos LIMIT 1`,
		[]any{&left}, user, room, joined)
	if errors.Is(err, ErrNotFound) {
		return joined, 0, nil
	}
	return joined, left, err
}

// InviteState is the stripped state of an invite or a knock, a JSON array.
func (tx *ReadTx) InviteState(user string, room int64) (state []byte, err error) {
	err = tx.one(`SELECT state FROM invites WHERE user_id = $1 AND room_nid = $2`, []any{&state}, user, room)
	return state, err
}

// RoomServers are the servers that are in the room.
func (tx *ReadTx) RoomServers(room int64) ([]string, error) {
	return tx.texts(`SELECT server FROM room_servers WHERE room_nid = $1 AND until_pos IS NULL ORDER BY from_pos`, room)
}

// Forget hides a room from a user who has left it.
func (tx *Tx) Forget(room int64, user string) error {
	_, err := tx.exec(`UPDATE memberships SET forgotten = 1 WHERE room_nid = $1 AND user_id = $2`, room, user)
	return err
}

// Alias is the room that an alias names.
func (tx *ReadTx) Alias(alias string) (room int64, err error) {
	err = tx.one(`SELECT room_nid FROM aliases WHERE alias = $1`, []any{&room}, alias)
	return room, err
}

// AliasCreator is who made an alias.
func (tx *ReadTx) AliasCreator(alias string) (user string, err error) {
	err = tx.one(`SELECT creator FROM aliases WHERE alias = $1`, []any{&user}, alias)
	return user, err
}

// AliasesOf are the aliases of a room.
func (tx *ReadTx) AliasesOf(room int64) ([]string, error) {
	return tx.texts(`SELECT alias FROM aliases WHERE room_nid = $1 ORDER BY alias`, room)
}

// PutAlias names a room; ErrExists when the alias is taken.
func (tx *Tx) PutAlias(alias string, room int64, creator string) error {
	_, err := tx.exec(`INSERT INTO aliases (alias, room_nid, creator) VALUES ($1, $2, $3)`, alias, room, creator)
	return err
}

// DeleteAlias removes a name.
func (tx *Tx) DeleteAlias(alias string) error {
	n, err := tx.exec(`DELETE FROM aliases WHERE alias = $1`, alias)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// MoveDirectory gives a room's aliases and its directory entry to another.
func (tx *Tx) MoveDirectory(from, to int64) error {
	if _, err := tx.exec(`UPDATE aliases SET room_nid = $2 WHERE room_nid = $1`, from, to); err != nil {
		return err
	}
	n, err := tx.exec(`DELETE FROM published WHERE room_nid = $1`, from)
	if err != nil || n == 0 {
		return err
	}
	return tx.SetPublished(to, true)
}

// Published reports whether the directory lists the room.
func (tx *ReadTx) Published(room int64) (bool, error) {
	return tx.exists(`SELECT 1 FROM published WHERE room_nid = $1`, room)
}

// SetPublished lists a room, or takes it out.
func (tx *Tx) SetPublished(room int64, public bool) error {
	text := `DELETE FROM published WHERE room_nid = $1`
	if public {
		text = `INSERT INTO published (room_nid) VALUES ($1) ON CONFLICT (room_nid) DO NOTHING`
	}
	_, err := tx.exec(text, room)
	return err
}

// PublishedRooms are the rooms of the directory, the largest first.
func (tx *ReadTx) PublishedRooms() ([]RoomRow, error) {
	return collect(tx, `SELECT `+roomColumns+` FROM published p JOIN rooms r ON r.room_nid = p.room_nid ORDER BY r.joined DESC, r.room_nid`, scanRoom)
}

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
