package userserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// KeyUpload is the body of POST /keys/upload. null means absent.
type KeyUpload struct {
	DeviceKeys   json.RawMessage            `json:"device_keys"`
	OneTimeKeys  map[string]json.RawMessage `json:"one_time_keys"`
	FallbackKeys map[string]json.RawMessage `json:"fallback_keys"`
}

// maxOneTimeKeys bounds the keys that a device may have waiting, and upload at once.
const maxOneTimeKeys = 1000

// UploadKeys stores a device's keys, after checking their signatures, and returns
// the counts of its one-time keys.
func (s *Server) UploadKeys(ctx context.Context, sess Session, up KeyUpload) (map[string]int, error) {
	var dev *deviceKeys
	if len(up.DeviceKeys) > 0 && string(up.DeviceKeys) != "null" {
		var err error
		if dev, err = checkDeviceKeys(sess, up.DeviceKeys); err != nil {
			return nil, err
		}
	}
	var counts map[string]int
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		// The device may have been logged out since it was asked: others would go on
		// sending to the keys that it leaves behind.
		if _, err := tx.Device(sess.User, sess.Device); err != nil {
			return notFoundAs(err, matrixerr.UnknownToken(false))
		}
		if err := s.storeDeviceKeys(tx, sess, dev, up.DeviceKeys); err != nil {
			return err
		}
		if err := storeOneTimeKeys(tx, sess, up); err != nil {
			return err
		}
		var err error
		counts, err = tx.OneTimeKeyCounts(sess.User, sess.Device)
		if err == nil && counts["signed_curve25519"] > maxOneTimeKeys {
			err = matrixerr.New(400, "M_LIMIT_EXCEEDED", "The device has too many one-time keys")
		}
		return err
	})
	return counts, err
}

// checkDeviceKeys: the keys are of the session's own device, and signed with its
// Ed25519 key.
func checkDeviceKeys(sess Session, raw json.RawMessage) (*deviceKeys, error) {
	d := &deviceKeys{}
	if err := parseObject(raw, d, "device_keys"); err != nil {
		return nil, err
	}
	switch {
	case d.UserID != sess.User:
		return nil, matrixerr.InvalidParam("device_keys.user_id is not the user's")
	case d.DeviceID != sess.Device:
		return nil, matrixerr.InvalidParam("device_keys.device_id is not the session's")
	case len(d.Algorithms) == 0 || len(d.Keys) == 0:
		return nil, matrixerr.BadJSON("device_keys has no algorithms or no keys")
	}
	for keyID := range d.Keys {
		if !strings.HasSuffix(keyID, ":"+sess.Device) {
			return nil, matrixerr.InvalidParam("device_keys has a key of another device")
		}
	}
	if d.Signatures == nil {
		return nil, matrixerr.BadJSON("device_keys has no signatures")
	}
	// Other devices judge the keys, and trust none without a good signature; one
	// that is there and wrong is a fault that its owner should hear of.
	ed := "ed25519:" + sess.Device
	if sig, ok := d.Signatures[sess.User][ed]; ok && !verify(raw, d.Keys[ed], sig) {
		return nil, matrixerr.InvalidParam("device_keys is not signed by the device")
	}
	return d, nil
}

func (s *Server) storeDeviceKeys(tx *storage.Tx, sess Session, d *deviceKeys, raw json.RawMessage) error {
	if d == nil {
		return nil
	}
	old, err := tx.DeviceKey(sess.User, sess.Device)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err == nil {
		if samePart(old, raw) {
			return nil // nothing new to tell anybody
		}
		// A device with other keys is another device under an old name: what was
		// signed with the old ones, or over them, is worth nothing.
		if err := tx.DropDeviceSecrets(sess.User, sess.Device); err != nil {
			return err
		}
	}
	keys, err := s.signingKeys(&tx.ReadTx, sess.User, true)
	if err != nil {
		return err
	}
	ed := "ed25519:" + sess.Device
	keys[ed] = d.Keys[ed]
	if raw, err = withGoodSignatures(raw, sess.User, keys); err != nil {
		return err
	}
	if err := tx.PutDeviceKey(sess.User, sess.Device, raw); err != nil {
		return err
	}
	return tx.DeviceChanged(sess.User)
}

// parseOneTime reads the entries of one_time_keys and fallback_keys, in order of
// their names, and checks the signatures of signed ones.
func parseOneTime(tx *storage.Tx, sess Session, m map[string]json.RawMessage, what string) ([]storage.OneTimeKey, error) {
	if len(m) == 0 {
		return nil, nil
	}
	if len(m) > maxOneTimeKeys {
		return nil, matrixerr.TooLarge("Too many " + what)
	}
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	own, err := tx.DeviceKey(sess.User, sess.Device)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	var dev deviceKeys
	_ = json.Unmarshal(own, &dev)
	ed := "ed25519:" + sess.Device
	var out []storage.OneTimeKey
	for _, name := range names {
		algorithm, keyID, ok := strings.Cut(name, ":")
		if !ok || algorithm == "" || keyID == "" || len(name) > 255 {
			return nil, matrixerr.BadJSON(what + " has a name that is not <algorithm>:<id>")
		}
		if strings.HasPrefix(algorithm, "signed_") {
			var k struct {
				Key        string                       `json:"key"`
				Signatures map[string]map[string]string `json:"signatures"`
			}
			if err := parseObject(m[name], &k, what+"."+name); err != nil {
				return nil, err
			}
			if k.Key == "" || dev.Keys[ed] != "" && !verify(m[name], dev.Keys[ed], k.Signatures[sess.User][ed]) {
				return nil, matrixerr.InvalidParam(what + "." + name + " is not signed by the device")
			}
		} else if len(m[name]) > maxKeyObject {
			return nil, matrixerr.TooLarge(what + "." + name + " is too large")
		}
		out = append(out, storage.OneTimeKey{Algorithm: algorithm, ID: keyID, JSON: m[name]})
	}
	return out, nil
}

func storeOneTimeKeys(tx *storage.Tx, sess Session, up KeyUpload) error {
	keys, err := parseOneTime(tx, sess, up.OneTimeKeys, "one_time_keys")
	if err != nil {
		return err
	}
	for _, k := range keys {
		old, err := tx.OneTimeKey(sess.User, sess.Device, k.Algorithm, k.ID)
		if err == nil {
			if !sameKey(old, k.JSON) {
				return matrixerr.InvalidParam("The one-time key " + k.Algorithm + ":" + k.ID + " is there already, with another value")
			}
			continue
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if err := tx.PutOneTimeKey(sess.User, sess.Device, k); err != nil {
			return err
		}
	}
	fallback, err := parseOneTime(tx, sess, up.FallbackKeys, "fallback_keys")
	if err != nil {
		return err
	}
	for _, k := range fallback {
		if err := tx.PutFallbackKey(sess.User, sess.Device, k); err != nil {
			return err
		}
	}
	return nil
}

// sameKey: objects by their signed part, anything else by its text.
func sameKey(a, b json.RawMessage) bool { return string(a) == string(b) || samePart(a, b) }
