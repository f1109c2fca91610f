package userserver

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// maxPassword is the longest password, in bytes.
const maxPassword = 512

// CheckPassword says whether a password is good enough to be set.
func (s *Server) CheckPassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < s.minPassword:
		return matrixerr.WeakPassword(fmt.Sprintf("The password is too short; take at least %d characters", s.minPassword))
	case len(password) > maxPassword:
		return matrixerr.InvalidParam("The password is too long")
	}
	return nil
}

// SetPassword changes a password. With logout, all sessions end but those of the
// device that keep names; "" keeps none. The other devices lose their pushers in any
// case.
func (s *Server) SetPassword(ctx context.Context, user, password string, logout bool, keep string) error {
	if err := s.CheckPassword(password); err != nil {
		return err
	}
	h, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *storage.Tx) error {
		if err := usable(tx.Account(user)); err != nil {
			return err
		}
		if err := tx.SetPassword(user, h); err != nil {
			return err
		}
		// Who took the old password must not go on reading along.
		if err := tx.DeletePushersBut(user, keep); err != nil || !logout {
			return err
		}
		return deleteOthers(tx, user, keep)
	})
	if logout {
		s.cache.drop(user, func(x Session) bool { return keep == "" || x.Device != keep })
	}
	return err
}

// Parameters of argon2id (RFC 9106, for machines with little memory): a hash takes
// about 30 ms and 19 MiB. Old hashes carry their own.
const (
	argonTime   = 2
	argonMemory = 19 * 1024 // KiB
	argonLanes  = 1
	argonLength = 32
)

// hashesAtOnce bounds how many passwords are hashed at a time, so that a flood of
// logins fills neither the memory nor every core.
const hashesAtOnce = 2

// hashPassword makes the encoded hash of a password.
func (s *Server) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(s.rand, salt); err != nil {
		return "", err
	}
	sum, err := s.argon(ctx, password, salt, argonTime, argonMemory, argonLanes)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", argonMemory, argonTime, argonLanes, enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

func (s *Server) argon(ctx context.Context, password string, salt []byte, t, m uint32, p uint8) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.hashing }()
	return argon2.IDKey([]byte(password), salt, t, m, p, argonLength), nil
}

// checkPassword compares a password with an encoded hash. Without a hash it takes
// as long and says no: the time must not tell which accounts exist.
func (s *Server) checkPassword(ctx context.Context, encoded, password string) (bool, error) {
	var m, t uint32 = argonMemory, argonTime
	var p uint8 = argonLanes
	parts := strings.Split(encoded, "$")
	var salt, want []byte
	if len(parts) == 6 {
		if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil {
			return false, err
		}
		salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
		want, _ = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if salt == nil {
		salt = make([]byte, 16)
	}
	got, err := s.argon(ctx, password, salt, t, m, p)
	return err == nil && len(want) > 0 && subtle.ConstantTimeCompare(got, want) == 1, err
}
