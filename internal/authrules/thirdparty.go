package authrules

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// inviteKeys are the public keys of a third-party invite.
func inviteKeys(body []byte) [][]byte {
	var out [][]byte
	add := func(v gjson.Result) {
		if raw, err := decode(v.Str); err == nil && len(raw) == ed25519.PublicKeySize {
			out = append(out, raw)
		}
	}
	add(gjson.GetBytes(body, "public_key"))
	for _, k := range gjson.GetBytes(body, "public_keys").Array() {
		add(k.Get("public_key"))
	}
	return out
}

// decode takes base64 in either alphabet, with or without padding.
func decode(s string) ([]byte, error) {
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.StdEncoding, base64.RawURLEncoding, base64.URLEncoding} {
		if raw, err := enc.DecodeString(s); err == nil {
			return raw, nil
		}
	}
	return nil, base64.CorruptInputError(0)
}

// maxTries bounds the signatures that one invite makes us compute. Real ones have
// one or two, and as many keys; without a bound, an event of 64 KiB and another of
// keys ask for 600,000.
const maxTries = 64

// signedByAny: one signature by one of the keys is enough.
func signedByAny(signed gjson.Result, keys [][]byte) bool {
	message := []byte{'{'}
	first := true
	err := canonicaljson.Fields([]byte(signed.Raw), func(key string, v []byte) error {
		if key == "signatures" || key == "unsigned" {
			return nil
		}
		if !first {
			message = append(message, ',')
		}
		first = false
		message = append(append(canonicaljson.AppendString(message, key), ':'), v...)
		return nil
	})
	if err != nil {
		return false
	}
	message = append(message, '}')
	found, tries := false, 0
	signed.Get("signatures").ForEach(func(_, server gjson.Result) bool {
		server.ForEach(func(id, sig gjson.Result) bool {
			raw, err := decode(sig.Str)
			if err != nil || len(raw) != ed25519.SignatureSize || !strings.HasPrefix(id.Str, "ed25519:") {
				return true
			}
			for _, k := range keys {
				if tries++; found || tries > maxTries {
					break
				}
				found = ed25519.Verify(k, message, raw)
			}
			return !found && tries <= maxTries
		})
		return !found && tries <= maxTries
	})
	return found
}
