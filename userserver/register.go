package userserver

import (
	"context"
	"encoding/json"
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
	// Terms are what the person has accepted, version and address; "" is none.
	Terms string
}

var errTaken = matrixerr.UserInUse()

// CheckLocalpart says whether somebody new may have this name.
func (s *Server) CheckLocalpart(localpart string) error {
	switch {
	case !id.IsNewLocalpart(localpart):
		return matrixerr.InvalidUsername("A user name is made of a-z, 0-9 and . _ = - / +")
	case len(s.UserID(localpart)) > id.MaxLength:
		return matrixerr.InvalidUsername("The user name is too long")
	case strings.HasPrefix(localpart, "_"):
		return matrixerr.Exclusive("Names that begin with _ belong to application services")
	case s.exclusive(s.UserID(localpart)):
		return matrixerr.Exclusive("The name belongs to an application service")
	case strings.Trim(localpart, "0123456789") == "":
		return matrixerr.InvalidUsername("Names of digits alone belong to guests")
	}
	return nil
}

// KindAppService is an account that an application service makes, whose names the
// services share out among themselves.
const KindAppService = "appservice"

func (s *Server) checkName(n NewAccount) error {
	err := s.CheckLocalpart(n.Localpart)
	if n.Kind == KindAppService && matrixerr.Is(err, "M_EXCLUSIVE") {
		return nil
	}
	return err
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
	} else if err := s.checkName(n); err != nil {
		return "", err
	}
	a := storage.Account{UserID: s.UserID(n.Localpart), Kind: n.Kind, Admin: n.Admin}
	if a.Kind == "" {
		a.Kind = "human"
	}
	if n.Password != "" {
		if err := s.CheckPassword(n.Password); err != nil {
			return "", err
		}
		if a.Password, err = s.hashPassword(ctx, n.Password); err != nil {
			return "", err
		}
	}
	err = s.write(ctx, func(tx *storage.Tx) error { return s.putAccount(tx, a, n) })
	if errors.Is(err, storage.ErrExists) {
		return "", errTaken
	}
	return a.UserID, err
}

func (s *Server) putAccount(tx *storage.Tx, a storage.Account, n NewAccount) error {
	if n.Token != "" {
		if err := tx.UseRegistrationToken(n.Token); err != nil {
			return notFoundAs(err, errBadToken)
		}
	}
	if err := tx.PutAccount(a); err != nil {
		return err
	}
	if err := acceptTerms(tx, a.UserID, n.Terms); err != nil || n.DisplayName == "" {
		return err
	}
	return tx.PutProfile(a.UserID, "displayname", quoted(n.DisplayName))
}

// termsType is the setting of a user that says which terms they have accepted, and
// when.
const termsType = "im.chancery.accepted_terms"

func acceptTerms(tx *storage.Tx, user, terms string) error {
	if terms == "" {
		return nil
	}
	content, err := json.Marshal(map[string]any{"terms": terms, "ts": tx.Now()})
	if err != nil {
		return err
	}
	return tx.PutAccountData(user, "", termsType, content)
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
	return strings.ToLower(newDeviceID(s.rand)) + itoa(n), nil
}
