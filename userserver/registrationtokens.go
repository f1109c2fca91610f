package userserver

import (
	"context"
	"errors"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errBadToken = matrixerr.New(401, "M_FORBIDDEN", "The registration token is not valid")

// NewRegistrationToken makes a token that lets uses people register; uses 0 is any
// number, expires (ms since the epoch) 0 is never. "" lets the server choose it.
// M_INVALID_PARAM when the token is there or is none.
func (s *Server) NewRegistrationToken(ctx context.Context, token string, uses, expires int64) (string, error) {
	if token == "" {
		token = id.RandomString(s.rand, 18)
	}
	if !isRegistrationToken(token) || uses < 0 || expires < 0 {
		return "", matrixerr.InvalidParam("A token is 1 to 64 of A-Z a-z 0-9 . _ ~ -, and its bounds are not negative")
	}
	err := s.write(ctx, func(tx *storage.Tx) error {
		return tx.PutRegistrationToken(storage.RegistrationToken{Token: token, UsesAllowed: uses, Expires: expires})
	})
	if errors.Is(err, storage.ErrExists) {
		err = matrixerr.InvalidParam("There is such a token already")
	}
	return token, err
}

// isRegistrationToken: "Token-authenticated registration": 1 to 64 characters of the
// unreserved set.
func isRegistrationToken(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '~' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// TokenGood reports whether a registration token would let somebody in now.
func (s *Server) TokenGood(ctx context.Context, token string) (good bool, err error) {
	if !isRegistrationToken(token) {
		return false, nil
	}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		t, err := tx.RegistrationToken(token)
		good = err == nil && t.Good(s.now())
		return err
	})
	return good, notFoundAs(err, nil)
}
