package storage

import "errors"

// Session is an access token with whose it is.
type Session struct {
	ID      int64
	Token   []byte // SHA-256 of the access token
	Refresh []byte // SHA-256 of the refresh token, or nil
	User    string
	Device  string
	Scope   string
	Client  string
	Family  int64
	Created int64
	Expires int64 // ms since the epoch; 0: never
	Used    bool  // false for a refreshed session that has made no request yet
	Account Account
}

const sessionColumns = `SELECT s.id, s.token, s.refresh, s.user_id, s.device_id, s.scope, s.client, s.family, s.created, s.expires, s.used,
	a.user_id, a.kind, a.admin, a.created, a.deactivated, a.erased, a.locked, a.suspended
	FROM sessions s JOIN accounts a ON a.user_id = s.user_id `

func scanSession(r scanner) (s Session, err error) {
	var used, admin, off, erased, locked, suspended int64
	a := &s.Account
	err = r.Scan(&s.ID, &s.Token, &s.Refresh, &s.User, &s.Device, &s.Scope, &s.Client, &s.Family, &s.Created, &s.Expires, &used,
		&a.UserID, &a.Kind, &admin, &a.Created, &off, &erased, &locked, &suspended)
	s.Used = used != 0
	a.Admin, a.Deactivated, a.Erased, a.Locked, a.Suspended = admin != 0, off != 0, erased != 0, locked != 0, suspended != 0
	return s, err
}

// SessionByToken is the session of an access token's hash. Its account comes without
// the password.
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
	_, err := tx.exec(`INSERT INTO sessions (id, token, refresh, user_id, device_id, scope, client, family, created, expires, used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, s.ID, s.Token, refresh, s.User, s.Device, s.Scope, s.Client, s.Family,
		tx.Now(), s.Expires, flag(s.Used))
	return err
}

// UseSession notes the first use of a refreshed session, which ends the others of
// its family. ErrNotFound when the session is gone.
func (tx *Tx) UseSession(id, family int64) error {
	if err := tx.must(`UPDATE sessions SET used = 1 WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM sessions WHERE family = $1 AND id <> $2`, family, id)
	return err
}

// DropSuccessors removes the sessions that were made of this one by refreshing, and
// that nobody has used.
func (tx *Tx) DropSuccessors(id, family int64) error {
	_, err := tx.exec(`DELETE FROM sessions WHERE family = $1 AND id > $2 AND used = 0`, family, id)
	return err
}

// DeleteFamily ends every session that came of one login, and says whose it was; ""
// when it had ended.
func (tx *Tx) DeleteFamily(family int64) (user string, err error) {
	err = tx.one(`SELECT user_id FROM sessions WHERE family = $1 LIMIT 1`, []any{&user}, family)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err == nil {
		_, err = tx.exec(`DELETE FROM sessions WHERE family = $1`, family)
	}
	return user, err
}

// EndSessions ends the sessions of a device, and leaves the device.
func (tx *Tx) EndSessions(user, device string) error {
	_, err := tx.exec(`DELETE FROM sessions WHERE user_id = $1 AND device_id = $2`, user, device)
	return err
}

// PutLoginToken stores a single-use login token's hash.
func (tx *Tx) PutLoginToken(hash []byte, user string, expires int64) error {
	_, err := tx.exec(`INSERT INTO login_tokens (token, user_id, expires) VALUES ($1, $2, $3)`, hash, user, expires)
	return err
}

// LoginToken is whose a login token is; ErrNotFound when it is not good at a time.
func (tx *ReadTx) LoginToken(hash []byte, now int64) (user string, err error) {
	err = tx.one(`SELECT user_id FROM login_tokens WHERE token = $1 AND expires > $2`, []any{&user}, hash, now)
	return user, err
}

// TakeLoginToken uses a login token up; ErrNotFound when there is none that is good.
func (tx *Tx) TakeLoginToken(hash []byte) (user string, err error) {
	user, err = tx.LoginToken(hash, tx.Now())
	if err != nil {
		return "", err
	}
	return user, tx.must(`DELETE FROM login_tokens WHERE token = $1`, hash)
}

// PutOpenIDToken stores an OpenID token's hash.
func (tx *Tx) PutOpenIDToken(hash []byte, user string, expires int64) error {
	_, err := tx.exec(`INSERT INTO openid_tokens (token, user_id, expires) VALUES ($1, $2, $3)`, hash, user, expires)
	return err
}

// OpenIDUser is whose an OpenID token is; ErrNotFound when it is not good at a time.
func (tx *ReadTx) OpenIDUser(hash []byte, now int64) (user string, err error) {
	err = tx.one(`SELECT user_id FROM openid_tokens WHERE token = $1 AND expires > $2`, []any{&user}, hash, now)
	return user, err
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

// PrunePeople removes what ran out before a time: login and OpenID tokens, sessions
// of user-interactive authentication, transaction ids of messages to devices.
func (tx *Tx) PrunePeople(before int64) error {
	for _, text := range []string{`DELETE FROM uia WHERE ts < $1`, `DELETE FROM login_tokens WHERE expires < $1`,
		`DELETE FROM openid_tokens WHERE expires < $1`, `DELETE FROM to_device_txns WHERE ts < $1`} {
		if _, err := tx.exec(text, before); err != nil {
			return err
		}
	}
	return nil
}
