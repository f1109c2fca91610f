package storage

// Presence is what is kept of a user's presence while nobody is there.
type Presence struct {
	User       string
	Status     string // "": none
	LastActive int64  // ms since the epoch
}

// Presences are all that are kept.
func (tx *ReadTx) Presences() ([]Presence, error) {
	return collect(tx, `SELECT user_id, status_msg, last_active FROM presence`,
		func(r scanner) (p Presence, err error) { return p, r.Scan(&p.User, &p.Status, &p.LastActive) })
}

// SaysPresence keeps a user's status message, and when they were active. Nothing is
// kept of who has no account, or none any more.
func (tx *Tx) SaysPresence(p Presence) error {
	_, err := tx.exec(`INSERT INTO presence (user_id, status_msg, last_active)
		SELECT a.user_id, CAST($2 AS TEXT), CAST($3 AS BIGINT) FROM accounts a WHERE a.user_id = $1 AND a.deactivated = 0
		ON CONFLICT (user_id) DO UPDATE SET status_msg = excluded.status_msg,
		last_active = CASE WHEN presence.last_active > excluded.last_active THEN presence.last_active ELSE excluded.last_active END`, p.User, p.Status, p.LastActive)
	return err
}

// WasActive keeps when a user was active, and leaves what they say.
func (tx *Tx) WasActive(user string, at int64) error {
	_, err := tx.exec(`INSERT INTO presence (user_id, status_msg, last_active)
		SELECT a.user_id, '', CAST($2 AS BIGINT) FROM accounts a WHERE a.user_id = $1 AND a.deactivated = 0
		ON CONFLICT (user_id) DO UPDATE SET last_active = excluded.last_active WHERE presence.last_active < excluded.last_active`, user, at)
	return err
}

// WhoShares are those of some users of this server who are in a room with a user, or
// are that user, in a room.
func (tx *ReadTx) WhoShares(user string, others []string) ([]string, error) {
	if len(others) == 0 {
		return nil, nil
	}
	return tx.texts(`SELECT a.user_id FROM accounts a WHERE a.user_id IN $2 AND EXISTS (SELECT 1 FROM memberships x
		JOIN memberships y ON y.room_nid = x.room_nid AND y.user_id = a.user_id AND y.membership = 'join'
		WHERE x.user_id = $1 AND x.membership = 'join')`, user, tx.in(others))
}

// Neighbours are all users who are in a room with a user, and the user.
func (tx *ReadTx) Neighbours(user string) ([]string, error) {
	return tx.texts(`SELECT DISTINCT y.user_id FROM memberships x JOIN memberships y ON y.room_nid = x.room_nid AND y.membership = 'join'
		WHERE x.user_id = $1 AND x.membership = 'join'`, user)
}

// RoomsOfAny are the ids of the rooms that any of the users is in.
func (tx *ReadTx) RoomsOfAny(users []string) ([]string, error) {
	return tx.texts(`SELECT DISTINCT r.room_id FROM memberships m JOIN rooms r ON r.room_nid = m.room_nid
		WHERE m.user_id IN $1 AND m.membership = 'join'`, tx.in(users))
}
