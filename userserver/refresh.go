package userserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// A refresh token carries the family of its login and a seal, so that a token which
// has been replaced can be told from one that never was: nothing needs to be stored
// for each that was used.
const (
	refreshPrefix = "chr_"
	refreshRandom = 24 // bytes
	refreshSeal   = 16 // bytes
)

func (s *Server) newRefresh(family int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(family))
	b = append(b, make([]byte, refreshRandom)...)
	if _, err := io.ReadFull(s.rand, b[8:]); err != nil {
		panic("userserver: no randomness: " + err.Error())
	}
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(b, s.seal(b)...))
}

func (s *Server) seal(b []byte) []byte {
	secret := s.db.Secret()
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("refresh token\x00"))
	mac.Write(b)
	return mac.Sum(nil)[:refreshSeal]
}

// familyOf is the family of a refresh token that this server gave out.
func (s *Server) familyOf(token string) (family int64, ours bool) {
	text, ok := strings.CutPrefix(token, refreshPrefix)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(b) != 8+refreshRandom+refreshSeal {
		return 0, false
	}
	body, seal := b[:8+refreshRandom], b[8+refreshRandom:]
	return int64(binary.BigEndian.Uint64(body)), hmac.Equal(seal, s.seal(body))
}

// Refresh gives new tokens for a refresh token. The old ones stay good until the new
// are used for the first time, because a client may never receive the answer
// ("Refreshing access tokens"). The use of a refresh token that has been replaced
// ends the whole login: somebody has stolen a copy.
func (s *Server) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	family, ours := s.familyOf(refresh)
	if !ours {
		return Tokens{}, matrixerr.UnknownToken(false) // and strangers make nothing write
	}
	t := Tokens{Access: s.newToken("cha_"), ExpiresIn: s.life}
	sid, err := s.db.NextIDs(ctx, "session", 1)
	if err != nil {
		return t, err
	}
	var user string
	stolen := false
	err = s.write(ctx, func(tx *storage.Tx) error {
		stolen = false
		old, err := tx.SessionByRefresh(hash(refresh))
		if errors.Is(err, storage.ErrNotFound) {
			stolen = true
			user, err = tx.DeleteFamily(family)
			return err
		}
		if err == nil {
			err = usable(old.Account, nil)
		}
		if err != nil {
			return err
		}
		user, t.Device, t.Refresh = old.User, old.Device, s.newRefresh(family)
		return s.succeed(tx, old, storage.Session{ID: sid, Token: hash(t.Access), Refresh: hash(t.Refresh), User: old.User,
			Device: old.Device, Scope: old.Scope, Client: old.Client, Family: old.Family, Expires: tx.Now() + s.life.Milliseconds()})
	})
	s.cache.drop(user, func(x Session) bool { return x.Family == family })
	if err == nil && stolen {
		if user != "" {
			s.log.WithField("user", user).Warn("a refresh token was used again after its successor; the login was ended")
		}
		err = matrixerr.UnknownToken(false)
	}
	return t, err
}

// succeed puts a session behind an old one, in the place of successors that nobody
// has used.
func (s *Server) succeed(tx *storage.Tx, old, next storage.Session) error {
	if !old.Used {
		if err := tx.UseSession(old.ID, old.Family); err != nil {
			return err
		}
	}
	if err := tx.DropSuccessors(old.ID, old.Family); err != nil {
		return err
	}
	return tx.PutSession(next)
}
