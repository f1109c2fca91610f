package storage

import "encoding/json"

// BackupVersion is a key backup of a user.
type BackupVersion struct {
	User      string
	Version   int64
	Algorithm string
	AuthData  json.RawMessage
	ETag      int64
	Count     int64
}

func scanBackup(r scanner) (b BackupVersion, err error) {
	var raw []byte
	err = r.Scan(&b.User, &b.Version, &b.Algorithm, &raw, &b.ETag, &b.Count)
	b.AuthData = raw
	return b, err
}

const backupColumns = `SELECT v.user_id, v.version, v.algorithm, v.auth_data, v.etag,
	(SELECT COUNT(*) FROM backup_keys k WHERE k.user_id = v.user_id AND k.version = v.version) FROM backup_versions v `

// Backup is one version of a user's backup; 0 is the current one.
func (tx *ReadTx) Backup(user string, version int64) (BackupVersion, error) {
	if version == 0 {
		return first(collect(tx, backupColumns+`WHERE v.user_id = $1 AND v.deleted = 0 ORDER BY v.version DESC LIMIT 1`, scanBackup, user))
	}
	return first(collect(tx, backupColumns+`WHERE v.user_id = $1 AND v.version = $2 AND v.deleted = 0`, scanBackup, user, version))
}

// NewBackup makes the next version. Numbers of deleted ones are not used again.
func (tx *Tx) NewBackup(user, algorithm string, authData json.RawMessage) (version int64, err error) {
	err = tx.one(`SELECT COALESCE(MAX(version), 0) + 1 FROM backup_versions WHERE user_id = $1`, []any{&version}, user)
	if err != nil {
		return 0, err
	}
	_, err = tx.exec(`INSERT INTO backup_versions (user_id, version, algorithm, auth_data, etag, deleted) VALUES ($1, $2, $3, $4, 0, 0)`,
		user, version, algorithm, []byte(authData))
	return version, err
}

// SetBackupAuth replaces a version's auth data.
func (tx *Tx) SetBackupAuth(user string, version int64, authData json.RawMessage) error {
	return tx.must(`UPDATE backup_versions SET auth_data = $3 WHERE user_id = $1 AND version = $2 AND deleted = 0`, user, version, []byte(authData))
}

// DeleteBackup removes a version and its keys.
func (tx *Tx) DeleteBackup(user string, version int64) error {
	if err := tx.must(`UPDATE backup_versions SET deleted = 1 WHERE user_id = $1 AND version = $2 AND deleted = 0`, user, version); err != nil {
		return err
	}
	_, err := tx.exec(`DELETE FROM backup_keys WHERE user_id = $1 AND version = $2`, user, version)
	return err
}

// TouchBackup gives a version a new etag: its keys changed.
func (tx *Tx) TouchBackup(user string, version int64) error {
	_, err := tx.exec(`UPDATE backup_versions SET etag = etag + 1 WHERE user_id = $1 AND version = $2`, user, version)
	return err
}

// BackupKey is a backed-up room key.
type BackupKey struct {
	Room, Session string
	FirstIndex    int64
	Forwarded     int64
	Verified      bool
	Data          json.RawMessage
}

func scanBackupKey(r scanner) (k BackupKey, err error) {
	var raw []byte
	var verified int64
	err = r.Scan(&k.Room, &k.Session, &k.FirstIndex, &k.Forwarded, &verified, &raw)
	k.Data, k.Verified = raw, verified != 0
	return k, err
}

// BackupKeys are a version's keys: all, of a room, or one session's.
func (tx *ReadTx) BackupKeys(user string, version int64, room, session string) ([]BackupKey, error) {
	return collect(tx, `SELECT room_id, session_id, first_index, forwarded, verified, data FROM backup_keys
		WHERE user_id = $1 AND version = $2 AND ($3 = '' OR room_id = $3) AND ($4 = '' OR session_id = $4)`, scanBackupKey, user, version, room, session)
}

// PutBackupKey stores a key.
func (tx *Tx) PutBackupKey(user string, version int64, k BackupKey) error {
	_, err := tx.exec(`INSERT INTO backup_keys (user_id, version, room_id, session_id, first_index, forwarded, verified, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id, version, room_id, session_id)
		DO UPDATE SET first_index = excluded.first_index, forwarded = excluded.forwarded, verified = excluded.verified, data = excluded.data`,
		user, version, k.Room, k.Session, k.FirstIndex, k.Forwarded, flag(k.Verified), []byte(k.Data))
	return err
}

// DeleteBackupKeys removes keys: all, of a room, or one session's.
func (tx *Tx) DeleteBackupKeys(user string, version int64, room, session string) (int64, error) {
	return tx.exec(`DELETE FROM backup_keys WHERE user_id = $1 AND version = $2 AND ($3 = '' OR room_id = $3) AND ($4 = '' OR session_id = $4)`,
		user, version, room, session)
}
