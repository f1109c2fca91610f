package userserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoUser = matrixerr.NotFound("There is no such user")

// Account is an account that is not deactivated: M_NOT_FOUND else.
func (s *Server) Account(ctx context.Context, user string) (a storage.Account, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err = tx.Account(user)
		return err
	})
	if err == nil && a.Deactivated {
		err = storage.ErrNotFound
	}
	a.Password = ""
	return a, notFoundAs(err, errNoUser)
}

// Accounts lists accounts after one, in order, without passwords.
func (s *Server) Accounts(ctx context.Context, after string, limit int) (list []storage.Account, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		list, err = tx.Accounts(after, limit)
		return err
	})
	for i := range list {
		list[i].Password = ""
	}
	return list, err
}

// SetLocked locks an account or unlocks it ("Account locking"). Its sessions stay.
func (s *Server) SetLocked(ctx context.Context, user string, locked bool) error {
	return s.change(ctx, user, func(tx *storage.Tx) error { return tx.SetLocked(user, locked) })
}

// SetSuspended suspends an account or ends that ("Account suspension").
func (s *Server) SetSuspended(ctx context.Context, user string, suspended bool) error {
	return s.change(ctx, user, func(tx *storage.Tx) error { return tx.SetSuspended(user, suspended) })
}

// SetAdmin makes somebody an administrator, or no longer one.
func (s *Server) SetAdmin(ctx context.Context, user string, admin bool) error {
	return s.change(ctx, user, func(tx *storage.Tx) error { return tx.SetAdmin(user, admin) })
}

// change changes an account and what is kept in memory of its sessions. Long-polls
// of the user wake, and see it.
func (s *Server) change(ctx context.Context, user string, fn func(*storage.Tx) error) error {
	err := s.write(ctx, func(tx *storage.Tx) error {
		tx.RingUser(user)
		return notFoundAs(fn(tx), errNoUser)
	})
	s.cache.dropUser(user)
	return err
}
