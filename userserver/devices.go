package userserver

import (
	"context"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoDevice = matrixerr.NotFound("No such device")

// Devices are all devices of a user.
func (s *Server) Devices(ctx context.Context, user string) (list []storage.Device, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		list, err = tx.Devices(user)
		return err
	})
	return list, err
}

// Device is one device of a user.
func (s *Server) Device(ctx context.Context, user, device string) (d storage.Device, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		d, err = tx.Device(user, device)
		return notFoundAs(err, errNoDevice)
	})
	return d, err
}

// maxDeviceName is the longest display name of a device, in bytes.
const maxDeviceName = 100

func checkDeviceName(name string) error {
	switch {
	case len(name) > maxDeviceName:
		return matrixerr.New(400, "M_TOO_LARGE", "The device name is longer than 100 bytes")
	case strings.ContainsRune(name, 0):
		return matrixerr.InvalidParam("The device name is not usable")
	}
	return nil
}

// RenameDevice sets a device's display name; others see it, so they are told. nil
// keeps the name that there is.
func (s *Server) RenameDevice(ctx context.Context, user, device string, name *string) error {
	if name == nil {
		_, err := s.Device(ctx, user, device)
		return err
	}
	if err := checkDeviceName(*name); err != nil {
		return err
	}
	return s.write(ctx, func(tx *storage.Tx) error {
		if err := tx.RenameDevice(user, device, name); err != nil {
			return notFoundAs(err, errNoDevice)
		}
		return tx.DeviceChanged(user)
	})
}

// DeleteDevices removes devices with their sessions and keys. Unknown ones are no
// error: they are gone.
func (s *Server) DeleteDevices(ctx context.Context, user string, devices []string) error {
	err := s.write(ctx, func(tx *storage.Tx) error { return deleteDevices(tx, user, devices) })
	s.cache.drop(user, func(x Session) bool { return slices.Contains(devices, x.Device) })
	return err
}

func deleteDevices(tx *storage.Tx, user string, devices []string) error {
	any := false
	for _, d := range devices {
		was, err := tx.DeleteDevice(user, d)
		if err != nil {
			return err
		}
		any = any || was
	}
	if !any {
		return nil
	}
	return tx.DeviceChanged(user)
}

// deleteOthers removes all devices of a user but one.
func deleteOthers(tx *storage.Tx, user, but string) error {
	list, err := tx.Devices(user)
	if err != nil {
		return err
	}
	var ids []string
	for _, d := range list {
		if d.ID != but {
			ids = append(ids, d.ID)
		}
	}
	return deleteDevices(tx, user, ids)
}

// Logout ends a session and removes its device.
func (s *Server) Logout(ctx context.Context, sess Session) error {
	return s.DeleteDevices(ctx, sess.User, []string{sess.Device})
}

// LogoutAll ends all sessions of a user and removes all devices, but one when it is
// named.
func (s *Server) LogoutAll(ctx context.Context, user, but string) error {
	err := s.write(ctx, func(tx *storage.Tx) error { return deleteOthers(tx, user, but) })
	s.cache.drop(user, func(x Session) bool { return but == "" || x.Device != but })
	return err
}
