package storage

import (
	"encoding/json"
	"errors"
)

// DeviceKey is a device's identity keys, as it signed them.
type DeviceKey struct {
	User, Device string
	Name         string // the device's display name
	JSON         json.RawMessage
}

// DeviceKeys are the keys of all devices of users.
func (tx *ReadTx) DeviceKeys(users []string) ([]DeviceKey, error) {
	return collect(tx, `SELECT k.user_id, k.device_id, COALESCE(d.name, ''), k.json FROM device_keys k
		LEFT JOIN devices d ON d.user_id = k.user_id AND d.device_id = k.device_id WHERE k.user_id IN $1`,
		func(r scanner) (k DeviceKey, err error) {
			var raw []byte
			err = r.Scan(&k.User, &k.Device, &k.Name, &raw)
			k.JSON = raw
			return k, err
		}, tx.in(users))
}

// DeviceKey is the keys of one device.
func (tx *ReadTx) DeviceKey(user, device string) (json.RawMessage, error) {
	var raw []byte
	err := tx.one(`SELECT json FROM device_keys WHERE user_id = $1 AND device_id = $2`, []any{&raw}, user, device)
	return raw, err
}

// PutDeviceKey stores a device's keys.
func (tx *Tx) PutDeviceKey(user, device string, raw json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO device_keys (user_id, device_id, json) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, device_id) DO UPDATE SET json = excluded.json`, user, device, []byte(raw))
	return err
}

// OneTimeKey is a key to be claimed once.
type OneTimeKey struct {
	Algorithm, ID string
	JSON          json.RawMessage
}

// OneTimeKey is a stored key of that name, to compare an upload with.
func (tx *ReadTx) OneTimeKey(user, device, algorithm, keyID string) (json.RawMessage, error) {
	var raw []byte
	err := tx.one(`SELECT json FROM one_time_keys WHERE user_id = $1 AND device_id = $2 AND algorithm = $3 AND key_id = $4`, []any{&raw}, user, device, algorithm, keyID)
	return raw, err
}

// PutOneTimeKey adds a key behind those that are there.
func (tx *Tx) PutOneTimeKey(user, device string, k OneTimeKey) error {
	_, err := tx.exec(`INSERT INTO one_time_keys (user_id, device_id, algorithm, key_id, n, json) VALUES ($1, $2, $3, $4,
		(SELECT COALESCE(MAX(n), 0) + 1 FROM one_time_keys WHERE user_id = $1 AND device_id = $2), $5)`, user, device, k.Algorithm, k.ID, []byte(k.JSON))
	tx.RingKeys(user)
	return err
}

// TakeOneTimeKey removes the oldest key and returns it; a fallback key when there
// is none, which stays and is marked as used.
func (tx *Tx) TakeOneTimeKey(user, device, algorithm string) (k OneTimeKey, err error) {
	var raw []byte
	k.Algorithm = algorithm
	err = tx.one(`SELECT key_id, json FROM one_time_keys WHERE user_id = $1 AND device_id = $2 AND algorithm = $3 ORDER BY n LIMIT 1`,
		[]any{&k.ID, &raw}, user, device, algorithm)
	k.JSON = raw
	if err == nil {
		tx.RingUser(user)
		tx.RingKeys(user)
		return k, tx.must(`DELETE FROM one_time_keys WHERE user_id = $1 AND device_id = $2 AND algorithm = $3 AND key_id = $4`, user, device, algorithm, k.ID)
	}
	if !errors.Is(err, ErrNotFound) {
		return k, err
	}
	err = tx.one(`SELECT key_id, json FROM fallback_keys WHERE user_id = $1 AND device_id = $2 AND algorithm = $3`, []any{&k.ID, &raw}, user, device, algorithm)
	k.JSON = raw
	if err != nil {
		return k, err
	}
	tx.RingKeys(user)
	return k, tx.must(`UPDATE fallback_keys SET used = 1 WHERE user_id = $1 AND device_id = $2 AND algorithm = $3`, user, device, algorithm)
}

// PutFallbackKey replaces the device's fallback key of an algorithm.
func (tx *Tx) PutFallbackKey(user, device string, k OneTimeKey) error {
	_, err := tx.exec(`INSERT INTO fallback_keys (user_id, device_id, algorithm, key_id, json, used) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET key_id = excluded.key_id, json = excluded.json, used = 0`,
		user, device, k.Algorithm, k.ID, []byte(k.JSON))
	tx.RingKeys(user)
	return err
}

// OneTimeKeyCounts are the numbers of keys left, by algorithm. signed_curve25519 is
// always named, so that a client sees that it has none.
func (tx *ReadTx) OneTimeKeyCounts(user, device string) (map[string]int, error) {
	out := map[string]int{"signed_curve25519": 0}
	type row struct {
		algorithm string
		n         int
	}
	list, err := collect(tx, `SELECT algorithm, COUNT(*) FROM one_time_keys WHERE user_id = $1 AND device_id = $2 GROUP BY algorithm`,
		func(r scanner) (w row, err error) { return w, r.Scan(&w.algorithm, &w.n) }, user, device)
	for _, w := range list {
		out[w.algorithm] = w.n
	}
	return out, err
}

// UnusedFallbackTypes are the algorithms of fallback keys that nobody has got yet.
func (tx *ReadTx) UnusedFallbackTypes(user, device string) ([]string, error) {
	return tx.texts(`SELECT algorithm FROM fallback_keys WHERE user_id = $1 AND device_id = $2 AND used = 0 ORDER BY algorithm`, user, device)
}

// CrossSigningKey is a user's key for a usage: master, self_signing, user_signing.
type CrossSigningKey struct {
	User, Usage string
	JSON        json.RawMessage
}

// CrossSigningKeys are the keys of users.
func (tx *ReadTx) CrossSigningKeys(users []string) ([]CrossSigningKey, error) {
	return collect(tx, `SELECT user_id, usage, json FROM cross_signing WHERE user_id IN $1`,
		func(r scanner) (k CrossSigningKey, err error) {
			var raw []byte
			err = r.Scan(&k.User, &k.Usage, &raw)
			k.JSON = raw
			return k, err
		}, tx.in(users))
}

// PutCrossSigningKey sets a user's key for a usage.
func (tx *Tx) PutCrossSigningKey(k CrossSigningKey) error {
	_, err := tx.exec(`INSERT INTO cross_signing (user_id, usage, json) VALUES ($1, $2, $3)
		ON CONFLICT (user_id, usage) DO UPDATE SET json = excluded.json`, k.User, k.Usage, []byte(k.JSON))
	return err
}

// KeySignature is a checked signature over a user's device or key.
type KeySignature struct {
	Signer, KeyID string // who signed, and with which key, "ed25519:…"
	User, Target  string // whose key, and which: a device id, or the key itself
	Signature     string
}

// KeySignatures are the signatures over keys of users.
func (tx *ReadTx) KeySignatures(users []string) ([]KeySignature, error) {
	return collect(tx, `SELECT signer, key_id, user_id, target, signature FROM key_signatures WHERE user_id IN $1`,
		func(r scanner) (k KeySignature, err error) {
			return k, r.Scan(&k.Signer, &k.KeyID, &k.User, &k.Target, &k.Signature)
		}, tx.in(users))
}

// PutKeySignature stores a signature.
func (tx *Tx) PutKeySignature(k KeySignature) error {
	_, err := tx.exec(`INSERT INTO key_signatures (signer, key_id, user_id, target, signature) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, target, signer, key_id) DO UPDATE SET signature = excluded.signature`, k.Signer, k.KeyID, k.User, k.Target, k.Signature)
	return err
}

// DropKeySignatures forgets signatures over a key that was replaced.
func (tx *Tx) DropKeySignatures(user, target string) error {
	_, err := tx.exec(`DELETE FROM key_signatures WHERE user_id = $1 AND target = $2`, user, target)
	return err
}

// DropDeviceSecrets removes a device's one-time and fallback keys, and the
// signatures over its keys.
func (tx *Tx) DropDeviceSecrets(user, device string) error {
	tx.RingKeys(user)
	for _, text := range []string{`DELETE FROM one_time_keys WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM fallback_keys WHERE user_id = $1 AND device_id = $2`, `DELETE FROM key_signatures WHERE user_id = $1 AND target = $2`} {
		if _, err := tx.exec(text, user, device); err != nil {
			return err
		}
	}
	return nil
}
