package userserver

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// maxToDevice bounds the content of one message, in bytes.
const maxToDevice = 64 << 10

// SendToDevice queues messages: user → device, or * for all → content. The
// transaction id makes a repetition do nothing. Users of other servers are not
// reached while this server does not federate.
func (s *Server) SendToDevice(ctx context.Context, sess Session, kind, txn string, messages map[string]map[string]json.RawMessage) error {
	for _, devices := range messages {
		for _, content := range devices {
			if len(content) > maxToDevice {
				return matrixerr.TooLarge("A message is too large")
			}
			if len(content) == 0 || content[0] != '{' {
				return matrixerr.BadJSON("A message's content is not an object")
			}
		}
	}
	sum := sha256.Sum256([]byte(sess.User + "\x00" + sess.Device + "\x00" + kind + "\x00" + txn))
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		first, err := tx.ToDeviceTxn([16]byte(sum[:16]))
		if err != nil || !first {
			return err
		}
		for user, devices := range messages {
			if id.ServerOf(user) != s.name {
				continue
			}
			if err := deliver(tx, sess.User, user, kind, devices); err != nil {
				return err
			}
		}
		return nil
	})
}

func deliver(tx *storage.Tx, sender, user, kind string, devices map[string]json.RawMessage) error {
	have, err := tx.Devices(user)
	if err != nil {
		return err
	}
	for _, d := range have {
		content, ok := devices[d.ID]
		if !ok {
			content, ok = devices["*"]
		}
		if !ok {
			continue
		}
		m := storage.ToDeviceMessage{User: user, Device: d.ID, Sender: sender, Type: kind, Content: content}
		if err := tx.PutToDevice(m); err != nil {
			return err
		}
	}
	return nil
}
