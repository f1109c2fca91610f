package storage

import "encoding/json"

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

// PendingProfiles are the users of ProfileUpdate, with its position.
func (tx *ReadTx) PendingProfiles() (map[string]int64, error) {
	type row struct {
		user string
		pos  int64
	}
	list, err := collect(tx, `SELECT user_id, pos FROM profile_updates`, func(r scanner) (w row, err error) { return w, r.Scan(&w.user, &w.pos) })
	out := map[string]int64{}
	for _, w := range list {
		out[w.user] = w.pos
	}
	return out, err
}

// ProfileUpdated ends a ProfileUpdate, unless there was a newer one.
func (tx *Tx) ProfileUpdated(user string, pos int64) error {
	_, err := tx.exec(`DELETE FROM profile_updates WHERE user_id = $1 AND pos <= $2`, user, pos)
	return err
}

// Setting is an entry of account data.
type Setting struct {
	Room, Type string
	Content    json.RawMessage
	Pos        int64
}

func scanSetting(r scanner) (s Setting, err error) {
	var content []byte
	err = r.Scan(&s.Room, &s.Type, &content, &s.Pos)
	s.Content = content
	return s, err
}

const settingColumns = `SELECT room_id, type, content, pos FROM account_data `

// AccountDataSince are the settings of no room that changed between two positions.
func (tx *ReadTx) AccountDataSince(user string, after, upto int64) ([]Setting, error) {
	return collect(tx, settingColumns+`WHERE user_id = $1 AND room_id = '' AND pos > $2 AND pos <= $3`, scanSetting, user, after, upto)
}

// RoomAccountDataSince are the settings of one room.
func (tx *ReadTx) RoomAccountDataSince(user, room string, after, upto int64) ([]Setting, error) {
	return collect(tx, settingColumns+`WHERE user_id = $1 AND room_id = $2 AND pos > $3 AND pos <= $4`, scanSetting, user, room, after, upto)
}

// RoomsWithAccountData are the rooms with settings that changed between two
// positions.
func (tx *ReadTx) RoomsWithAccountData(user string, after, upto int64) ([]string, error) {
	return tx.texts(`SELECT DISTINCT room_id FROM account_data WHERE user_id = $1 AND room_id <> '' AND pos > $2 AND pos <= $3`, user, after, upto)
}

// AccountData is one setting.
func (tx *ReadTx) AccountData(user, room, kind string) (json.RawMessage, error) {
	var raw []byte
	err := tx.one(`SELECT content FROM account_data WHERE user_id = $1 AND room_id = $2 AND type = $3`, []any{&raw}, user, room, kind)
	return raw, err
}

// PutAccountData sets a setting, and wakes the user's devices.
func (tx *Tx) PutAccountData(user, room, kind string, content json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO account_data (user_id, room_id, type, content, pos) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content, pos = excluded.pos`, user, room, kind, []byte(content), tx.NextPos())
	tx.RingUser(user)
	return err
}

// Filter is a filter that the user uploaded.
func (tx *ReadTx) Filter(user, filterID string) (json.RawMessage, error) {
	var raw []byte
	err := tx.one(`SELECT json FROM filters WHERE user_id = $1 AND filter_id = $2`, []any{&raw}, user, filterID)
	return raw, err
}

// PutFilter stores a filter; its id follows from its content.
func (tx *Tx) PutFilter(user, filterID string, raw json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO filters (user_id, filter_id, json) VALUES ($1, $2, $3) ON CONFLICT (user_id, filter_id) DO NOTHING`, user, filterID, []byte(raw))
	return err
}
