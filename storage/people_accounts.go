package storage

import "database/sql"

// Account is a person, bot or other user of this server.
type Account struct {
	UserID      string
	Kind        string // human, guest, bot, appservice, system
	Password    string // encoded hash; "" when there is none
	Admin       bool
	Created     int64
	Deactivated bool
	Erased      bool
	Locked      bool
	Suspended   bool
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func scanAccount(r scanner) (a Account, err error) {
	var pw sql.NullString
	var admin, off, erased, locked, suspended int64
	err = r.Scan(&a.UserID, &a.Kind, &pw, &admin, &a.Created, &off, &erased, &locked, &suspended)
	a.Password = pw.String
	a.Admin, a.Deactivated, a.Erased, a.Locked, a.Suspended = admin != 0, off != 0, erased != 0, locked != 0, suspended != 0
	return a, err
}

const accountColumns = `SELECT user_id, kind, password, admin, created, deactivated, erased, locked, suspended FROM accounts `

// Account is one user's account.
func (tx *ReadTx) Account(user string) (Account, error) {
	return first(collect(tx, accountColumns+`WHERE user_id = $1`, scanAccount, user))
}

// Accounts lists accounts in the order of their ids, after one.
func (tx *ReadTx) Accounts(after string, limit int) ([]Account, error) {
	return collect(tx, accountColumns+`WHERE user_id > $1 ORDER BY user_id LIMIT $2`, scanAccount, after, int64(limit))
}

func first[T any](list []T, err error) (T, error) {
	var zero T
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return zero, err
	}
	return list[0], nil
}

// PutAccount makes an account; ErrExists when the name is taken, by a deactivated
// account as well.
func (tx *Tx) PutAccount(a Account) error {
	n, err := tx.exec(`INSERT INTO accounts (user_id, kind, password, admin, created, deactivated, erased, locked, suspended, leaving)
		VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0) ON CONFLICT (user_id) DO NOTHING`, a.UserID, a.Kind, nullText(a.Password), flag(a.Admin), tx.Now())
	if err == nil && n == 0 {
		err = ErrExists
	}
	return err
}

func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// SetPassword replaces the password's hash; "" removes it.
func (tx *Tx) SetPassword(user, hash string) error {
	return tx.must(`UPDATE accounts SET password = $2 WHERE user_id = $1`, user, nullText(hash))
}

// SetKind changes what kind of account it is.
func (tx *Tx) SetKind(user, kind string) error {
	return tx.must(`UPDATE accounts SET kind = $2 WHERE user_id = $1 AND deactivated = 0`, user, kind)
}

// SetAdmin makes somebody an administrator, or no longer one.
func (tx *Tx) SetAdmin(user string, admin bool) error {
	return tx.must(`UPDATE accounts SET admin = $2 WHERE user_id = $1 AND deactivated = 0`, user, flag(admin))
}

// SetLocked locks an account, or unlocks it.
func (tx *Tx) SetLocked(user string, locked bool) error {
	return tx.must(`UPDATE accounts SET locked = $2 WHERE user_id = $1 AND deactivated = 0`, user, flag(locked))
}

// SetSuspended suspends an account, or ends that.
func (tx *Tx) SetSuspended(user string, suspended bool) error {
	return tx.must(`UPDATE accounts SET suspended = $2 WHERE user_id = $1 AND deactivated = 0`, user, flag(suspended))
}

// must is exec that fails with ErrNotFound when it changes nothing.
func (tx *Tx) must(text string, args ...any) error {
	n, err := tx.exec(text, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// Erased are those of the users who asked to be erased when they left.
func (tx *ReadTx) Erased(users []string) ([]string, error) {
	return tx.texts(`SELECT user_id FROM accounts WHERE user_id IN $1 AND erased = 1`, tx.in(users))
}

// RegistrationToken lets people register.
type RegistrationToken struct {
	Token       string
	UsesAllowed int64 // 0: any number
	Used        int64
	Expires     int64 // ms since the epoch; 0: never
}

// RegistrationToken is a token by its text.
func (tx *ReadTx) RegistrationToken(token string) (t RegistrationToken, err error) {
	err = tx.one(`SELECT token, uses_allowed, used, expires FROM registration_tokens WHERE token = $1`,
		[]any{&t.Token, &t.UsesAllowed, &t.Used, &t.Expires}, token)
	return t, err
}

// Good reports whether the token still lets somebody in at a time.
func (t RegistrationToken) Good(now int64) bool {
	return (t.UsesAllowed == 0 || t.Used < t.UsesAllowed) && (t.Expires == 0 || now < t.Expires)
}

// PutRegistrationToken makes a token; ErrExists when there is one of this text.
func (tx *Tx) PutRegistrationToken(t RegistrationToken) error {
	n, err := tx.exec(`INSERT INTO registration_tokens (token, uses_allowed, used, expires) VALUES ($1, $2, 0, $3)
		ON CONFLICT (token) DO NOTHING`, t.Token, t.UsesAllowed, t.Expires)
	if err == nil && n == 0 {
		err = ErrExists
	}
	return err
}

// UseRegistrationToken counts a use; ErrNotFound when none is left.
func (tx *Tx) UseRegistrationToken(token string) error {
	return tx.must(`UPDATE registration_tokens SET used = used + 1 WHERE token = $1 AND (uses_allowed = 0 OR used < uses_allowed)
		AND (expires = 0 OR expires > $2)`, token, tx.Now())
}
