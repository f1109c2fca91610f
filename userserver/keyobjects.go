package userserver

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// deviceKeys is a DeviceKeys object.
type deviceKeys struct {
	UserID     string                       `json:"user_id"`
	DeviceID   string                       `json:"device_id"`
	Algorithms []string                     `json:"algorithms"`
	Keys       map[string]string            `json:"keys"`
	Signatures map[string]map[string]string `json:"signatures"`
}

// crossKey is a CrossSigningKey object.
type crossKey struct {
	UserID     string                       `json:"user_id"`
	Usage      []string                     `json:"usage"`
	Keys       map[string]string            `json:"keys"`
	Signatures map[string]map[string]string `json:"signatures"`
}

// one is the single key of the object: its id, "ed25519:…", and its base64.
func (k crossKey) one() (keyID, key string, ok bool) {
	for keyID, key = range k.Keys {
	}
	return keyID, key, len(k.Keys) == 1 && keyID == "ed25519:"+key
}

// decodeKey reads unpadded base64.
func decodeKey(s string) []byte {
	raw, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return raw
}

// signedPart is what a signature in JSON is over: the canonical object without
// signatures and unsigned ("Signing JSON", appendices).
func signedPart(raw json.RawMessage) ([]byte, error) {
	canonical, err := canonicaljson.Append(nil, raw, true)
	if err != nil {
		return nil, err
	}
	out := []byte{'{'}
	err = canonicaljson.Fields(canonical, func(key string, value []byte) error {
		if key == "signatures" || key == "unsigned" {
			return nil
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(canonicaljson.AppendString(out, key), ':'), value...)
		return nil
	})
	return append(out, '}'), err
}

// verify checks one Ed25519 signature over a JSON object.
func verify(raw json.RawMessage, publicKey, signature string) bool {
	key, sig := decodeKey(publicKey), decodeKey(signature)
	msg, err := signedPart(raw)
	return err == nil && len(key) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize && ed25519.Verify(key, msg, sig)
}

// withGoodSignatures is an uploaded object with those of its owner's signatures that
// the owner's keys bear out. What nobody has checked is neither stored nor shown: a
// client that takes the server's word for it would trust a forgery.
func withGoodSignatures(raw json.RawMessage, owner string, keys map[string]string) (json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	var all map[string]map[string]string
	_ = json.Unmarshal(m["signatures"], &all)
	good := map[string]string{}
	for keyID, sig := range all[owner] {
		if public, ok := keys[keyID]; ok && verify(raw, public, sig) {
			good[keyID] = sig
		}
	}
	delete(m, "unsigned")
	delete(m, "signatures")
	if len(good) > 0 {
		text, err := json.Marshal(map[string]map[string]string{owner: good})
		if err != nil {
			return nil, err
		}
		m["signatures"] = text
	}
	return json.Marshal(m)
}

// samePart reports whether two signed objects say the same.
func samePart(a, b json.RawMessage) bool {
	x, err1 := signedPart(a)
	y, err2 := signedPart(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// maxKeyObject bounds a key that a client uploads, in bytes.
const maxKeyObject = 64 << 10

// parseObject reads a key object into a struct, strictly.
func parseObject(raw json.RawMessage, into any, what string) error {
	if len(raw) > maxKeyObject {
		return matrixerr.TooLarge(what + " is too large")
	}
	if t := bytes.TrimSpace(raw); len(t) == 0 || t[0] != '{' {
		return matrixerr.BadJSON(what + " is not an object")
	}
	if err := canonicaljson.Check(raw, canonicaljson.MaxDepth); err != nil {
		return matrixerr.BadJSON(what + ": " + err.Error())
	}
	if json.Unmarshal(raw, into) != nil {
		return matrixerr.BadJSON(what + " is not of the right form")
	}
	return nil
}

// addSignatures merges signatures into a stored object, which has been checked.
func addSignatures(raw json.RawMessage, more map[string]map[string]string, unsigned map[string]any) json.RawMessage {
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &m) != nil {
		return raw
	}
	all := map[string]map[string]string{}
	_ = json.Unmarshal(m["signatures"], &all)
	for signer, sigs := range more {
		if all[signer] == nil {
			all[signer] = map[string]string{}
		}
		for k, v := range sigs {
			all[signer][k] = v
		}
	}
	if len(all) > 0 {
		m["signatures"], _ = json.Marshal(all)
	}
	delete(m, "unsigned")
	if len(unsigned) > 0 {
		m["unsigned"], _ = json.Marshal(unsigned)
	}
	out, err := json.Marshal(m)
	if err != nil {
		return raw
	}
	return out
}
