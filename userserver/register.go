package userserver

import (
	"context"
	"errors"
	"strings"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// NewAccount is an account to be made.
type NewAccount struct {
	Localpart string // "" lets the server choose one
	Password  string // "" makes an account without
	Kind      string // "" is human
	Admin     bool
	// DisplayName is the first profile name; "" is none.
	DisplayName string
	// Token is the registration token that lets the account in; "" asks for none.
	Token string
}

// Lengths of a password, in bytes.
const (
	MinPassword = 8
	maxPassword = 512
)

var errTaken = matrixerr.New(400, "M_USER_IN_USE", "This user name is taken")

// CheckLocalpart says whether somebody new may have this name.
func (s *Server) CheckLocalpart(localpart string) error {
	switch {
	case !id.IsNewLocalpart(localpart):
		return matrixerr.New(400, "M_INVALID_USERNAME", "A user name is made of a-z, 0-9 and . _ = - / +")
	case len(s.UserID(localpart)) > id.MaxLength:
		return matrixerr.New(400, "M_INVALID_USERNAME", "The user name is too long")
	case strings.HasPrefix(localpart, "_"):
		return matrixerr.New(400, "M_EXCLUSIVE", "Names that begin with _ belong to application services")
	case strings.Trim(localpart, "0123456789") == "":
		return matrixerr.New(400, "M_INVALID_USERNAME", "Names of digits alone belong to guests")
	}
	return nil
}

// CheckPassword says whether a password is good enough to be set.
func CheckPassword(password string) error {
	switch {
	case len(password) < MinPassword:
		return matrixerr.New(400, "M_WEAK_PASSWORD", "The password is too short; take at least 8 characters")
	case len(password) > maxPassword:
		return matrixerr.New(400, "M_INVALID_PARAM", "The password is too long")
	}
	return nil
}

// Available says whether a name is free: nil, or the error that says why not.
func (s *Server) Available(ctx context.Context, localpart string) error {
	if err := s.CheckLocalpart(localpart); err != nil {
		return err
	}
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		_, err := tx.Account(s.UserID(localpart))
		return err
	})
	switch {
	case err == nil:
		return errTaken
	case errors.Is(err, storage.ErrNotFound):
		return nil
	}
	return err
}

// Register makes an account.
func (s *Server) Register(ctx context.Context, n NewAccount) (user string, err error) {
	guest := n.Kind == "guest"
	if n.Localpart == "" {
		if n.Localpart, err = s.freshName(ctx, guest); err != nil {
			return "", err
		}
	} else if err := s.CheckLocalpart(n.Localpart); err != nil {
		return "", err
	}
	a := storage.Account{UserID: s.UserID(n.Localpart), Kind: n.Kind, Admin: n.Admin}
	if a.Kind == "" {
		a.Kind = "human"
	}
	if n.Password != "" {
		if err := CheckPassword(n.Password); err != nil {
			return "", err
		}
		if a.Password, err = s.hashPassword(ctx, n.Password); err != nil {
			return "", err
		}
	}
	err = s.db.Write(ctx, func(tx *storage.Tx) error { return s.putAccount(tx, a, n) })
	if errors.Is(err, storage.ErrExists) {
		return "", errTaken
	}
	return a.UserID, err
}

func (s *Server) putAccount(tx *storage.Tx, a storage.Account, n NewAccount) error {
	if _, err := tx.Account(a.UserID); !errors.Is(err, storage.ErrNotFound) {
		if err == nil {
			err = storage.ErrExists
		}
		return err
	}
	if n.Token != "" {
		if err := tx.UseRegistrationToken(n.Token); err != nil {
			return notFoundAs(err, matrixerr.New(403, "M_FORBIDDEN", "The registration token is not valid"))
		}
	}
	if err := tx.PutAccount(a); err != nil {
		return err
	}
	if n.DisplayName == "" {
		return nil
	}
	return tx.PutProfile(a.UserID, "displayname", quoted(n.DisplayName))
}

// freshName is a name for who brings none: a number for guests, letters else.
func (s *Server) freshName(ctx context.Context, guest bool) (string, error) {
	n, err := s.db.NextIDs(ctx, "guest", 1)
	if err != nil {
		return "", err
	}
	if guest {
		return itoa(n), nil
	}
	return "u" + strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(id.RandomString(s.rand, 9))) + itoa(n), nil
}

// NewRegistrationToken makes a token that lets uses people register; uses 0 is any
// number, expires (ms since the epoch) 0 is never. "" lets the server choose it.
func (s *Server) NewRegistrationToken(ctx context.Context, token string, uses, expires int64) (string, error) {
	if token == "" {
		token = id.RandomString(s.rand, 18)
	}
	return token, s.db.Write(ctx, func(tx *storage.Tx) error {
		return tx.PutRegistrationToken(storage.RegistrationToken{Token: token, UsesAllowed: uses, Expires: expires})
	})
}

// TokenGood reports whether a registration token would let somebody in now.
func (s *Server) TokenGood(ctx context.Context, token string) (good bool, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		t, err := tx.RegistrationToken(token)
		good = err == nil && t.Good(s.now())
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return good, err
}

func notFoundAs(err, as error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return as
	}
	return err
}
