package event

import (
	"slices"
	"strconv"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// ClientFormat says how an event is written for clients.
type ClientFormat struct {
	OmitRoomID bool   // /sync leaves room_id out
	Unsigned   []byte // the JSON object of that name, or nil
}

// ClientJSON appends the event as clients read it ("Room event format").
func (e *Event) ClientJSON(dst []byte, o ClientFormat) []byte {
	// The names around the values take less than 200 bytes.
	dst = slices.Grow(dst, len(e.content)+len(e.id)+2*len(e.sender)+len(e.roomID)+len(e.eventType)+len(o.Unsigned)+200)
	dst = append(append(dst, `{"content":`...), e.content...)
	dst = canonicaljson.AppendString(append(dst, `,"event_id":`...), e.id)
	dst = strconv.AppendInt(append(dst, `,"origin_server_ts":`...), e.originTS, 10)
	if e.redacts != "" {
		// Where the room version has it in content, clients of before still
		// look beside it ("m.room.redaction").
		dst = canonicaljson.AppendString(append(dst, `,"redacts":`...), e.redacts)
	}
	if !o.OmitRoomID {
		dst = canonicaljson.AppendString(append(dst, `,"room_id":`...), e.roomID)
	}
	dst = canonicaljson.AppendString(append(dst, `,"sender":`...), e.sender)
	if e.stateKey != nil {
		dst = canonicaljson.AppendString(append(dst, `,"state_key":`...), *e.stateKey)
	}
	dst = canonicaljson.AppendString(append(dst, `,"type":`...), e.eventType)
	if len(o.Unsigned) > 0 {
		dst = append(append(dst, `,"unsigned":`...), o.Unsigned...)
	}
	return append(dst, '}')
}

// StrippedJSON appends the event as stripped state: type, state key, sender and
// content.
func (e *Event) StrippedJSON(dst []byte) []byte {
	dst = append(append(dst, `{"content":`...), e.content...)
	dst = canonicaljson.AppendString(append(dst, `,"sender":`...), e.sender)
	key, _ := e.Key()
	dst = canonicaljson.AppendString(append(dst, `,"state_key":`...), key)
	dst = canonicaljson.AppendString(append(dst, `,"type":`...), e.eventType)
	return append(dst, '}')
}
