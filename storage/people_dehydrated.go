package storage

import "encoding/json"

// Dehydrated is a device that sleeps on the server (MSC3814).
type Dehydrated struct {
	User, Device string
	Data         json.RawMessage // what its user wakes it with
	Upload       []byte          // the hash of the request that it came with
}

// Dehydrated is the user's dehydrated device.
func (tx *ReadTx) Dehydrated(user string) (d Dehydrated, err error) {
	var data []byte
	err = tx.one(`SELECT user_id, device_id, data, upload FROM dehydrated_devices WHERE user_id = $1`, []any{&d.User, &d.Device, &data, &d.Upload}, user)
	d.Data = data
	return d, err
}

// PutDehydrated names the user's dehydrated device, which DeleteDevice removes.
func (tx *Tx) PutDehydrated(d Dehydrated) error {
	_, err := tx.exec(`INSERT INTO dehydrated_devices (user_id, device_id, data, upload) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id) DO UPDATE SET device_id = excluded.device_id, data = excluded.data, upload = excluded.upload`,
		d.User, d.Device, []byte(d.Data), d.Upload)
	return err
}
