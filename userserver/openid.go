package userserver

import (
	"context"
	"time"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// openIDLife is how long an OpenID token is good.
const openIDLife = time.Hour

// NewOpenIDToken makes a token by which another service learns from this server who
// its holder is. It is good for nothing else, for the time that is returned.
func (s *Server) NewOpenIDToken(ctx context.Context, user string) (string, time.Duration, error) {
	tok := s.newToken("cho_")
	return tok, openIDLife, s.write(ctx, func(tx *storage.Tx) error {
		return tx.PutOpenIDToken(hash(tok), user, tx.Now()+openIDLife.Milliseconds())
	})
}

// OpenIDUser is whose an OpenID token is: 401 M_UNKNOWN_TOKEN when it is not good.
// The federation door answers with it.
func (s *Server) OpenIDUser(ctx context.Context, token string) (user string, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		user, err = tx.OpenIDUser(hash(token), s.now())
		return notFoundAs(err, matrixerr.New(401, "M_UNKNOWN_TOKEN", "The OpenID token is not known, or has run out"))
	})
	return user, err
}
