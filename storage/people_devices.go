package storage

import "database/sql"

// Device is a device of a user.
type Device struct {
	User, ID string
	Name     *string
	Seen     int64 // ms since the epoch
	IP       string
	Agent    string
}

func scanDevice(r scanner) (d Device, err error) {
	var name sql.NullString
	err = r.Scan(&d.User, &d.ID, &name, &d.Seen, &d.IP, &d.Agent)
	if name.Valid {
		d.Name = &name.String
	}
	return d, err
}

const deviceColumns = `SELECT user_id, device_id, name, seen, ip, agent FROM devices `

// Devices are all devices of a user.
func (tx *ReadTx) Devices(user string) ([]Device, error) {
	return collect(tx, deviceColumns+`WHERE user_id = $1 ORDER BY device_id`, scanDevice, user)
}

// Device is one device.
func (tx *ReadTx) Device(user, device string) (Device, error) {
	return first(collect(tx, deviceColumns+`WHERE user_id = $1 AND device_id = $2`, scanDevice, user, device))
}

// PutDevice makes a device. One that is there keeps its name.
func (tx *Tx) PutDevice(d Device) error {
	_, err := tx.exec(`INSERT INTO devices (user_id, device_id, name, seen, ip, agent) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, device_id) DO UPDATE SET seen = excluded.seen, ip = excluded.ip, agent = excluded.agent`,
		d.User, d.ID, nullName(d.Name), tx.Now(), d.IP, d.Agent)
	return err
}

func nullName(name *string) any {
	if name == nil {
		return nil
	}
	return *name
}

// RenameDevice sets the display name.
func (tx *Tx) RenameDevice(user, device string, name *string) error {
	return tx.must(`UPDATE devices SET name = $3 WHERE user_id = $1 AND device_id = $2`, user, device, nullName(name))
}

// SeenDevice notes when and from where a device was last used.
func (tx *Tx) SeenDevice(user, device, ip, agent string, seen int64) error {
	_, err := tx.exec(`UPDATE devices SET seen = $3, ip = $4, agent = $5 WHERE user_id = $1 AND device_id = $2`, user, device, seen, ip, agent)
	return err
}

// DeleteDevice removes a device with its sessions, pushers, keys and messages, and reports
// whether there was one.
func (tx *Tx) DeleteDevice(user, device string) (bool, error) {
	n, err := tx.exec(`DELETE FROM devices WHERE user_id = $1 AND device_id = $2`, user, device)
	if err != nil {
		return false, err
	}
	if err := tx.DeletePushersOf(user, device); err != nil {
		return false, err
	}
	for _, text := range []string{
		`DELETE FROM sessions WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM device_keys WHERE user_id = $1 AND device_id = $2`, `DELETE FROM one_time_keys WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM fallback_keys WHERE user_id = $1 AND device_id = $2`, `DELETE FROM to_device WHERE user_id = $1 AND device_id = $2`,
		`DELETE FROM key_signatures WHERE user_id = $1 AND target = $2`,
		`DELETE FROM dehydrated_devices WHERE user_id = $1 AND device_id = $2`,
	} {
		if _, err := tx.exec(text, user, device); err != nil {
			return false, err
		}
	}
	return n > 0, nil
}

// DeviceChanged records that others must look at the user's devices again, and
// wakes who is in a room with them.
func (tx *Tx) DeviceChanged(user string) error {
	pos := tx.NextPos()
	_, err := tx.exec(`INSERT INTO device_changes (user_id, pos) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET pos = excluded.pos`, user, pos)
	if err != nil {
		return err
	}
	tx.RingUser(user)
	tx.ring.Devices = append(tx.ring.Devices, user)
	rooms, err := tx.RoomsOf(user, []string{"join"}, false)
	for _, r := range rooms {
		tx.RingRoom(r.RoomID)
	}
	return err
}

// DeviceChangesFor are the users whose devices changed between two positions, and
// who share a room with the user; the user included.
func (tx *ReadTx) DeviceChangesFor(user string, after, upto int64) ([]string, error) {
	return tx.texts(`SELECT d.user_id FROM device_changes d WHERE d.pos > $2 AND d.pos <= $3 AND (d.user_id = $1 OR EXISTS (
		SELECT 1 FROM memberships x JOIN memberships y ON y.room_nid = x.room_nid AND y.membership = 'join' AND y.user_id = d.user_id
		WHERE x.user_id = $1 AND x.membership = 'join'))`, user, after, upto)
}
