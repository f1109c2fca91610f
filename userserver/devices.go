package userserver

import (
	"context"
	"slices"

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

// RenameDevice sets a device's display name; others see it, so they are told.
func (s *Server) RenameDevice(ctx context.Context, user, device string, name *string) error {
	if name != nil && len(*name) > maxDeviceName {
		return matrixerr.New(400, "M_TOO_LARGE", "The device name is too long")
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		if err := tx.RenameDevice(user, device, name); err != nil {
			return notFoundAs(err, errNoDevice)
		}
		return tx.DeviceChanged(user)
	})
}

// DeleteDevices removes devices with their sessions and keys. Unknown ones are no
// error: they are gone.
func (s *Server) DeleteDevices(ctx context.Context, user string, devices []string) error {
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		for _, d := range devices {
			if err := tx.DeleteDevice(user, d); err != nil {
				return err
			}
		}
		return tx.DeviceChanged(user)
	})
	s.cache.drop(func(x Session) bool { return x.User == user && slices.Contains(devices, x.Device) })
	return err
}

// SetPassword changes a password. What else was logged in goes, when the user
// wants it so.
func (s *Server) SetPassword(ctx context.Context, user, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	h, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error { return tx.SetPassword(user, h) })
}

// Deactivate ends an account: its rooms, devices, profile and settings go, and the
// name is never given again.
func (s *Server) Deactivate(ctx context.Context, user string, erase bool) error {
	if err := s.LogoutAll(ctx, user, ""); err != nil {
		return err
	}
	err := s.db.Write(ctx, func(tx *storage.Tx) error { return tx.Deactivate(user, erase) })
	s.cache.drop(func(x Session) bool { return x.User == user })
	if err != nil || s.rooms == nil {
		return err
	}
	rooms, err := s.rooms.JoinedRooms(ctx, user)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		if err := s.rooms.Leave(ctx, user, room, ""); err != nil && !matrixerr.Is(err, "M_FORBIDDEN") {
			return err
		}
	}
	return nil
}

// Accounts lists accounts after one, in order.
func (s *Server) Accounts(ctx context.Context, after string, limit int) (list []storage.Account, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		list, err = tx.Accounts(after, limit)
		return err
	})
	return list, err
}
