package storage

import "errors"

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

// GuestsIn are the guests of this server who are in the room.
func (tx *ReadTx) GuestsIn(room int64) ([]string, error) {
	return tx.texts(`SELECT m.user_id FROM memberships m JOIN accounts a ON a.user_id = m.user_id AND a.kind = 'guest'
		WHERE m.room_nid = $1 AND m.membership = 'join'`, room)
}

// GuestsAmong are those of the users who are guests of this server.
func (tx *ReadTx) GuestsAmong(users []string) ([]string, error) {
	return tx.texts(`SELECT user_id FROM accounts WHERE user_id IN $1 AND kind = 'guest'`, tx.in(users))
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
