package storage

import (
	"encoding/json"
	"errors"
)

// ignoredUsers is the account data that says whom a user ignores.
const ignoredUsers = "m.ignored_user_list"

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

// notGone leaves deleted settings out of what a client reads for the first time.
const notGone = ` AND (deleted = 0 OR $3 > 0)`

// AccountDataSince are the settings of no room that changed between two positions.
// Deleted ones are empty, and left out when after is 0.
func (tx *ReadTx) AccountDataSince(user string, after, upto int64) ([]Setting, error) {
	return collect(tx, settingColumns+`WHERE user_id = $1 AND room_id = $2 AND pos > $3 AND pos <= $4`+notGone, scanSetting, user, "", after, upto)
}

// RoomAccountDataSince are the settings of one room.
func (tx *ReadTx) RoomAccountDataSince(user, room string, after, upto int64) ([]Setting, error) {
	return collect(tx, settingColumns+`WHERE user_id = $1 AND room_id = $2 AND pos > $3 AND pos <= $4`+notGone, scanSetting, user, room, after, upto)
}

// AllRoomAccountDataSince are the settings of all rooms.
func (tx *ReadTx) AllRoomAccountDataSince(user string, after, upto int64) ([]Setting, error) {
	return collect(tx, settingColumns+`WHERE user_id = $1 AND room_id <> $2 AND pos > $3 AND pos <= $4`+notGone, scanSetting, user, "", after, upto)
}

// RoomsWithAccountData are the rooms with settings that changed between two
// positions.
func (tx *ReadTx) RoomsWithAccountData(user string, after, upto int64) ([]int64, error) {
	return collect(tx, `SELECT DISTINCT r.room_nid FROM account_data a JOIN rooms r ON r.room_id = a.room_id
		WHERE a.user_id = $1 AND a.room_id <> '' AND a.pos > $2 AND a.pos <= $3`,
		func(s scanner) (n int64, err error) { return n, s.Scan(&n) }, user, after, upto)
}

// AccountData is one setting; ErrNotFound when it was deleted.
func (tx *ReadTx) AccountData(user, room, kind string) (json.RawMessage, error) {
	var raw []byte
	err := tx.one(`SELECT content FROM account_data WHERE user_id = $1 AND room_id = $2 AND type = $3 AND deleted = 0`, []any{&raw}, user, room, kind)
	return raw, err
}

// PutAccountData sets a setting, and wakes the user's devices.
func (tx *Tx) PutAccountData(user, room, kind string, content json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO account_data (user_id, room_id, type, content, pos, deleted) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (user_id, room_id, type) DO UPDATE SET content = excluded.content, pos = excluded.pos, deleted = 0`,
		user, room, kind, []byte(content), tx.NextPos())
	tx.RingUser(user)
	if kind == ignoredUsers {
		tx.RingRules(user)
	}
	return err
}

// DeleteAccountData empties a setting and marks it as deleted; ErrNotFound when there
// is none.
func (tx *Tx) DeleteAccountData(user, room, kind string) error {
	tx.RingUser(user)
	if kind == ignoredUsers {
		tx.RingRules(user)
	}
	return tx.must(`UPDATE account_data SET content = $4, pos = $5, deleted = 1 WHERE user_id = $1 AND room_id = $2 AND type = $3 AND deleted = 0`,
		user, room, kind, []byte("{}"), tx.NextPos())
}

// PushRules is what the user changed of the default push rules, and the position of
// the last change. Both are zero when there is nothing.
func (tx *ReadTx) PushRules(user string) (changes json.RawMessage, pos int64, err error) {
	var raw []byte
	err = tx.one(`SELECT json, pos FROM push_rules WHERE user_id = $1`, []any{&raw, &pos}, user)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return raw, pos, err
}

// PutPushRules stores what the user changed, and wakes their devices.
func (tx *Tx) PutPushRules(user string, changes json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO push_rules (user_id, json, pos) VALUES ($1, $2, $3)
		ON CONFLICT (user_id) DO UPDATE SET json = excluded.json, pos = excluded.pos`, user, []byte(changes), tx.NextPos())
	tx.RingUser(user)
	tx.RingRules(user)
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
