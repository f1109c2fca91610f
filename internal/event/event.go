// Package event is the one place where Matrix room events are parsed, written,
// hashed, signed, checked and redacted, for room versions 1 to 12.
//
// It owns the stages of trust of an event as types: bytes become FormatChecked
// (Parse), then Event (Verify, or one of the signing doors, or Load from our own
// storage). It does not decide whether an event is allowed (internal/authrules),
// and knows nothing of rooms, state or storage.
package event

// Event is an event whose signatures and content hash have been checked, or that
// this server built or stored itself. It is immutable and safe for concurrent use.
// Only this package makes one.
type Event struct {
	fields
	rules    *Rules
	id       string
	json     []byte
	redacted bool
}

// fields are the top-level values of an event that the rules of rooms read. They
// are parsed once, strictly and case-exactly.
type fields struct {
	roomID     string
	eventType  string
	sender     string
	stateKey   *string
	content    []byte // canonical JSON object
	redacts    string // target, wherever the room version puts it; "" when absent
	depth      int64
	originTS   int64
	prevEvents []string
	authEvents []string
	membership string // content.membership of m.room.member, else ""
}

// ID is the event's id: from the event itself in room versions 1 and 2, else the
// reference hash.
func (e *Event) ID() string { return e.id }

// Room is the id of the event's room. In room version 12 and later a create
// event carries none, and Room is derived from its reference hash.
func (e *Event) Room() string { return e.roomID }

// Kind is the event's type.
func (e *Event) Kind() string { return e.eventType }

// From is the event's sender, a full user id.
func (e *Event) From() string { return e.sender }

// Key is the state key and whether the event is a state event.
func (e *Event) Key() (string, bool) {
	if e.stateKey == nil {
		return "", false
	}
	return *e.stateKey, true
}

// Is reports whether e is the state event of this type and state key.
func (e *Event) Is(kind, key string) bool {
	return e.eventType == kind && e.stateKey != nil && *e.stateKey == key
}

// Body is the event's content as canonical JSON. The caller must not change it.
func (e *Event) Body() []byte { return e.content }

// RedactsID is the id of the event that e redacts, or "".
func (e *Event) RedactsID() string { return e.redacts }

// Height is the event's depth.
func (e *Event) Height() int64 { return e.depth }

// Timestamp is origin_server_ts in milliseconds since the epoch.
func (e *Event) Timestamp() int64 { return e.originTS }

// Prev lists the ids of the events before this one. Do not change it.
func (e *Event) Prev() []string { return e.prevEvents }

// Auth lists the ids of the events that authorise this one. Do not change it.
func (e *Event) Auth() []string { return e.authEvents }

// MembershipOf is content.membership of an m.room.member event, else "".
func (e *Event) MembershipOf() string { return e.membership }

// Bytes is the whole event as canonical JSON in its federation format, with
// hashes and signatures, with event_id only in room versions 1 and 2, and without
// unsigned. The caller must not change it.
func (e *Event) Bytes() []byte { return e.json }

// Rules are the rules of the event's room version.
func (e *Event) Rules() *Rules { return e.rules }
