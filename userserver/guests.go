package userserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// UpgradeGuest makes a person's account of a guest's ("Guest access"): the guest keeps
// name, rooms and devices, and gets a password.
func (s *Server) UpgradeGuest(ctx context.Context, guest Session, n NewAccount) (user string, err error) {
	if err := guest.mayBecome(n.Localpart); err != nil {
		return "", err
	}
	if err := s.CheckPassword(n.Password); err != nil {
		return "", err
	}
	h, err := s.hashPassword(ctx, n.Password)
	if err != nil {
		return "", err
	}
	err = s.write(ctx, func(tx *storage.Tx) error {
		a, err := tx.Account(guest.User)
		if err == nil && a.Kind != "guest" {
			err = errNoGuest
		}
		if err = usable(a, err); err != nil {
			return err
		}
		if n.Token != "" {
			if err := tx.UseRegistrationToken(n.Token); err != nil {
				return notFoundAs(err, errBadToken)
			}
		}
		if err := acceptTerms(tx, guest.User, n.Terms); err != nil {
			return err
		}
		if err := tx.SetKind(guest.User, "human"); err != nil {
			return err
		}
		return tx.SetPassword(guest.User, h)
	})
	s.cache.dropUser(guest.User)
	return guest.User, err
}

var errNoGuest = matrixerr.Forbidden("The guest access token is not a guest's of this name")

// mayBecome: "They are also required to specify the username parameter to the value of
// the local part of their username".
func (s Session) mayBecome(localpart string) error {
	if !s.Guest || localpart != id.LocalpartOf(s.User) {
		return errNoGuest
	}
	return nil
}

// CheckUpgrade is the session of a guest who wants to become a person of this name.
func (s *Server) CheckUpgrade(ctx context.Context, token, localpart string) (Session, error) {
	sess, err := s.Authenticate(ctx, token)
	if err != nil {
		return Session{}, err
	}
	return sess, sess.mayBecome(localpart)
}
