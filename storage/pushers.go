package storage

import "encoding/json"

// Pusher is where notifications of a user are sent.
type Pusher struct {
	ID                  int64
	User, Device        string
	AppID, Key, Kind    string // kind is http or email
	AppName, DeviceName string
	ProfileTag, Lang    string
	Data                json.RawMessage
	Enabled             bool
	Created             int64 // when it was last set, ms since the epoch
	LastSuccess         int64 // 0: never
	FailingSince        int64 // 0: the last attempt went well
}

func scanPusher(r scanner) (p Pusher, err error) {
	var data []byte
	var enabled int64
	err = r.Scan(&p.ID, &p.User, &p.Device, &p.AppID, &p.Key, &p.Kind, &p.AppName, &p.DeviceName, &p.ProfileTag, &p.Lang, &data, &enabled,
		&p.Created, &p.LastSuccess, &p.FailingSince)
	p.Data, p.Enabled = data, enabled != 0
	return p, err
}

const pusherColumns = `SELECT pusher_id, user_id, device_id, app_id, pushkey, kind, app_name, device_name, profile_tag, lang, data, enabled,
	created, last_success, failing_since FROM pushers `

// Pushers are all pushers of a user.
func (tx *ReadTx) Pushers(user string) ([]Pusher, error) {
	return collect(tx, pusherColumns+`WHERE user_id = $1 ORDER BY pusher_id`, scanPusher, user)
}

// Pusher is one pusher; ErrNotFound when it is gone.
func (tx *ReadTx) Pusher(id int64) (Pusher, error) {
	return first(collect(tx, pusherColumns+`WHERE pusher_id = $1`, scanPusher, id))
}

// PutPusher makes a pusher, or replaces what was set of one with the same app and
// key. An old one keeps its number, and what it has still to send.
func (tx *Tx) PutPusher(p Pusher) error {
	tx.RingPushers(p.User)
	_, err := tx.exec(`INSERT INTO pushers (pusher_id, user_id, device_id, app_id, pushkey, kind, app_name, device_name, profile_tag, lang, data, enabled,
			created, last_success, failing_since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0)
		ON CONFLICT (user_id, app_id, pushkey) DO UPDATE SET device_id = excluded.device_id, kind = excluded.kind, app_name = excluded.app_name,
			device_name = excluded.device_name, profile_tag = excluded.profile_tag, lang = excluded.lang, data = excluded.data,
			enabled = excluded.enabled, created = excluded.created, failing_since = 0`,
		p.ID, p.User, p.Device, p.AppID, p.Key, p.Kind, p.AppName, p.DeviceName, p.ProfileTag, p.Lang, []byte(p.Data), flag(p.Enabled), tx.Now())
	return err
}

// NotePusher stores how the last attempts of a pusher went.
func (tx *Tx) NotePusher(id, lastSuccess, failingSince int64) error {
	_, err := tx.exec(`UPDATE pushers SET last_success = $2, failing_since = $3 WHERE pusher_id = $1`, id, lastSuccess, failingSince)
	return err
}

// DeletePusher removes a user's pusher of an app with this key.
func (tx *Tx) DeletePusher(user, appID, key string) error {
	return tx.deletePushers(`user_id = $1 AND app_id = $2 AND pushkey = $3`, user, appID, key)
}

// DeletePusherByID removes a pusher that nothing can be sent to any more.
func (tx *Tx) DeletePusherByID(id int64) error { return tx.deletePushers(`pusher_id = $1`, id) }

// DeleteOthersPushers removes the pushers of an app with this key that are not the
// user's: the device has changed hands.
func (tx *Tx) DeleteOthersPushers(user, appID, key string) error {
	return tx.deletePushers(`user_id <> $1 AND app_id = $2 AND pushkey = $3`, user, appID, key)
}

// DeletePushersOf removes the pushers of a user's device.
func (tx *Tx) DeletePushersOf(user, device string) error {
	return tx.deletePushers(`user_id = $1 AND device_id = $2`, user, device)
}

// DeletePushersBut removes the pushers of all the user's devices but one; "" is none.
func (tx *Tx) DeletePushersBut(user, device string) error {
	return tx.deletePushers(`user_id = $1 AND (device_id <> $2 OR $2 = '')`, user, device)
}

// deletePushers removes pushers with what they had still to send.
func (tx *Tx) deletePushers(where string, args ...any) error {
	type gone struct {
		id   int64
		user string
	}
	list, err := collect(&tx.ReadTx, `SELECT pusher_id, user_id FROM pushers WHERE `+where,
		func(r scanner) (g gone, err error) { return g, r.Scan(&g.id, &g.user) }, args...)
	for _, g := range list {
		for _, text := range []string{`DELETE FROM push_queue WHERE pusher_id = $1`, `DELETE FROM pushers WHERE pusher_id = $1`} {
			if _, err := tx.exec(text, g.id); err != nil {
				return err
			}
		}
		tx.RingPushers(g.user)
	}
	return err
}
