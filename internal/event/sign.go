package event

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/id"
)

// Key is a signing key of this server. ID is like "ed25519:a1".
type Key struct {
	ID      string
	Private ed25519.PrivateKey
}

// Signer signs in this server's name, and only through doors that take a type which
// only its checker makes. There is one: SignOwn, for events of ours. What federation
// will ask for (invites, restricted joins, keys, requests) gets a door each, and
// never a method that signs any JSON.
type Signer struct {
	server string
	key    Key
	rand   io.Reader
}

// NewSigner makes the signer of a server with its newest key. rand is used for
// event ids in room versions 1 and 2.
func NewSigner(server string, key Key, rand io.Reader) *Signer { return &Signer{server, key, rand} }

// Server is the name that is signed for.
func (s *Signer) Server() string { return s.server }

// Template is an event of ours before it is signed: values that we chose, never
// what another server sent.
type Template struct {
	RoomID         string // "" for a create event of room version 12
	Type           string
	Sender         string
	StateKey       *string
	Content        json.RawMessage // a JSON object; it is made canonical
	Redacts        string          // for room versions before 11
	Depth          int64
	OriginServerTS int64 // milliseconds
	PrevEvents     []EventRef
	AuthEvents     []EventRef
}

// SignOwn builds, hashes and signs an event of ours. Errors are *FormatError.
func (s *Signer) SignOwn(v Version, t Template) (*Event, error) {
	r := RulesOf(v)
	if r == nil {
		return nil, &FormatError{"M_UNSUPPORTED_ROOM_VERSION", "unknown room version"}
	}
	content, err := canonicalContent(t.Content, r)
	if err != nil {
		return nil, err
	}
	e := &Event{rules: r, fields: fields{roomID: t.RoomID, eventType: t.Type, sender: t.Sender, stateKey: t.StateKey,
		content: content, depth: t.Depth, originTS: t.OriginServerTS, prevEvents: ids(t.PrevEvents), authEvents: ids(t.AuthEvents)}}
	if !r.RedactsInContent {
		e.redacts = t.Redacts
	}
	if !r.EventIDFromHash {
		e.id = "$" + id.RandomString(s.rand, 18) + ":" + s.server
	}
	if err := e.checkTemplate(t, s.server); err != nil {
		return nil, err
	}
	s.write(e, t)
	if len(e.json) > MaxSize {
		return nil, tooLarge("the event")
	}
	return e, nil
}

func canonicalContent(raw []byte, r *Rules) ([]byte, error) {
	content, err := canonicaljson.Append(make([]byte, 0, len(raw)+16), raw, r.StrictJSON)
	switch {
	case errors.Is(err, canonicaljson.ErrSyntax):
		return nil, &FormatError{"M_NOT_JSON", err.Error()}
	case err != nil:
		return nil, &FormatError{"M_BAD_JSON", err.Error()}
	case content[0] != '{':
		return nil, badf("content is not an object")
	case len(content) > MaxSize:
		return nil, tooLarge("the content")
	}
	return content, nil
}

func ids(refs []EventRef) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.ID
	}
	return out
}

func (e *Event) checkTemplate(t Template, server string) error {
	for what, s := range map[string]string{"type": e.eventType, "sender": e.sender, "room_id": e.roomID, "redacts": e.redacts} {
		if len(s) > maxField {
			return tooLarge(what)
		}
		if !canonicaljson.Valid(canonicaljson.AppendString(nil, s), true) {
			return badf("%s is not valid text", what)
		}
	}
	if t.StateKey != nil && len(*t.StateKey) > maxField {
		return tooLarge("state_key")
	}
	if t.StateKey != nil && !canonicaljson.Valid(canonicaljson.AppendString(nil, *t.StateKey), true) {
		return badf("state_key is not valid text")
	}
	if id.ServerOf(e.sender) != server {
		return badf("the sender is not of this server")
	}
	return e.checkForm()
}

// write lays the event out in the order of canonical JSON in three parts, between
// which the hash and the signature are put.
func (s *Signer) write(e *Event, t Template) {
	r := e.rules
	head := make([]byte, 0, 512+len(e.content))
	head = append(head, `{"auth_events":`...)
	head = appendRefs(head, t.AuthEvents, r)
	head = append(head, `,"content":`...)
	contentAt := len(head)
	head = append(head, e.content...)
	contentEnd := len(head)
	head = strconv.AppendInt(append(head, `,"depth":`...), e.depth, 10)
	if !r.EventIDFromHash {
		head = canonicaljson.AppendString(append(head, `,"event_id":`...), e.id)
	}
	mid := strconv.AppendInt(append(make([]byte, 0, 256), `,"origin_server_ts":`...), e.originTS, 10)
	mid = appendRefs(append(mid, `,"prev_events":`...), t.PrevEvents, r)
	redactsAt := len(mid)
	if e.redacts != "" && !r.RedactsInContent {
		mid = canonicaljson.AppendString(append(mid, `,"redacts":`...), e.redacts)
	}
	redactsEnd := len(mid)
	if e.roomID != "" {
		mid = canonicaljson.AppendString(append(mid, `,"room_id":`...), e.roomID)
	}
	mid = canonicaljson.AppendString(append(mid, `,"sender":`...), e.sender)
	var tail []byte
	if e.stateKey != nil {
		tail = canonicaljson.AppendString(append(tail, `,"state_key":`...), *e.stateKey)
	}
	tail = append(canonicaljson.AppendString(append(tail, `,"type":`...), e.eventType), '}')

	h := sha256.New()
	h.Write(head)
	h.Write(mid)
	h.Write(tail)
	hashes := base64.RawStdEncoding.AppendEncode([]byte(`,"hashes":{"sha256":"`), h.Sum(nil))
	hashes = append(hashes, `"}`...)

	message := append(make([]byte, 0, len(head)+len(mid)+len(hashes)+len(tail)), head[:contentAt]...)
	message = r.appendRedactedContent(message, e.eventType, e.content)
	message = append(append(append(message, head[contentEnd:]...), hashes...), mid[:redactsAt]...)
	message = append(append(message, mid[redactsEnd:]...), tail...)
	if r.EventIDFromHash {
		e.id = r.idOf(sha256.Sum256(message))
		e.roomFromCreate()
	}
	out := append(make([]byte, 0, len(head)+len(mid)+len(hashes)+len(tail)+192), head...)
	out = append(append(out, hashes...), mid...)
	out = append(canonicaljson.AppendString(append(out, `,"signatures":{`...), s.server), ':', '{')
	out = append(canonicaljson.AppendString(out, s.key.ID), ':', '"')
	out = base64.RawStdEncoding.AppendEncode(out, ed25519.Sign(s.key.Private, message))
	e.json = append(append(out, `"}}`...), tail...)
	e.content = e.json[contentAt:contentEnd:contentEnd]
}

func appendRefs(dst []byte, refs []EventRef, r *Rules) []byte {
	dst = append(dst, '[')
	for i, ref := range refs {
		if i > 0 {
			dst = append(dst, ',')
		}
		if r.EventIDFromHash {
			dst = canonicaljson.AppendString(dst, ref.ID)
			continue
		}
		dst = canonicaljson.AppendString(append(dst, '['), ref.ID)
		dst = base64.RawStdEncoding.AppendEncode(append(dst, `,{"sha256":"`...), ref.Hash)
		dst = append(dst, `"}]`...)
	}
	return append(dst, ']')
}
