package userserver

import (
	"context"
	"errors"
	"time"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// errBadLogin is the same for a wrong password and for nobody of that name.
var errBadLogin = matrixerr.Forbidden("The user name or the password is wrong")

// CheckLogin checks a user's password.
func (s *Server) CheckLogin(ctx context.Context, user, password string) error {
	var a storage.Account
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		a, err = tx.Account(user)
		return err
	})
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	ok, err := s.checkPassword(ctx, a.Password, password)
	if err != nil {
		return err
	}
	if !ok {
		return errBadLogin
	}
	if a.Deactivated {
		return matrixerr.New(403, "M_USER_DEACTIVATED", "This account was deactivated")
	}
	return nil
}

// LoginOptions are what a client may say of its session.
type LoginOptions struct {
	Device     string // "" makes a new one
	DeviceName string
	Refresh    bool // with a refresh token, and an access token that runs out
}

// Tokens are what a login gives. Refresh and ExpiresIn are zero when the client
// asked for none.
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration
	Device    string
}

// Login makes a session of a device. Who logs in has been checked before. Logging
// in to a device again ends its sessions of before.
func (s *Server) Login(ctx context.Context, user string, o LoginOptions) (Tokens, error) {
	t := Tokens{Access: s.newToken("cha_"), Device: o.Device}
	if t.Device == "" {
		t.Device = newDeviceID(id.RandomString(s.rand, 10))
	} else if !id.IsDevice(t.Device) {
		return t, matrixerr.InvalidParam("device_id is not usable")
	}
	sid, err := s.db.NextIDs(ctx, "session", 1)
	if err != nil {
		return t, err
	}
	row := storage.Session{ID: sid, Token: hash(t.Access), User: user, Device: t.Device, Scope: "all", Family: sid}
	if o.Refresh {
		t.Refresh, t.ExpiresIn = s.newToken("chr_"), s.life
		row.Refresh, row.Expires = hash(t.Refresh), s.now()+s.life.Milliseconds()
	}
	var name *string
	if o.DeviceName != "" {
		name = &o.DeviceName
	}
	err = s.db.Write(ctx, func(tx *storage.Tx) error {
		if err := tx.EndSessions(user, t.Device); err != nil {
			return err
		}
		if err := tx.PutDevice(user, t.Device, name); err != nil {
			return err
		}
		return tx.PutSession(row)
	})
	s.cache.drop(func(x Session) bool { return x.User == user && x.Device == t.Device })
	return t, err
}

// newDeviceID is ten capital letters, as people read them to each other.
func newDeviceID(random string) string {
	out := make([]byte, 10)
	for i := range out {
		out[i] = 'A' + random[i]%26
	}
	return string(out)
}

// Refresh gives new tokens for a refresh token. The use of one that was replaced
// ends the whole login: somebody has stolen a copy.
func (s *Server) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	t := Tokens{Access: s.newToken("cha_"), Refresh: s.newToken("chr_"), ExpiresIn: s.life}
	sid, err := s.db.NextIDs(ctx, "session", 1)
	if err != nil {
		return t, err
	}
	stolen := false
	var old storage.Session
	err = s.db.Write(ctx, func(tx *storage.Tx) (err error) {
		if old, err = tx.SessionByRefresh(hash(refresh)); err != nil {
			return notFoundAs(err, matrixerr.UnknownToken(false))
		}
		if stolen = old.Replaced; stolen {
			return tx.DeleteFamily(old.Family)
		}
		if err = tx.DeleteReplaced(old.Family, old.ID); err != nil {
			return err
		}
		if err = tx.ReplaceSession(old.ID, tx.Now()+time.Minute.Milliseconds()); err != nil {
			return err
		}
		return tx.PutSession(storage.Session{ID: sid, Token: hash(t.Access), Refresh: hash(t.Refresh), User: old.User, Device: old.Device,
			Scope: old.Scope, Client: old.Client, Family: old.Family, Expires: tx.Now() + s.life.Milliseconds()})
	})
	s.cache.drop(func(x Session) bool { return x.Family == old.Family })
	if err == nil && stolen {
		err = matrixerr.UnknownToken(false)
	}
	t.Device = old.Device
	return t, err
}

// loginTokenLife is how long a login token of GetLoginToken is good.
const loginTokenLife = time.Minute

// NewLoginToken makes a token with which another client logs in once.
func (s *Server) NewLoginToken(ctx context.Context, user string) (string, time.Duration, error) {
	tok := s.newToken("chl_")
	return tok, loginTokenLife, s.db.Write(ctx, func(tx *storage.Tx) error {
		return tx.PutLoginToken(hash(tok), user, tx.Now()+loginTokenLife.Milliseconds())
	})
}

// TakeLoginToken uses a login token up and says whose it is.
func (s *Server) TakeLoginToken(ctx context.Context, token string) (user string, err error) {
	err = s.db.Write(ctx, func(tx *storage.Tx) (err error) {
		user, err = tx.TakeLoginToken(hash(token))
		return notFoundAs(err, matrixerr.Forbidden("The login token is not valid"))
	})
	return user, err
}

// Logout ends a session and removes its device.
func (s *Server) Logout(ctx context.Context, sess Session) error {
	return s.DeleteDevices(ctx, sess.User, []string{sess.Device})
}

// LogoutAll ends all sessions of a user and removes all devices, but one when it
// is named.
func (s *Server) LogoutAll(ctx context.Context, user, but string) error {
	var ids []string
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		list, err := tx.Devices(user)
		for _, d := range list {
			if d.ID != but {
				ids = append(ids, d.ID)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.DeleteDevices(ctx, user, ids)
}
