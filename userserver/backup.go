package userserver

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoBackup = matrixerr.NotFound("There is no such backup")

// NewBackup makes a new version of the user's key backup, which becomes the
// current one.
func (s *Server) NewBackup(ctx context.Context, user, algorithm string, authData json.RawMessage) (version int64, err error) {
	err = s.db.Write(ctx, func(tx *storage.Tx) error {
		version, err = tx.NewBackup(user, algorithm, authData)
		return err
	})
	return version, err
}

// Backup is a version of the user's backup; 0 is the current one.
func (s *Server) Backup(ctx context.Context, user string, version int64) (b storage.BackupVersion, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		b, err = tx.Backup(user, version)
		return notFoundAs(err, errNoBackup)
	})
	return b, err
}

// SetBackupAuth replaces the auth data of a version; its algorithm stays.
func (s *Server) SetBackupAuth(ctx context.Context, user string, version int64, algorithm string, authData json.RawMessage) error {
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		b, err := tx.Backup(user, version)
		if err != nil {
			return notFoundAs(err, errNoBackup)
		}
		if b.Algorithm != algorithm {
			return matrixerr.InvalidParam("The algorithm of a backup cannot change")
		}
		return tx.SetBackupAuth(user, version, authData)
	})
}

// DeleteBackup removes a version. One that is gone already is no error.
func (s *Server) DeleteBackup(ctx context.Context, user string, version int64) error {
	return s.db.Write(ctx, func(tx *storage.Tx) error { return notFoundAs(tx.DeleteBackup(user, version), errNoBackup) })
}

// PutBackupKeys stores keys in the current version. Of two keys for one session the
// better one stays ("Backup algorithm": verified, then the lower first index, then
// fewer forwards).
func (s *Server) PutBackupKeys(ctx context.Context, user string, version int64, keys []storage.BackupKey) (b storage.BackupVersion, err error) {
	err = s.db.Write(ctx, func(tx *storage.Tx) error {
		if err := current(tx, user, version); err != nil {
			return err
		}
		changed := false
		for _, k := range keys {
			old, err := tx.BackupKeys(user, version, k.Room, k.Session)
			if err != nil {
				return err
			}
			if len(old) > 0 && !better(k, old[0]) {
				continue
			}
			if err := tx.PutBackupKey(user, version, k); err != nil {
				return err
			}
			changed = true
		}
		if changed {
			if err := tx.TouchBackup(user, version); err != nil {
				return err
			}
		}
		b, err = tx.Backup(user, version)
		return err
	})
	return b, err
}

func current(tx *storage.Tx, user string, version int64) error {
	b, err := tx.Backup(user, 0)
	if err != nil {
		return notFoundAs(err, errNoBackup)
	}
	if b.Version == version {
		return nil
	}
	e := matrixerr.New(403, "M_WRONG_ROOM_KEYS_VERSION", "This is not the current backup")
	e.Extra = map[string]any{"current_version": strconv.FormatInt(b.Version, 10)}
	return e
}

func better(k, old storage.BackupKey) bool {
	if k.Verified != old.Verified {
		return k.Verified
	}
	if k.FirstIndex != old.FirstIndex {
		return k.FirstIndex < old.FirstIndex
	}
	return k.Forwarded < old.Forwarded
}

// BackupKeys are keys of a version: all, of a room, or one session's.
func (s *Server) BackupKeys(ctx context.Context, user string, version int64, room, session string) (keys []storage.BackupKey, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		if _, err := tx.Backup(user, version); err != nil {
			return notFoundAs(err, errNoBackup)
		}
		keys, err = tx.BackupKeys(user, version, room, session)
		return err
	})
	return keys, err
}

// DeleteBackupKeys removes keys of a version.
func (s *Server) DeleteBackupKeys(ctx context.Context, user string, version int64, room, session string) (b storage.BackupVersion, err error) {
	err = s.db.Write(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Backup(user, version); err != nil {
			return notFoundAs(err, errNoBackup)
		}
		n, err := tx.DeleteBackupKeys(user, version, room, session)
		if err != nil {
			return err
		}
		if n > 0 {
			if err := tx.TouchBackup(user, version); err != nil {
				return err
			}
		}
		b, err = tx.Backup(user, version)
		return err
	})
	return b, err
}
