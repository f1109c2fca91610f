package userserver

import (
	"context"
	"errors"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// LinkExternalID ties an identity that somebody else vouches for to an account.
// M_FORBIDDEN when it is tied to another.
func (s *Server) LinkExternalID(ctx context.Context, issuer, subject, user string) error {
	err := s.write(ctx, func(tx *storage.Tx) error {
		if _, err := tx.Account(user); err != nil {
			return notFoundAs(err, errNoUser)
		}
		return tx.PutExternalID(storage.ExternalID{Issuer: issuer, Subject: subject, User: user})
	})
	if errors.Is(err, storage.ErrExists) {
		err = matrixerr.Forbidden("The identity belongs to another account")
	}
	return err
}

// UserOfExternalID is the user of an external identity; M_NOT_FOUND when it is tied
// to none.
func (s *Server) UserOfExternalID(ctx context.Context, issuer, subject string) (user string, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		user, err = tx.UserOfExternalID(issuer, subject)
		return notFoundAs(err, errNoUser)
	})
	return user, err
}
