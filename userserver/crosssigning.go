package userserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// CrossSigningUpload is the body of POST /keys/device_signing/upload.
type CrossSigningUpload struct {
	Master      json.RawMessage `json:"master_key"`
	SelfSigning json.RawMessage `json:"self_signing_key"`
	UserSigning json.RawMessage `json:"user_signing_key"`
}

// usages in the order in which they are checked: the others are signed by master.
func (u CrossSigningUpload) usages() []storage.CrossSigningKey {
	var out []storage.CrossSigningKey
	for _, k := range []storage.CrossSigningKey{{Usage: "master", JSON: u.Master}, {Usage: "self_signing", JSON: u.SelfSigning}, {Usage: "user_signing", JSON: u.UserSigning}} {
		if len(k.JSON) > 0 && string(k.JSON) != "null" {
			out = append(out, k)
		}
	}
	return out
}

func (s *Server) crossKeys(tx *storage.ReadTx, user string) (map[string]json.RawMessage, error) {
	rows, err := tx.CrossSigningKeys([]string{user})
	out := map[string]json.RawMessage{}
	for _, k := range rows {
		out[k.Usage] = k.JSON
	}
	return out, err
}

// CrossSigningReplaces reports whether an upload would change keys that are there:
// that needs the user's password, a first upload and a repetition do not.
func (s *Server) CrossSigningReplaces(ctx context.Context, user string, up CrossSigningUpload) (replaces bool, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		have, err := s.crossKeys(tx, user)
		if err != nil || len(have) == 0 {
			return err
		}
		for _, k := range up.usages() {
			if old, ok := have[k.Usage]; !ok || !samePart(old, k.JSON) {
				replaces = true
			}
		}
		return nil
	})
	return replaces, err
}

// UploadCrossSigning stores cross-signing keys after checking that each is of the
// user, of its usage, and signed by the master key.
func (s *Server) UploadCrossSigning(ctx context.Context, user string, up CrossSigningUpload) error {
	keys := up.usages()
	if len(keys) == 0 {
		return matrixerr.MissingParam("No key was given")
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		have, err := s.crossKeys(&tx.ReadTx, user)
		if err != nil {
			return err
		}
		signers, err := s.signingKeys(&tx.ReadTx, user, true)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := checkCrossKey(user, k, have["master"]); err != nil {
				return err
			}
			var c crossKey
			_ = json.Unmarshal(k.JSON, &c)
			if keyID, key, _ := c.one(); k.Usage == "master" {
				signers[keyID] = key
			}
			if k.JSON, err = withGoodSignatures(k.JSON, user, signers); err != nil {
				return err
			}
			if old, ok := have[k.Usage]; ok && !samePart(old, k.JSON) {
				var c crossKey
				_ = json.Unmarshal(old, &c)
				_, key, _ := c.one()
				if err := tx.DropKeySignatures(user, key); err != nil {
					return err
				}
			}
			have[k.Usage] = k.JSON
			k.User = user
			if err := tx.PutCrossSigningKey(k); err != nil {
				return err
			}
		}
		return tx.DeviceChanged(user)
	})
}

func checkCrossKey(user string, k storage.CrossSigningKey, master json.RawMessage) error {
	what := k.Usage + "_key"
	var c crossKey
	if err := parseObject(k.JSON, &c, what); err != nil {
		return err
	}
	_, key, ok := c.one()
	switch {
	case c.UserID != user:
		return matrixerr.InvalidParam(what + ".user_id is not the user's")
	case !slices.Contains(c.Usage, k.Usage):
		return matrixerr.InvalidParam(what + " does not name its usage")
	case !ok || len(decodeKey(key)) != 32:
		return matrixerr.InvalidParam(what + " must hold exactly one ed25519 key, named by itself")
	}
	if k.Usage == "master" {
		return nil
	}
	if master == nil {
		return matrixerr.InvalidParam("There is no master key to sign " + what)
	}
	var m crossKey
	_ = json.Unmarshal(master, &m)
	masterID, masterKey, _ := m.one()
	if !verify(k.JSON, masterKey, c.Signatures[user][masterID]) {
		return matrixerr.New(400, "M_INVALID_SIGNATURE", what+" is not signed by the master key")
	}
	return nil
}

// UploadSignatures stores signatures over keys: user → device id or key → the
// signed object. Each is checked; those that fail are named in the answer.
func (s *Server) UploadSignatures(ctx context.Context, sess Session, up map[string]map[string]json.RawMessage) (map[string]map[string]*matrixerr.Error, error) {
	var failures map[string]map[string]*matrixerr.Error
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		failures = map[string]map[string]*matrixerr.Error{}
		for user, targets := range up {
			changed := false
			for target, raw := range targets {
				sigs, err := s.checkSignatures(&tx.ReadTx, sess.User, user, target, raw)
				var bad *matrixerr.Error
				if errors.As(err, &bad) {
					if failures[user] == nil {
						failures[user] = map[string]*matrixerr.Error{}
					}
					failures[user][target] = bad
					continue
				}
				if err != nil {
					return err
				}
				for _, sig := range sigs {
					if err := tx.PutKeySignature(sig); err != nil {
						return err
					}
					changed = true
				}
			}
			if !changed {
				continue
			}
			// A signature over somebody else's key concerns only the signer.
			told := sess.User
			if user == sess.User {
				told = user
			}
			if err := tx.DeviceChanged(told); err != nil {
				return err
			}
		}
		return nil
	})
	return failures, err
}

// checkSignatures: the object is the one that is stored, and the signer's
// signatures over it are good: by own devices or the self-signing key over own
// devices, by own devices over the own master key, by the user-signing key over
// others' master keys.
func (s *Server) checkSignatures(tx *storage.ReadTx, signer, user, target string, raw json.RawMessage) ([]storage.KeySignature, error) {
	var obj struct {
		Signatures map[string]map[string]string `json:"signatures"`
	}
	if err := parseObject(raw, &obj, "the key"); err != nil {
		return nil, err
	}
	stored, device, err := s.signable(tx, user, target)
	if err != nil {
		return nil, err
	}
	if !samePart(stored, raw) {
		return nil, matrixerr.InvalidParam("This is not the key that is stored")
	}
	if device && user != signer {
		return nil, matrixerr.InvalidParam("Only its owner signs a device")
	}
	allowed, err := s.signingKeys(tx, signer, user == signer)
	if err != nil {
		return nil, err
	}
	var out []storage.KeySignature
	for keyID, sig := range obj.Signatures[signer] {
		public, ok := allowed[keyID]
		if !ok || !verify(raw, public, sig) {
			return nil, matrixerr.New(400, "M_INVALID_SIGNATURE", "The signature by "+keyID+" is not good")
		}
		out = append(out, storage.KeySignature{Signer: signer, KeyID: keyID, User: user, Target: target, Signature: sig})
	}
	if len(out) == 0 {
		return nil, matrixerr.New(400, "M_INVALID_SIGNATURE", "There is no signature of yours")
	}
	return out, nil
}

// signable is the stored object that target names: a device, or the master key.
func (s *Server) signable(tx *storage.ReadTx, user, target string) (raw json.RawMessage, device bool, err error) {
	raw, err = tx.DeviceKey(user, target)
	if err == nil {
		return raw, true, nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, false, err
	}
	have, err := s.crossKeys(tx, user)
	if err != nil {
		return nil, false, err
	}
	var m crossKey
	_ = json.Unmarshal(have["master"], &m)
	if _, key, ok := m.one(); ok && key == target {
		return have["master"], false, nil
	}
	return nil, false, matrixerr.NotFound("There is no such key")
}

// signingKeys are the keys with which the signer may sign: own keys when the
// target is their own, else the user-signing key.
func (s *Server) signingKeys(tx *storage.ReadTx, signer string, own bool) (map[string]string, error) {
	out := map[string]string{}
	have, err := s.crossKeys(tx, signer)
	if err != nil {
		return nil, err
	}
	add := func(usage string) {
		var c crossKey
		_ = json.Unmarshal(have[usage], &c)
		if keyID, key, ok := c.one(); ok {
			out[keyID] = key
		}
	}
	if !own {
		add("user_signing")
		return out, nil
	}
	add("self_signing")
	add("master")
	devices, err := tx.DeviceKeys([]string{signer})
	for _, d := range devices {
		var k deviceKeys
		_ = json.Unmarshal(d.JSON, &k)
		ed := "ed25519:" + d.Device
		out[ed] = k.Keys[ed]
	}
	return out, err
}
