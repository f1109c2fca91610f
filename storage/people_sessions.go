package storage

import "database/sql"

// Session is an access token with whose it is.
type Session struct {
	ID       int64
	Token    []byte // SHA-256 of the access token
	Refresh  []byte // SHA-256 of the refresh token, or nil
	User     string
	Device   string
	Scope    string
	Client   string
	Family   int64
	Created  int64
	Expires  int64 // ms since the epoch; 0: never
	Replaced bool  // its refresh token was used
	Account  Account
}

const sessionColumns = `SELECT s.id, s.token, s.refresh, s.user_id, s.device_id, s.scope, s.client, s.family, s.created, s.expires, s.replaced,
	a.user_id, a.kind, a.password, a.admin, a.created, a.deactivated, a.erased, a.locked, a.suspended
	FROM sessions s JOIN accounts a ON a.user_id = s.user_id `

func scanSession(r scanner) (s Session, err error) {
	var pw sql.NullString
	var replaced, admin, off, erased, locked, suspended int64
	a := &s.Account
	err = r.Scan(&s.ID, &s.Token, &s.Refresh, &s.User, &s.Device, &s.Scope, &s.Client, &s.Family, &s.Created, &s.Expires, &replaced,
		&a.UserID, &a.Kind, &pw, &admin, &a.Created, &off, &erased, &locked, &suspended)
	s.Replaced = replaced != 0
	a.Admin, a.Deactivated, a.Erased, a.Locked, a.Suspended = admin != 0, off != 0, erased != 0, locked != 0, suspended != 0
	return s, err
}

// SessionByToken is the session of an access token's hash.
func (tx *ReadTx) SessionByToken(hash []byte) (Session, error) {
	return first(collect(tx, sessionColumns+`WHERE s.token = $1`, scanSession, hash))
}

// SessionByRefresh is the session of a refresh token's hash.
func (tx *ReadTx) SessionByRefresh(hash []byte) (Session, error) {
	return first(collect(tx, sessionColumns+`WHERE s.refresh = $1`, scanSession, hash))
}

// PutSession stores a session.
func (tx *Tx) PutSession(s Session) error {
	var refresh any
	if s.Refresh != nil {
		refresh = s.Refresh
	}
	_, err := tx.exec(`INSERT INTO sessions (id, token, refresh, user_id, device_id, scope, client, family, created, expires, replaced)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)`, s.ID, s.Token, refresh, s.User, s.Device, s.Scope, s.Client, s.Family, tx.Now(), s.Expires)
	return err
}

// ReplaceSession marks that a session's refresh token was used. The access token
// stays good until expires, so that a request in flight does not fail.
func (tx *Tx) ReplaceSession(id, expires int64) error {
	return tx.must(`UPDATE sessions SET replaced = 1, expires = $2 WHERE id = $1 AND replaced = 0`, id, expires)
}

// DeleteFamily ends every session that came of one login.
func (tx *Tx) DeleteFamily(family int64) error {
	_, err := tx.exec(`DELETE FROM sessions WHERE family = $1`, family)
	return err
}

// DeleteReplaced removes the used predecessors in a family, once the successor has
// been seen.
func (tx *Tx) DeleteReplaced(family, but int64) error {
	_, err := tx.exec(`DELETE FROM sessions WHERE family = $1 AND replaced = 1 AND id < $2`, family, but)
	return err
}

// Device is a device of a user.
type Device struct {
	User, ID string
	Name     *string
	Seen     int64 // ms since the epoch
	IP       string
	Agent    string
}

func scanDevice(r scanner) (d Device, err error) {
	var name sql.NullString
	err = r.Scan(&d.User, &d.ID, &name, &d.Seen, &d.IP, &d.Agent)
	if name.Valid {
		d.Name = &name.String
	}
	return d, err
}

const deviceColumns = `SELECT user_id, device_id, name, seen, ip, agent FROM devices `

// Devices are all devices of a user.
func (tx *ReadTx) Devices(user string) ([]Device, error) {
	return collect(tx, deviceColumns+`WHERE user_id = $1 ORDER BY device_id`, scanDevice, user)
}

// Device is one device.
func (tx *ReadTx) Device(user, device string) (Device, error) {
	return first(collect(tx, deviceColumns+`WHERE user_id = $1 AND device_id = $2`, scanDevice, user, device))
}

// PutDevice makes a device, or keeps the one that is there; a new name replaces.
func (tx *Tx) PutDevice(user, device string, name *string) error {
	var n any
	if name != nil {
		n = *name
	}
	_, err := tx.exec(`INSERT INTO devices (user_id, device_id, name, seen, ip, agent) VALUES ($1, $2, $3, $4, '', '')
		ON CONFLICT (user_id, device_id) DO UPDATE SET seen = excluded.seen`, user, device, n, tx.Now())
	return err
}

// RenameDevice sets the display name.
func (tx *Tx) RenameDevice(user, device string, name *string) error {
	var n any
	if name != nil {
		n = *name
	}
	return tx.must(`UPDATE devices SET name = $3 WHERE user_id = $1 AND device_id = $2`, user, device, n)
}

// SeenDevice notes when and from where a device was last used.
func (tx *Tx) SeenDevice(user, device, ip, agent string, seen int64) error {
	_, err := tx.exec(`UPDATE devices SET seen = $3, ip = $4, agent = $5 WHERE user_id = $1 AND device_id = $2`, user, device, seen, ip, agent)
	return err
}

// DeleteDevice removes a device with its sessions, keys and messages.
func (tx *Tx) DeleteDevice(user, device string) error {
	for _, text := range []string{
		`DELETE FROM devices WHERE user_id = $1 AND device_id = $2`, `DELETE FROM sessions WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM device_keys WHERE user_id = $1 AND device_id = $2`, `DELETE FROM one_time_keys WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM fallback_keys WHERE user_id = $1 AND device_id = $2`, `DELETE FROM to_device WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM key_signatures WHERE user_id = $1 AND target = $2`,
	} {
		if _, err := tx.exec(text, user, device); err != nil {
			return err
		}
	}
	return nil
}

// DeviceChanged records that others must look at the user's devices again, and
// wakes who is in a room with them.
func (tx *Tx) DeviceChanged(user string) error {
	pos := tx.NextPos()
	_, err := tx.exec(`INSERT INTO device_changes (user_id, pos) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET pos = excluded.pos`, user, pos)
	if err != nil {
		return err
	}
	tx.RingUser(user)
	rooms, err := tx.RoomsOf(user, []string{"join"}, false)
	for _, r := range rooms {
		tx.RingRoom(r.RoomID)
	}
	return err
}

// DeviceChangesFor are the users whose devices changed between two positions, and
// who share a room with the user; the user included.
func (tx *ReadTx) DeviceChangesFor(user string, after, upto int64) ([]string, error) {
	return tx.texts(`SELECT d.user_id FROM device_changes d WHERE d.pos > $2 AND d.pos <= $3 AND (d.user_id = $1 OR EXISTS (
		SELECT 1 FROM memberships x JOIN memberships y ON y.room_nid = x.room_nid AND y.membership = 'join' AND y.user_id = d.user_id
		WHERE x.user_id = $1 AND x.membership = 'join'))`, user, after, upto)
}

// PutLoginToken stores a single-use login token's hash.
func (tx *Tx) PutLoginToken(hash []byte, user string, expires int64) error {
	_, err := tx.exec(`INSERT INTO login_tokens (token, user_id, expires) VALUES ($1, $2, $3)`, hash, user, expires)
	return err
}

// TakeLoginToken uses a login token up; ErrNotFound when there is none that is good.
func (tx *Tx) TakeLoginToken(hash []byte) (user string, err error) {
	err = tx.one(`SELECT user_id FROM login_tokens WHERE token = $1 AND expires > $2`, []any{&user}, hash, tx.Now())
	if err != nil {
		return "", err
	}
	return user, tx.must(`DELETE FROM login_tokens WHERE token = $1`, hash)
}

// UIA is a session of user-interactive authentication.
type UIA struct {
	Session, User, Action string
	Body                  []byte // hash of the request it was begun with
	Done                  string // completed stages, space-separated
}

// UIA is a session by its id.
func (tx *ReadTx) UIA(session string) (u UIA, err error) {
	err = tx.one(`SELECT session, user_id, action, body, done FROM uia WHERE session = $1`,
		[]any{&u.Session, &u.User, &u.Action, &u.Body, &u.Done}, session)
	return u, err
}

// PutUIA stores a session, or its progress.
func (tx *Tx) PutUIA(u UIA) error {
	_, err := tx.exec(`INSERT INTO uia (session, user_id, action, body, done, ts) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (session) DO UPDATE SET done = excluded.done`, u.Session, u.User, u.Action, u.Body, u.Done, tx.Now())
	return err
}

// DeleteUIA ends a session.
func (tx *Tx) DeleteUIA(session string) error {
	_, err := tx.exec(`DELETE FROM uia WHERE session = $1`, session)
	return err
}

// PrunePeople removes what has run out: UIA sessions, login tokens, sessions.
func (tx *Tx) PrunePeople(before int64) error {
	for _, text := range []string{`DELETE FROM uia WHERE ts < $1`, `DELETE FROM login_tokens WHERE expires < $1`,
		`DELETE FROM sessions WHERE replaced = 1 AND expires > 0 AND expires < $1`, `DELETE FROM to_device_txns WHERE ts < $1`} {
		if _, err := tx.exec(text, before); err != nil {
			return err
		}
	}
	return nil
}

// EndSessions ends the sessions of a device, and leaves the device.
func (tx *Tx) EndSessions(user, device string) error {
	_, err := tx.exec(`DELETE FROM sessions WHERE user_id = $1 AND device_id = $2`, user, device)
	return err
}
