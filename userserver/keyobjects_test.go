package userserver

import (
	"encoding/json"
	"testing"
)

// FuzzKeyObjects reads what a client uploads as keys: it must be refused or
// understood, and a signature must not depend on how the object is written.
func FuzzKeyObjects(f *testing.F) {
	f.Add([]byte(`{"user_id":"@a:b","device_id":"D","algorithms":["x"],"keys":{"ed25519:D":"AA"},"signatures":{"@a:b":{"ed25519:D":"AA"}}}`))
	f.Add([]byte(`{"user_id":"@a:b","usage":["master"],"keys":{"ed25519:AA":"AA"}}`))
	f.Add([]byte(`{"key":"x","signatures":{},"unsigned":{"a":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d deviceKeys
		if parseObject(raw, &d, "keys") != nil {
			return
		}
		var c crossKey
		if parseObject(raw, &c, "key") == nil {
			_, _, _ = c.one()
		}
		part, err := signedPart(raw)
		if err != nil {
			return
		}
		with := addSignatures(raw, map[string]map[string]string{"@x:y": {"ed25519:1": "AA"}}, map[string]any{"z": 1})
		if !json.Valid(with) {
			t.Fatalf("not JSON: %q", with)
		}
		again, err := signedPart(with)
		if err != nil || string(again) != string(part) {
			t.Fatalf("%q is signed as %q, and with signatures as %q, %v", raw, part, again, err)
		}
	})
}
