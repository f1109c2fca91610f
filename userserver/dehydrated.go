package userserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// DehydratedUpload is a device that is to sleep on the server, so that messages reach
// it while nobody is logged in (MSC3814).
type DehydratedUpload struct {
	DeviceID string          `json:"device_id"`
	Data     json.RawMessage `json:"device_data"`
	Name     string          `json:"initial_device_display_name"`
	KeyUpload
}

var (
	errNoDehydrated    = matrixerr.NotFound("There is no dehydrated device")
	errOtherDehydrated = matrixerr.Forbidden("This is not the dehydrated device")
)

// PutDehydrated puts a device to sleep, in the place of the one that slept. It has
// keys and receives messages as others do, but it has no session.
func (s *Server) PutDehydrated(ctx context.Context, user string, up DehydratedUpload) error {
	if err := (LoginOptions{Device: up.DeviceID, DeviceName: up.Name}).Check(); err != nil {
		return err
	}
	var data struct {
		Algorithm string `json:"algorithm"`
	}
	if err := parseObject(up.Data, &data, "device_data"); err != nil {
		return err
	}
	if data.Algorithm == "" {
		return matrixerr.BadJSON("device_data has no algorithm")
	}
	sess := Session{User: user, Device: up.DeviceID}
	keys, err := checkDeviceKeys(sess, up.DeviceKeys)
	if err != nil {
		return err
	}
	whole, err := json.Marshal(up)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(whole)
	return s.write(ctx, func(tx *storage.Tx) error {
		if same, err := roomForDehydrated(tx, user, up.DeviceID, sum[:]); err != nil || same {
			return err
		}
		device := storage.Device{User: user, ID: up.DeviceID}
		if up.Name != "" {
			device.Name = &up.Name
		}
		if err := tx.PutDevice(device); err != nil {
			return err
		}
		if err := s.storeDeviceKeys(tx, sess, keys, up.DeviceKeys); err != nil {
			return err
		}
		if err := storeOneTimeKeys(tx, sess, up.KeyUpload); err != nil {
			return err
		}
		return tx.PutDehydrated(storage.Dehydrated{User: user, Device: up.DeviceID, Data: up.Data, Upload: sum[:]})
	})
}

// roomForDehydrated removes the device that slept until now. When the very same is
// uploaded again, a client has missed the answer: it stays, with the messages that
// have come since.
func roomForDehydrated(tx *storage.Tx, user, device string, upload []byte) (same bool, err error) {
	old, err := tx.Dehydrated(user)
	switch {
	case err == nil && bytes.Equal(old.Upload, upload):
		return true, nil
	case err == nil:
		if _, err := tx.DeleteDevice(user, old.Device); err != nil {
			return false, err
		}
	case !errors.Is(err, storage.ErrNotFound):
		return false, err
	}
	_, err = tx.Device(user, device)
	if err == nil {
		return false, matrixerr.InvalidParam("There is a device of that id, which is in use")
	}
	return false, notFoundAs(err, nil)
}

// Dehydrated is the user's dehydrated device; M_NOT_FOUND when there is none.
func (s *Server) Dehydrated(ctx context.Context, user string) (d storage.Dehydrated, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		d, err = tx.Dehydrated(user)
		return notFoundAs(err, errNoDehydrated)
	})
	return d, err
}

// DeleteDehydrated removes the user's dehydrated device, and says which it was.
func (s *Server) DeleteDehydrated(ctx context.Context, user string) (device string, err error) {
	err = s.write(ctx, func(tx *storage.Tx) error {
		d, err := tx.Dehydrated(user)
		if err != nil {
			return notFoundAs(err, errNoDehydrated)
		}
		device = d.Device
		return deleteDevices(tx, user, []string{d.Device})
	})
	return device, err
}

// dehydratedLimit is how many messages of a dehydrated device are read at once.
const dehydratedLimit = 100

// DehydratedEvents are messages that a dehydrated device was sent, after a position,
// and the position of the last. They stay as long as the device does: who wakes it
// may die over it, and another device begins anew.
func (s *Server) DehydratedEvents(ctx context.Context, user, device string, after int64) (list []storage.ToDeviceMessage, last int64, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		d, err := tx.Dehydrated(user)
		if errors.Is(err, storage.ErrNotFound) || err == nil && d.Device != device {
			return errOtherDehydrated
		}
		if err != nil {
			return err
		}
		now, err := tx.Position()
		if err != nil {
			return err
		}
		list, err = tx.ToDevice(user, device, after, now, dehydratedLimit)
		return err
	})
	last = after
	if n := len(list); n > 0 {
		last = list[n-1].Pos
	}
	return list, last, err
}
