package storage

import (
	"encoding/json"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// ToDeviceMessage is a message from device to device.
type ToDeviceMessage struct {
	User, Device string
	Pos          int64
	Sender, Type string
	Content      json.RawMessage
}

// JSON is the message as clients read it.
func (m ToDeviceMessage) JSON() json.RawMessage {
	out := append([]byte(`{"content":`), m.Content...)
	out = canonicaljson.AppendString(append(out, `,"sender":`...), m.Sender)
	out = canonicaljson.AppendString(append(out, `,"type":`...), m.Type)
	return append(out, '}')
}

// PutToDevice queues a message, and wakes its user.
func (tx *Tx) PutToDevice(m ToDeviceMessage) error {
	_, err := tx.exec(`INSERT INTO to_device (user_id, device_id, pos, sender, type, content) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.User, m.Device, tx.NextPos(), m.Sender, m.Type, []byte(m.Content))
	tx.RingUser(m.User)
	return err
}

// ToDevice are a device's messages between two positions, oldest first.
func (tx *ReadTx) ToDevice(user, device string, after, upto int64, limit int) ([]ToDeviceMessage, error) {
	return collect(tx, `SELECT user_id, device_id, pos, sender, type, content FROM to_device
		WHERE user_id = $1 AND device_id = $2 AND pos > $3 AND pos <= $4 ORDER BY pos LIMIT $5`,
		func(r scanner) (m ToDeviceMessage, err error) {
			var raw []byte
			err = r.Scan(&m.User, &m.Device, &m.Pos, &m.Sender, &m.Type, &raw)
			m.Content = raw
			return m, err
		}, user, device, after, upto, int64(limit))
}

// HasToDevice reports whether the device has messages up to a position.
func (tx *ReadTx) HasToDevice(user, device string, upto int64) (bool, error) {
	return tx.exists(`SELECT 1 FROM to_device WHERE user_id = $1 AND device_id = $2 AND pos <= $3 LIMIT 1`, user, device, upto)
}

// DeleteToDevice drops a device's messages up to a position.
func (tx *Tx) DeleteToDevice(user, device string, upto int64) error {
	_, err := tx.exec(`DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND pos <= $3`, user, device, upto)
	return err
}

// ToDeviceTxn claims a transaction id of sendToDevice; false when it was used.
func (tx *Tx) ToDeviceTxn(key [16]byte) (bool, error) {
	n, err := tx.exec(`INSERT INTO to_device_txns (key, ts) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, key[:], tx.Now())
	return n == 1, err
}
