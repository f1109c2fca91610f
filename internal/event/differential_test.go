package event_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/event"
)

// seededKey is a signing key that is the same in every run.
func seededKey(n byte) event.Key {
	return event.Key{ID: "ed25519:k1", Private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))}
}

// seededReader is randomness that is the same in every run.
type seededReader struct{ r *rand.Rand }

func (s seededReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return len(b), nil
}

func signer() *event.Signer {
	return event.NewSigner("our.example", seededKey(7), seededReader{rand.New(rand.NewPCG(1, 2))})
}

func ptr(s string) *string { return &s }

// thirdParty is in the content of member events. The library drops it in redaction
// where room versions 11 and 12 keep its signed part ("Redactions", room version
// 11), so that its ids of such events are not those of other servers.
const thirdParty = `,"third_party_invite":{"signed":{"mxid":"@bob:our.example","token":"t","signatures":{}},"display_name":"b"}`

// samples are templates of every kind of event that a room version treats apart.
func samples(v event.Version) map[string]event.Template {
	room, ref := "!room:our.example", event.EventRef{ID: "$prev:our.example", Hash: bytes.Repeat([]byte{1}, 32)}
	if event.RulesOf(v).EventIDFromHash {
		ref = event.EventRef{ID: "$" + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32))}
	}
	createRoom := room
	if event.RulesOf(v).RoomIDFromCreate {
		room, createRoom = "!"+ref.ID[1:], ""
	}
	base := func(kind string, key *string, content string) event.Template {
		return event.Template{RoomID: room, Type: kind, Sender: "@alice:our.example", StateKey: key, Content: json.RawMessage(content),
			Depth: 12, OriginServerTS: 1700000000123, PrevEvents: []event.EventRef{ref}, AuthEvents: []event.EventRef{ref}}
	}
	create := base("m.room.create", ptr(""), `{"creator":"@alice:our.example","room_version":"`+string(v)+`","m.federate":false,"type":"m.space","extra":{"b":1,"a":[true,null]}}`)
	create.RoomID, create.PrevEvents, create.AuthEvents, create.Depth = createRoom, nil, nil, 1
	redaction := base("m.room.redaction", nil, `{"reason":"slip","redacts":"`+ref.ID+`"}`)
	if !event.RulesOf(v).RedactsInContent {
		redaction = base("m.room.redaction", nil, `{"reason":"slip"}`)
		redaction.Redacts = ref.ID
	}
	return map[string]event.Template{
		"create":    create,
		"message":   base("m.room.message", nil, `{"msgtype":"m.text","body":"h\u00e9llo \ud83d\ude00 \"quoted\" \\ / \u0001\n<&>","n":-9007199254740991,"z":{},"a":[]}`),
		"member":    base("m.room.member", ptr("@bob:our.example"), `{"membership":"invite","displayname":"Bob"`+invited(v)+`,"join_authorised_via_users_server":"@alice:our.example"}`),
		"levels":    base("m.room.power_levels", ptr(""), `{"ban":50,"events":{"m.room.name":50},"events_default":0,"invite":1,"kick":50,"notifications":{"room":20},"redact":50,"state_default":50,"users":{"@alice:our.example":100},"users_default":0}`),
		"rules":     base("m.room.join_rules", ptr(""), `{"join_rule":"restricted","allow":[{"type":"m.room_membership","room_id":"!x:y"}],"x":1}`),
		"history":   base("m.room.history_visibility", ptr(""), `{"history_visibility":"shared","x":1}`),
		"aliases":   base("m.room.aliases", ptr("our.example"), `{"aliases":["#a:our.example"],"x":1}`),
		"topic":     base("m.room.topic", ptr(""), `{"topic":"t"}`),
		"redaction": redaction,
	}
}

func invited(v event.Version) string {
	if event.RulesOf(v).Redaction >= 11 {
		return ""
	}
	return thirdParty
}

func TestRedactionKeepsTheSignedPartOfAThirdPartyInvite(t *testing.T) {
	tpl := samples("11")["member"]
	tpl.Content = json.RawMessage(`{"membership":"invite"` + thirdParty + `}`)
	e, err := signer().SignOwn("11", tpl)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"membership":"invite","third_party_invite":{"signed":{"mxid":"@bob:our.example","signatures":{},"token":"t"}}}`
	if got := string(e.Redact().Body()); got != want {
		t.Errorf("redacted to %s", got)
	}
}

// library reads an event with gomatrixserverlib, which checks its hash.
func library(t *testing.T, v event.Version, raw []byte) gomatrixserverlib.PDU {
	t.Helper()
	pdu, err := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(v)).NewEventFromUntrustedJSON(raw)
	if err != nil {
		t.Fatalf("the library refuses %s: %v", raw, err)
	}
	return pdu
}

// eachSample runs fn for every kind of event in every room version.
func eachSample(t *testing.T, fn func(t *testing.T, v event.Version, e *event.Event)) {
	for _, v := range event.Versions() {
		for name, tpl := range samples(v) {
			t.Run(fmt.Sprintf("v%s/%s", v, name), func(t *testing.T) {
				e, err := signer().SignOwn(v, tpl)
				if err != nil {
					t.Fatal(err)
				}
				fn(t, v, e)
			})
		}
	}
}

func TestIDsAndHashesAgreeWithTheLibrary(t *testing.T) {
	eachSample(t, func(t *testing.T, v event.Version, e *event.Event) {
		pdu := library(t, v, e.Bytes())
		if pdu.EventID() != e.ID() {
			t.Errorf("id %s, the library says %s", e.ID(), pdu.EventID())
		}
		if pdu.Redacted() {
			t.Error("the library finds that the content hash does not match")
		}
		if got := pdu.RoomID().String(); got != e.Room() {
			t.Errorf("room %s, the library says %s", e.Room(), got)
		}
	})
}

func TestSignaturesAreGoodForTheLibrary(t *testing.T) {
	eachSample(t, func(t *testing.T, v event.Version, e *event.Event) {
		redacted, err := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(v)).RedactEventJSON(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		key := seededKey(7)
		err = gomatrixserverlib.VerifyJSON("our.example", gomatrixserverlib.KeyID(key.ID), key.Private.Public().(ed25519.PublicKey), redacted)
		if err != nil {
			t.Error(err)
		}
	})
}

func TestRedactionAgreesWithTheLibrary(t *testing.T) {
	eachSample(t, func(t *testing.T, v event.Version, e *event.Event) {
		want, err := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(v)).RedactEventJSON(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		canonical, err := canonicaljson.Append(nil, want, true)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Redact().Bytes(); !bytes.Equal(got, canonical) {
			t.Errorf("ours\n%s\nthe library's\n%s", got, canonical)
		}
		if e.Redact().ID() != e.ID() {
			t.Error("redaction changes the id")
		}
	})
}

func TestTheLibrarysEventsAreOurs(t *testing.T) {
	for _, v := range event.Versions() {
		for name, tpl := range samples(v) {
			t.Run(fmt.Sprintf("v%s/%s", v, name), func(t *testing.T) {
				b := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(v)).NewEventBuilder()
				b.SenderID, b.RoomID, b.Type, b.StateKey, b.Content, b.Depth = tpl.Sender, tpl.RoomID, tpl.Type, tpl.StateKey, spec.RawJSON(tpl.Content), tpl.Depth
				b.Redacts = tpl.Redacts
				b.PrevEvents, b.AuthEvents = libraryRefs(v, tpl.PrevEvents), libraryRefs(v, tpl.AuthEvents)
				pdu, err := b.Build(spec.Timestamp(tpl.OriginServerTS).Time(), "our.example", gomatrixserverlib.KeyID(seededKey(7).ID), seededKey(7).Private)
				if err != nil {
					t.Skip("the library does not build this: " + err.Error())
				}
				f, err := event.Parse(v, pdu.JSON())
				if err != nil {
					t.Fatal(err)
				}
				if f.ID() != pdu.EventID() {
					t.Errorf("id %s, the library says %s", f.ID(), pdu.EventID())
				}
				e, err := f.Verify(t.Context(), oneKey{})
				if err != nil {
					t.Fatal(err)
				}
				if e.WasRedacted() {
					t.Error("we find that the library's content hash does not match")
				}
			})
		}
	}
}

func libraryRefs(v event.Version, refs []event.EventRef) any {
	if event.RulesOf(v).EventIDFromHash {
		out := []string{}
		for _, r := range refs {
			out = append(out, r.ID)
		}
		return out
	}
	out := []any{}
	for _, r := range refs {
		out = append(out, []any{r.ID, map[string]string{"sha256": base64.RawStdEncoding.EncodeToString(r.Hash)}})
	}
	return out
}
