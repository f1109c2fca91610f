package event

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// contentHash is the SHA-256 of the whole event without unsigned, signatures and
// hashes ("Calculating the content hash for an event").
func contentHash(event []byte) [32]byte {
	dst := append(make([]byte, 0, len(event)), '{')
	first := true
	_ = canonicaljson.Fields(event, func(key string, value []byte) error {
		if key != "unsigned" && key != "signatures" && key != "hashes" {
			dst = append(appendKey(dst, key, &first), value...)
		}
		return nil
	})
	return sha256.Sum256(append(dst, '}'))
}

// referenceHash is the SHA-256 of the redacted event without signatures
// ("Calculating the reference hash for an event").
func (r *Rules) referenceHash(kind string, event []byte) [32]byte {
	return sha256.Sum256(r.appendRedacted(make([]byte, 0, len(event)), kind, event, false))
}

// ReferenceHash is the event's reference hash.
func (e *Event) ReferenceHash() [32]byte { return e.rules.referenceHash(e.eventType, e.json) }

// idOf is the event id that a reference hash gives, from room version 3 on.
func (r *Rules) idOf(hash [32]byte) string {
	enc := base64.RawStdEncoding
	if r.URLSafeID {
		enc = base64.RawURLEncoding
	}
	return "$" + enc.EncodeToString(hash[:])
}

// EventRef names an event in prev_events and auth_events. Hash is the reference
// hash, which only room versions 1 and 2 write.
type EventRef struct {
	ID   string
	Hash []byte
}

// Ref is the reference to this event.
func (e *Event) Ref() EventRef {
	if e.rules.EventIDFromHash {
		return EventRef{ID: e.id}
	}
	h := e.ReferenceHash()
	return EventRef{ID: e.id, Hash: h[:]}
}
