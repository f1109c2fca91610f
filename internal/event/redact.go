package event

import (
	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// keptAlways are the top-level keys that redaction keeps in every room version
// ("Redactions", room versions 1 to 12).
var keptAlways = map[string]bool{
	"event_id": true, "type": true, "room_id": true, "sender": true, "state_key": true,
	"content": true, "hashes": true, "signatures": true, "depth": true, "prev_events": true,
	"auth_events": true, "origin_server_ts": true,
}

// keptBefore11 are kept up to room version 10 only.
var keptBefore11 = map[string]bool{"prev_state": true, "origin": true, "membership": true}

func (r *Rules) keepsTop(key string) bool {
	return keptAlways[key] || r.Redaction < 11 && keptBefore11[key]
}

// keepsContent is the rule for content keys. all: everything is kept. nested names
// the one key under which only some keys are kept.
func (r *Rules) keepsContent(kind string) (keys map[string]bool, all bool) {
	switch kind {
	case "m.room.create":
		return keep("creator"), r.Redaction >= 11
	case "m.room.member":
		switch {
		case r.Redaction >= 11:
			return keep("membership", "join_authorised_via_users_server", "third_party_invite"), false
		case r.Redaction >= 9:
			return keep("membership", "join_authorised_via_users_server"), false
		}
		return keep("membership"), false
	case "m.room.join_rules":
		if r.Redaction >= 8 {
			return keep("join_rule", "allow"), false
		}
		return keep("join_rule"), false
	case "m.room.power_levels":
		k := keep("ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default")
		if r.Redaction >= 11 {
			k["invite"] = true
		}
		return k, false
	case "m.room.history_visibility":
		return keep("history_visibility"), false
	case "m.room.aliases":
		if r.Redaction < 6 {
			return keep("aliases"), false
		}
	case "m.room.redaction":
		if r.Redaction >= 11 {
			return keep("redacts"), false
		}
	}
	return nil, false
}

func keep(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// appendRedactedContent appends what redaction leaves of canonical content.
func (r *Rules) appendRedactedContent(dst []byte, kind string, content []byte) []byte {
	keys, all := r.keepsContent(kind)
	if all {
		return append(dst, content...)
	}
	if len(keys) == 0 {
		return append(dst, '{', '}')
	}
	dst = append(dst, '{')
	first := true
	// Canonical content cannot fail to be read.
	_ = canonicaljson.Fields(content, func(key string, value []byte) error {
		if !keys[key] {
			return nil
		}
		if key == "third_party_invite" {
			if value = signedOnly(value); value == nil {
				return nil
			}
		}
		dst = appendKey(dst, key, &first)
		dst = append(dst, value...)
		return nil
	})
	return append(dst, '}')
}

// signedOnly is third_party_invite with nothing but signed (room version 11), or
// nil when there is nothing to keep.
func signedOnly(value []byte) []byte {
	var out []byte
	_ = canonicaljson.Fields(value, func(key string, v []byte) error {
		if key == "signed" {
			out = append(append([]byte(`{"signed":`), v...), '}')
		}
		return nil
	})
	return out
}

func appendKey(dst []byte, key string, first *bool) []byte {
	if !*first {
		dst = append(dst, ',')
	}
	*first = false
	return append(canonicaljson.AppendString(dst, key), ':')
}

// appendRedacted appends the redacted form of a canonical event; without
// signatures and unsigned it is what is signed, and what the reference hash is
// taken of.
func (r *Rules) appendRedacted(dst []byte, kind string, event []byte, withSignatures bool) []byte {
	dst = append(dst, '{')
	first := true
	_ = canonicaljson.Fields(event, func(key string, value []byte) error {
		switch {
		case !r.keepsTop(key), key == "signatures" && !withSignatures:
		case key == "content":
			dst = appendKey(dst, key, &first)
			dst = r.appendRedactedContent(dst, kind, value)
		default:
			dst = append(appendKey(dst, key, &first), value...)
		}
		return nil
	})
	return append(dst, '}')
}

// Redact returns the redacted copy of the event, with the same id.
func (e *Event) Redact() *Event {
	raw := e.rules.appendRedacted(nil, e.eventType, e.json, true)
	c := *e
	c.json = raw
	c.content = e.rules.appendRedactedContent(nil, e.eventType, e.content)
	c.redacted = true
	if e.rules.RedactsInContent {
		return &c
	}
	c.redacts = ""
	return &c
}

// WasRedacted reports whether the event is the copy that Redact or a hash that did
// not match left of it.
func (e *Event) WasRedacted() bool { return e.redacted }
