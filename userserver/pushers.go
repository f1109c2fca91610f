package userserver

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Kinds of pushers.
const (
	PusherHTTP  = "http"
	PusherEmail = "email"
)

// Bounds of a pusher. Those of the app's id and the key are the specification's.
const (
	maxPushers    = 100
	maxAppID      = 64 // characters
	maxPushkey    = 512
	maxPusherName = 512
	maxPusherData = 16 << 10
)

// pushPath is where every push gateway listens ("/pushers/set").
const pushPath = "/_matrix/push/v1/notify"

var errTooManyPushers = matrixerr.New(400, "M_TOO_LARGE", "There are too many pushers")

// Pushers are all pushers of a user.
func (s *Server) Pushers(ctx context.Context, user string) (list []storage.Pusher, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		list, err = tx.Pushers(user)
		return err
	})
	return list, err
}

// SetPusher makes a pusher or changes it. Without keepOthers the pushers of other
// users with its app and key go: the device has changed hands.
func (s *Server) SetPusher(ctx context.Context, p storage.Pusher, keepOthers bool) error {
	if p.Kind == PusherEmail {
		p.Key = strings.ToLower(p.Key)
	}
	err := s.checkPusher(p)
	if err != nil {
		return err
	}
	if p.ID, err = s.db.NextIDs(ctx, "pusher", 1); err != nil {
		return err
	}
	return s.write(ctx, func(tx *storage.Tx) error {
		list, err := tx.Pushers(p.User)
		if err != nil {
			return err
		}
		if len(list) >= maxPushers && !hasPusher(list, p) {
			return errTooManyPushers
		}
		// The session may have ended since it was asked.
		if _, err := tx.Device(p.User, p.Device); err != nil {
			return notFoundAs(err, errNoDevice)
		}
		if p.Kind == PusherEmail {
			if err := s.checkMail(&tx.ReadTx, p); err != nil {
				return err
			}
		}
		if !keepOthers {
			if err := tx.DeleteOthersPushers(p.User, p.AppID, p.Key); err != nil {
				return err
			}
		}
		return tx.PutPusher(p)
	})
}

func hasPusher(list []storage.Pusher, p storage.Pusher) bool {
	for _, old := range list {
		if old.AppID == p.AppID && old.Key == p.Key {
			return true
		}
	}
	return false
}

// DeletePusher removes a user's pusher. One that is not there is no error: it is gone.
func (s *Server) DeletePusher(ctx context.Context, user, appID, key string) error {
	if strings.ContainsRune(appID+key, 0) {
		return nil // none can be called so
	}
	return s.write(ctx, func(tx *storage.Tx) error { return tx.DeletePusher(user, appID, key) })
}

// checkPusher says whether a pusher may be set.
func (s *Server) checkPusher(p storage.Pusher) error {
	switch {
	case p.AppID == "" || utf8.RuneCountInString(p.AppID) > maxAppID:
		return matrixerr.InvalidParam("app_id has 1 to 64 characters")
	case p.Key == "" || len(p.Key) > maxPushkey:
		return matrixerr.InvalidParam("pushkey has 1 to 512 bytes")
	case len(p.Data) > maxPusherData:
		return matrixerr.InvalidParam("data is too large")
	}
	for _, text := range []string{p.AppID, p.Key, p.AppName, p.DeviceName, p.ProfileTag, p.Lang} {
		if len(text) > maxPusherName || strings.ContainsRune(text, 0) {
			return matrixerr.InvalidParam("A name of the pusher is too long, or not usable")
		}
	}
	switch {
	case p.Kind == PusherHTTP:
		return s.checkGateway(p)
	case p.Kind != PusherEmail:
		return matrixerr.InvalidParam("There is no such kind of pusher")
	case p.AppID != emailApp:
		return matrixerr.InvalidParam("app_id of a pusher that sends mail is " + emailApp)
	case !s.mail:
		return matrixerr.Forbidden("This server sends no mail")
	}
	return nil
}

// checkGateway looks at the URL that notifications are to be sent to.
func (s *Server) checkGateway(p storage.Pusher) error {
	data := gjson.ParseBytes(p.Data)
	if f := data.Get("format"); f.Exists() && f.Type != gjson.String {
		return matrixerr.InvalidParam("data.format is not a format")
	}
	at := data.Get("url")
	if at.Type != gjson.String {
		return matrixerr.MissingParam("data.url is missing")
	}
	u, err := url.Parse(at.Str)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" || u.EscapedPath() != pushPath {
		return matrixerr.InvalidParam("data.url must be an https URL with the path " + pushPath)
	}
	if err := s.gateway(u); err != nil {
		// Why is for the operator's list, and not for who probes the network.
		return matrixerr.Forbidden("This server does not send notifications there")
	}
	return nil
}

// refuseAll is for a server that was given no way to push gateways.
func refuseAll(*url.URL) error { return errors.New("push gateways are off") }

// noteEvery is how old the note of a success gets before it is written anew.
const noteEvery = 60 * 60 * 1000

// PusherWorked notes how an attempt to send went: when it begins to fail, when it
// works again, and otherwise only now and then.
func (s *Server) PusherWorked(tx *storage.Tx, p storage.Pusher, well bool) error {
	now := tx.Now()
	switch {
	case well && (p.FailingSince != 0 || now-p.LastSuccess > noteEvery):
		return tx.NotePusher(p.ID, now, 0)
	case !well && p.FailingSince == 0:
		return tx.NotePusher(p.ID, p.LastSuccess, now)
	}
	return nil
}

// PusherRejected removes a pusher that its gateway does not know any more.
func (s *Server) PusherRejected(tx *storage.Tx, p storage.Pusher) error {
	return tx.DeletePusherByID(p.ID)
}
