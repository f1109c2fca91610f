package userserver

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// errBadLogin is the same for a wrong password and for nobody of that name.
var errBadLogin = matrixerr.Forbidden("The user name or the password is wrong")

// CheckLogin checks a user's password. It takes as long for nobody as for somebody,
// and tells of a deactivated or locked account only who knows its password.
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
	return usable(a, nil)
}

// LoginOptions are what a client may say of its session, and where it comes from.
type LoginOptions struct {
	Device     string // "" makes a new one
	DeviceName string // of a new device; "" is none
	Refresh    bool   // with a refresh token, and an access token that runs out
	IP, Agent  string
}

// Tokens are what a login gives. Refresh and ExpiresIn are zero when the client
// asked for none.
type Tokens struct {
	Access    string
	Refresh   string
	ExpiresIn time.Duration
	Device    string
}

// Check says whether the options are usable, before anything is done.
func (o LoginOptions) Check() error {
	if o.Device != "" && !id.IsDevice(o.Device) {
		return matrixerr.InvalidParam("device_id is not usable")
	}
	return checkDeviceName(o.DeviceName)
}

// Login makes a session of a device. Who logs in has been checked before, but that
// the account is neither deactivated nor locked is checked here. Logging in to a
// device again ends its sessions of before.
func (s *Server) Login(ctx context.Context, user string, o LoginOptions) (Tokens, error) {
	if err := o.Check(); err != nil {
		return Tokens{}, err
	}
	t := Tokens{Access: s.newToken("cha_"), Device: o.Device}
	if t.Device == "" {
		t.Device = newDeviceID(s.rand)
	}
	sid, err := s.db.NextIDs(ctx, "session", 1)
	if err != nil {
		return t, err
	}
	row := storage.Session{ID: sid, Token: hash(t.Access), User: user, Device: t.Device, Scope: "all", Family: sid, Used: true}
	if o.Refresh {
		t.Refresh, t.ExpiresIn = s.newRefresh(sid), s.life
		row.Refresh, row.Expires = hash(t.Refresh), s.now()+s.life.Milliseconds()
	}
	device := storage.Device{User: user, ID: t.Device, IP: plain(o.IP), Agent: plain(o.Agent)}
	if o.DeviceName != "" {
		device.Name = &o.DeviceName
	}
	err = s.write(ctx, func(tx *storage.Tx) error {
		if err := usable(tx.Account(user)); err != nil {
			return err
		}
		if d, err := tx.Dehydrated(user); err == nil && d.Device == t.Device {
			return matrixerr.InvalidParam("device_id is the dehydrated device's")
		}
		if err := tx.EndSessions(user, t.Device); err != nil {
			return err
		}
		if err := tx.PutDevice(device); err != nil {
			return err
		}
		return tx.PutSession(row)
	})
	s.cache.drop(user, func(x Session) bool { return x.Device == t.Device })
	return t, err
}

// newDeviceID is ten capital letters, as people read them to each other.
func newDeviceID(r io.Reader) string {
	out := make([]byte, 0, 10)
	for buf := [32]byte{}; len(out) < cap(out); {
		if _, err := io.ReadFull(r, buf[:]); err != nil {
			panic("userserver: no randomness: " + err.Error())
		}
		for _, b := range buf {
			if b < 26*9 && len(out) < cap(out) { // every letter as often as the others
				out = append(out, 'A'+b%26)
			}
		}
	}
	return string(out)
}

// loginTokenLife is how long a login token of NewLoginToken is good.
const loginTokenLife = time.Minute

// NewLoginToken makes a token with which another client logs in once, within the
// time it returns.
func (s *Server) NewLoginToken(ctx context.Context, user string) (string, time.Duration, error) {
	tok := s.newToken("chl_")
	return tok, loginTokenLife, s.write(ctx, func(tx *storage.Tx) error {
		return tx.PutLoginToken(hash(tok), user, tx.Now()+loginTokenLife.Milliseconds())
	})
}

// TakeLoginToken uses a login token up and says whose it is.
func (s *Server) TakeLoginToken(ctx context.Context, token string) (user string, err error) {
	// A look before the write: strangers' guesses make nothing write.
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		_, err := tx.LoginToken(hash(token), s.now())
		return err
	})
	if err == nil {
		err = s.write(ctx, func(tx *storage.Tx) (err error) {
			user, err = tx.TakeLoginToken(hash(token))
			return err
		})
	}
	return user, notFoundAs(err, matrixerr.Forbidden("The login token is not valid"))
}
