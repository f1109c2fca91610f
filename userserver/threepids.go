package userserver

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/mail"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// mediumEmail is the only kind of address that is kept.
const mediumEmail = "email"

// maxEmails is how many addresses an account has at most.
const maxEmails = 10

// Emails are the mail addresses of a user.
func (s *Server) Emails(ctx context.Context, user string) (list []storage.ThreePID, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		if _, err := tx.Account(user); err != nil {
			return notFoundAs(err, errNoUser)
		}
		list, err = tx.ThreePIDs(user)
		return err
	})
	return list, err
}

// AddEmail gives a user a mail address. Whoever calls it knows that it is theirs.
func (s *Server) AddEmail(ctx context.Context, user, address string) error {
	address, err := emailOf(address)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *storage.Tx) error {
		a, err := tx.Account(user)
		if err != nil || a.Deactivated {
			return notFoundAs(err, errNoUser)
		}
		owner, err := tx.ThreePIDOwner(mediumEmail, address)
		switch {
		case err == nil && owner == user:
			return nil
		case err == nil:
			return matrixerr.New(400, "M_THREEPID_IN_USE", "The address is another account's")
		case !errors.Is(err, storage.ErrNotFound):
			return err
		}
		list, err := tx.ThreePIDs(user)
		if err != nil {
			return err
		}
		if len(list) >= maxEmails {
			return matrixerr.InvalidParam("There are too many addresses")
		}
		return tx.PutThreePID(user, mediumEmail, address)
	})
}

// RemoveEmail takes an address from a user, and with it the mails to it.
func (s *Server) RemoveEmail(ctx context.Context, user, address string) error {
	return s.write(ctx, func(tx *storage.Tx) error {
		address := strings.ToLower(address)
		if err := tx.DeleteThreePID(user, mediumEmail, address); err != nil {
			return notFoundAs(err, matrixerr.NotFound("The account has no such address"))
		}
		return tx.DeletePusher(user, emailApp, address)
	})
}

// emailOf is an address as it is kept: of people it makes no difference how they
// write it.
func emailOf(address string) (string, error) {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Name != "" || a.Address != address || len(address) > 254 || strings.ContainsAny(address, "\"\x00 ") {
		return "", matrixerr.InvalidParam("This is no mail address")
	}
	return strings.ToLower(address), nil
}

// emailApp is the app_id of pushers that send mail ("/pushers/set").
const emailApp = "m.email"

// checkMail says whether mail may be sent to the address of a pusher.
func (s *Server) checkMail(tx *storage.ReadTx, p storage.Pusher) error {
	owner, err := tx.ThreePIDOwner(mediumEmail, p.Key)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err != nil || owner != p.User {
		return matrixerr.New(400, "M_THREEPID_NOT_FOUND", "The address is not the account's")
	}
	return nil
}

// UnsubscribeToken proves that somebody got a mail of a pusher. It is good as long as
// the pusher is there.
func (s *Server) UnsubscribeToken(pusher int64) string {
	secret := s.db.Secret()
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte("unsubscribe " + itoa(pusher)))
	return itoa(pusher) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Unsubscribe ends the mails of a pusher.
func (s *Server) Unsubscribe(ctx context.Context, tok string) error {
	n, _, _ := strings.Cut(tok, ".")
	pusher := int64(0)
	for _, c := range []byte(n) {
		if c < '0' || c > '9' || len(n) > 18 {
			return errBadLink
		}
		pusher = 10*pusher + int64(c-'0')
	}
	if !hmac.Equal([]byte(tok), []byte(s.UnsubscribeToken(pusher))) {
		return errBadLink
	}
	return s.write(ctx, func(tx *storage.Tx) error {
		p, err := tx.Pusher(pusher)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil || p.Kind != PusherEmail {
			return err
		}
		return tx.DeletePusherByID(pusher)
	})
}

var errBadLink = matrixerr.Forbidden("This link is not good")
