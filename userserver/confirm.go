package userserver

import (
	"context"
	"time"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// freshLogin is how long a login stands for the password of who has none.
const freshLogin = 10 * time.Minute

var errLogInAgain = matrixerr.Forbidden("The account has no password to confirm this with; log in again, and do it within ten minutes")

// HasPassword reports whether a user could confirm something with a password.
func (s *Server) HasPassword(ctx context.Context, user string) (has bool, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := tx.Account(user)
		has = a.Password != ""
		return notFoundAs(err, errNoUser)
	})
	return has, err
}

// Confirmed reports whether a session needs no password for what a stolen token
// alone must not do. Who has a password is always asked for it. Who has none, because
// somebody else vouches for them at the login, has proved who they are by having
// logged in just now; the tokens that refreshing makes do not count.
func (s *Server) Confirmed(ctx context.Context, sess Session) (bool, error) {
	has, err := s.HasPassword(ctx, sess.User)
	if err != nil || has {
		return false, err
	}
	if sess.LoggedIn == 0 || s.now()-sess.LoggedIn > freshLogin.Milliseconds() {
		return false, errLogInAgain
	}
	return true, nil
}
