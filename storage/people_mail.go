package storage

// ThreePID is a mail address of an account.
type ThreePID struct {
	Medium, Address string // email, in lower case
	Added           int64  // ms since the epoch
}

// ThreePIDs are the addresses of a user.
func (tx *ReadTx) ThreePIDs(user string) ([]ThreePID, error) {
	return collect(tx, `SELECT medium, address, added FROM threepids WHERE user_id = $1 ORDER BY added, address`,
		func(s scanner) (t ThreePID, err error) { return t, s.Scan(&t.Medium, &t.Address, &t.Added) }, user)
}

// ThreePIDOwner is whose an address is; ErrNotFound when it is nobody's.
func (tx *ReadTx) ThreePIDOwner(medium, address string) (user string, err error) {
	err = tx.one(`SELECT user_id FROM threepids WHERE medium = $1 AND address = $2`, []any{&user}, medium, address)
	return user, err
}

// PutThreePID gives an address that is nobody's to a user.
func (tx *Tx) PutThreePID(user, medium, address string) error {
	_, err := tx.exec(`INSERT INTO threepids (medium, address, user_id, added) VALUES ($1, $2, $3, $4)`, medium, address, user, tx.Now())
	return err
}

// DeleteThreePID takes an address from a user; ErrNotFound when it is not theirs.
func (tx *Tx) DeleteThreePID(user, medium, address string) error {
	return tx.must(`DELETE FROM threepids WHERE user_id = $1 AND medium = $2 AND address = $3`, user, medium, address)
}

// MailPause says when a pusher last sent a mail about a room, and how long it then
// waits, in ms.
type MailPause struct{ Room, Sent, Pause int64 }

// MailPauses are those of a pusher.
func (tx *ReadTx) MailPauses(pusher int64) ([]MailPause, error) {
	return collect(tx, `SELECT room_nid, sent, pause FROM mail_rooms WHERE pusher_id = $1`,
		func(s scanner) (p MailPause, err error) { return p, s.Scan(&p.Room, &p.Sent, &p.Pause) }, pusher)
}

// PutMailPause notes that a mail about a room was sent.
func (tx *Tx) PutMailPause(pusher int64, p MailPause) error {
	_, err := tx.exec(`INSERT INTO mail_rooms (pusher_id, room_nid, sent, pause) VALUES ($1, $2, $3, $4)
		ON CONFLICT (pusher_id, room_nid) DO UPDATE SET sent = excluded.sent, pause = excluded.pause`, pusher, p.Room, p.Sent, p.Pause)
	return err
}

// PruneMail forgets pauses of before a time, in ms, and those of pushers that are gone.
func (tx *Tx) PruneMail(before int64) error {
	_, err := tx.exec(`DELETE FROM mail_rooms WHERE sent < $1 OR pusher_id NOT IN (SELECT pusher_id FROM pushers)`, before)
	return err
}
