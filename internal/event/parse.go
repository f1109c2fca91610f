package event

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/id"
)

// Limits of an event ("Size limits", client-server API; "PDUs", server-server API).
const (
	MaxSize       = 65536 // bytes of the canonical event with signatures
	maxField      = 255   // bytes of type, state_key, sender, room_id, event_id
	maxPrevEvents = 20
	maxAuthEvents = 10
)

// FormatError says why a text is not an event. Code is a Matrix error code:
// M_NOT_JSON, M_BAD_JSON, M_TOO_LARGE or M_INVALID_PARAM.
type FormatError struct {
	Code   string
	Reason string
}

func (e *FormatError) Error() string { return e.Code + ": " + e.Reason }

func badf(format string, args ...any) error {
	return &FormatError{"M_BAD_JSON", fmt.Sprintf(format, args...)}
}

func tooLarge(what string) error {
	return &FormatError{"M_TOO_LARGE", what + " is too large"}
}

// FormatChecked is an event of whose form alone something is known: nobody has
// checked who signed it. Only Parse makes one.
type FormatChecked struct {
	ev         Event
	hash       string              // hashes.sha256 as sent, "" when absent
	signatures map[string][]keySig // by server
}

type keySig struct {
	key string
	sig []byte
}

// ID is the id that the event has if its hash holds.
func (f *FormatChecked) ID() string { return f.ev.id }

// Room is the room it says it belongs to.
func (f *FormatChecked) Room() string { return f.ev.roomID }

// Kind is its type.
func (f *FormatChecked) Kind() string { return f.ev.eventType }

// From is its alleged sender.
func (f *FormatChecked) From() string { return f.ev.sender }

// Key is its state key and whether it has one.
func (f *FormatChecked) Key() (string, bool) { return f.ev.Key() }

// MembershipOf is content.membership of a member event.
func (f *FormatChecked) MembershipOf() string { return f.ev.membership }

// Prev and Auth are the events it names.
func (f *FormatChecked) Prev() []string { return f.ev.prevEvents }

// Auth lists the events that are said to authorise it.
func (f *FormatChecked) Auth() []string { return f.ev.authEvents }

// Parse reads an event from elsewhere. It refuses whatever two parsers could
// understand differently: duplicate keys, other cases, bad UTF-8, numbers out of
// range. unsigned is dropped: nobody signed it. Errors are *FormatError.
func Parse(v Version, raw []byte) (*FormatChecked, error) {
	r := RulesOf(v)
	if r == nil {
		return nil, &FormatError{"M_UNSUPPORTED_ROOM_VERSION", "unknown room version"}
	}
	if len(raw) > 4*MaxSize {
		return nil, tooLarge("the event")
	}
	canonical, err := canonicaljson.Append(make([]byte, 0, len(raw)), raw, r.StrictJSON)
	if err != nil {
		if errors.Is(err, canonicaljson.ErrSyntax) {
			return nil, &FormatError{"M_NOT_JSON", err.Error()}
		}
		return nil, &FormatError{"M_BAD_JSON", err.Error()}
	}
	if len(canonical) > MaxSize {
		return nil, tooLarge("the event")
	}
	f := &FormatChecked{ev: Event{rules: r}}
	if f.ev.json, err = f.fields(canonical); err != nil {
		return nil, err
	}
	if err := f.ev.checkForm(); err != nil {
		return nil, err
	}
	f.ev.identify()
	return f, nil
}

// fields reads the members that count and returns the event without those that
// are not part of its federation format.
func (f *FormatChecked) fields(canonical []byte) ([]byte, error) {
	out := append(make([]byte, 0, len(canonical)), '{')
	first := true
	err := canonicaljson.Fields(canonical, func(key string, value []byte) error {
		switch key {
		case "unsigned":
			return nil
		case "event_id":
			if f.ev.rules.EventIDFromHash {
				return nil
			}
		case "hashes":
			f.hash = hashIn(value)
			if f.hash == "" {
				return badf("hashes.sha256 is missing")
			}
		case "signatures":
			var err error
			if f.signatures, err = signaturesIn(value); err != nil {
				return err
			}
		}
		out = append(appendKey(out, key, &first), value...)
		return f.ev.field(key, value)
	})
	if err != nil {
		var fe *FormatError
		if !errors.As(err, &fe) {
			err = badf("the event is not an object")
		}
		return nil, err
	}
	return append(out, '}'), nil
}

func hashIn(value []byte) (hash string) {
	_ = canonicaljson.Fields(value, func(key string, v []byte) error {
		if key == "sha256" {
			hash, _ = canonicaljson.String(v)
		}
		return nil
	})
	return hash
}

// maxSignatures bounds what a stranger makes us look through.
const maxSignatures = 64

func signaturesIn(value []byte) (map[string][]keySig, error) {
	out := map[string][]keySig{}
	n := 0
	err := canonicaljson.Fields(value, func(server string, keys []byte) error {
		return canonicaljson.Fields(keys, func(key string, v []byte) error {
			if n++; n > maxSignatures {
				return badf("too many signatures")
			}
			text, ok := canonicaljson.String(v)
			if !ok {
				return badf("a signature is not a string")
			}
			if sig, err := base64.RawStdEncoding.DecodeString(text); err == nil {
				out[server] = append(out[server], keySig{key, sig})
			}
			return nil
		})
	})
	if err != nil {
		var fe *FormatError
		if !errors.As(err, &fe) {
			err = badf("signatures is not an object of objects")
		}
	}
	return out, err
}

// field takes one top-level member, with its type checked.
func (e *Event) field(key string, value []byte) error {
	str := func(to *string) error {
		s, ok := canonicaljson.String(value)
		if !ok {
			return badf("%s is not a string", key)
		}
		if len(s) > maxField {
			return tooLarge(key)
		}
		*to = s
		return nil
	}
	num := func(to *int64) error {
		n, ok := canonicaljson.Int(value)
		if !ok {
			return badf("%s is not an integer", key)
		}
		*to = n
		return nil
	}
	switch key {
	case "type":
		return str(&e.eventType)
	case "sender":
		return str(&e.sender)
	case "room_id":
		return str(&e.roomID)
	case "event_id":
		return str(&e.id)
	case "redacts":
		if e.rules.RedactsInContent {
			return nil
		}
		return str(&e.redacts)
	case "state_key":
		e.stateKey = new(string)
		return str(e.stateKey)
	case "depth":
		return num(&e.depth)
	case "origin_server_ts":
		return num(&e.originTS)
	case "content":
		if len(value) == 0 || value[0] != '{' {
			return badf("content is not an object")
		}
		e.content = value
	case "prev_events":
		return e.refs(key, value, &e.prevEvents)
	case "auth_events":
		return e.refs(key, value, &e.authEvents)
	}
	return nil
}

// refs reads a list of events: ids, or in room versions 1 and 2 pairs of an id
// and hashes.
func (e *Event) refs(key string, value []byte, to *[]string) error {
	out := []string{}
	err := canonicaljson.Elements(value, func(v []byte) error {
		if !e.rules.EventIDFromHash {
			if v = firstOf(v); v == nil {
				return badf("%s does not hold pairs", key)
			}
		}
		s, ok := canonicaljson.String(v)
		if !ok {
			return badf("%s does not hold event ids", key)
		}
		if len(s) > maxField {
			return tooLarge("an id in " + key)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		var fe *FormatError
		if !errors.As(err, &fe) {
			err = badf("%s is not an array", key)
		}
		return err
	}
	*to = out
	return nil
}

func firstOf(pair []byte) []byte {
	var first []byte
	n := 0
	err := canonicaljson.Elements(pair, func(v []byte) error {
		if n == 0 {
			first = v
		}
		n++
		return nil
	})
	if err != nil || n != 2 {
		return nil
	}
	return first
}

// checkForm checks what every event must have, and what the content means for the
// rules of rooms.
func (e *Event) checkForm() error {
	switch {
	case e.content == nil:
		return badf("content is missing")
	case e.eventType == "" && e.stateKey == nil && e.sender == "":
		return badf("type and sender are missing")
	case !id.IsUser(e.sender):
		return badf("sender is not a user id")
	case e.prevEvents == nil || e.authEvents == nil:
		return badf("prev_events or auth_events is missing")
	case len(e.prevEvents) > maxPrevEvents:
		return badf("more than %d prev_events", maxPrevEvents)
	case len(e.authEvents) > maxAuthEvents:
		return badf("more than %d auth_events", maxAuthEvents)
	case e.depth < 0:
		return badf("depth is negative")
	}
	if err := e.checkIDs(); err != nil {
		return err
	}
	e.readContent()
	return nil
}

func (e *Event) checkIDs() error {
	create := e.Is("m.room.create", "")
	switch {
	case e.rules.RoomIDFromCreate && create:
		if e.roomID != "" {
			return badf("a create event has no room_id in this room version")
		}
	case !id.IsRoom(e.roomID):
		return badf("room_id is not a room id")
	}
	if !e.rules.EventIDFromHash && !id.IsEvent(e.id) {
		return badf("event_id is not an event id")
	}
	return nil
}

// readContent reads the two values of content that everything asks for.
func (e *Event) readContent() {
	switch {
	case e.eventType == "m.room.member" && e.stateKey != nil:
		_ = canonicaljson.Fields(e.content, func(key string, v []byte) error {
			if key == "membership" {
				e.membership, _ = canonicaljson.String(v)
			}
			return nil
		})
	case e.eventType == "m.room.redaction" && e.rules.RedactsInContent:
		_ = canonicaljson.Fields(e.content, func(key string, v []byte) error {
			if key == "redacts" {
				e.redacts, _ = canonicaljson.String(v)
			}
			return nil
		})
	}
}

// identify computes the ids that are hashes.
func (e *Event) identify() {
	if !e.rules.EventIDFromHash {
		return
	}
	e.id = e.rules.idOf(e.ReferenceHash())
	e.roomFromCreate()
}

// roomFromCreate: from room version 12 on, a create event's hash is the room's id.
func (e *Event) roomFromCreate() {
	if e.rules.RoomIDFromCreate && e.Is("m.room.create", "") {
		e.roomID = "!" + e.id[1:]
	}
}
