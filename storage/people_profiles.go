package storage

import (
	"encoding/json"
	"errors"
)

// Profile are a user's profile fields, each JSON.
func (tx *ReadTx) Profile(user string) (map[string]json.RawMessage, error) {
	type field struct {
		name  string
		value []byte
	}
	list, err := collect(tx, `SELECT field, value FROM profiles WHERE user_id = $1`,
		func(r scanner) (f field, err error) { return f, r.Scan(&f.name, &f.value) }, user)
	out := make(map[string]json.RawMessage, len(list))
	for _, f := range list {
		out[f.name] = f.value
	}
	return out, err
}

// PutProfile sets a field; nil removes it.
func (tx *Tx) PutProfile(user, field string, value json.RawMessage) error {
	if value == nil {
		_, err := tx.exec(`DELETE FROM profiles WHERE user_id = $1 AND field = $2`, user, field)
		return err
	}
	_, err := tx.exec(`INSERT INTO profiles (user_id, field, value) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, field) DO UPDATE SET value = excluded.value`, user, field, []byte(value))
	return err
}

// ProfileUpdate notes that the user's rooms do not all show the profile yet.
func (tx *Tx) ProfileUpdate(user string) error {
	_, err := tx.exec(`INSERT INTO profile_updates (user_id, pos) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET pos = excluded.pos`, user, tx.NextPos())
	return err
}

// PendingProfile is the position of the user's ProfileUpdate, 0 when there is none.
func (tx *ReadTx) PendingProfile(user string) (pos int64, err error) {
	err = tx.one(`SELECT pos FROM profile_updates WHERE user_id = $1`, []any{&pos}, user)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return pos, err
}

// PendingProfiles are the users of ProfileUpdate.
func (tx *ReadTx) PendingProfiles() ([]string, error) {
	return tx.texts(`SELECT user_id FROM profile_updates ORDER BY pos`)
}

// ProfileUpdated ends a ProfileUpdate, unless there was a newer one.
func (tx *Tx) ProfileUpdated(user string, pos int64) error {
	_, err := tx.exec(`DELETE FROM profile_updates WHERE user_id = $1 AND pos <= $2`, user, pos)
	return err
}
