package authrules

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
)

// The people of the test rooms. alice made the room; ann has level 100, bob 50.
const (
	alice = "@alice:a.test"
	ann   = "@ann:a.test"
	bob   = "@bob:b.test"
	carol = "@carol:c.test" // a member without a level
	dan   = "@dan:d.test"   // not a member
	erin  = "@erin:c.test"  // not a member
)

// rig is a room in memory, whose state tests set as they like: nothing is checked
// on the way in.
type rig struct {
	t      testing.TB
	v      event.Version
	r      *event.Rules
	create *event.Event
	state  MapState
	last   *event.Event
	ts     int64
	room   string
}

var testKey = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

var testRand = rand.NewChaCha8([32]byte{1})

func signerOf(server string) *event.Signer {
	return event.NewSigner(server, event.Key{ID: "ed25519:t", Private: testKey}, testRand)
}

func newRig(t testing.TB, v event.Version) *rig {
	r := &rig{t: t, v: v, r: event.RulesOf(v), state: MapState{}, ts: 1000, room: "!room:a.test"}
	r.begin(`{"room_version":"` + string(v) + `"}`)
	r.member(alice, "join")
	users := `"` + ann + `":100,"` + bob + `":50`
	if !r.r.PrivilegedCreators {
		users += `,"` + alice + `":100`
	}
	r.levels(`{"users":{` + users + `}}`)
	for _, u := range []string{ann, bob, carol} {
		r.member(u, "join")
	}
	r.joinRule("invite")
	return r
}

// begin makes the create event; before version 11 it gets its creator.
func (r *rig) begin(content string) {
	r.state, r.last = MapState{}, nil
	if !r.r.ImplicitCreator {
		content = strings.Replace(`{"creator":"`+alice+`",`+content[1:], ",}", "}", 1)
	}
	if r.r.RoomIDFromCreate {
		r.room = ""
	}
	r.create = r.put("m.room.create", "", alice, content)
	r.room = r.create.Room()
}

func str(s string) *string { return &s }

// build makes an event on the state as it is.
func (r *rig) build(kind string, key *string, sender, content string, change ...func(*event.Template)) *event.Event {
	r.t.Helper()
	r.ts++
	t := event.Template{RoomID: r.room, Type: kind, StateKey: key, Sender: sender, Content: json.RawMessage(content),
		Depth: r.ts - 1000, OriginServerTS: r.ts}
	if r.last != nil {
		t.PrevEvents = []event.EventRef{r.last.Ref()}
	}
	for _, need := range NeededFor(r.r, kind, key, sender, []byte(content)) {
		if e := r.state[need]; e != nil {
			t.AuthEvents = append(t.AuthEvents, e.Ref())
		}
	}
	for _, c := range change {
		c(&t)
	}
	e, err := signerOf(id.ServerOf(sender)).SignOwn(r.v, t)
	if err != nil {
		r.t.Fatalf("%s by %s: %v", kind, sender, err)
	}
	return e
}

// put builds a state event and makes it the state.
func (r *rig) put(kind, key, sender, content string) *event.Event {
	r.t.Helper()
	e := r.build(kind, &key, sender, content)
	r.state[Tuple{kind, key}] = e
	r.last = e
	return e
}

func (r *rig) member(user, membership string) *event.Event {
	r.t.Helper()
	return r.put("m.room.member", user, user, `{"membership":"`+membership+`"}`)
}

func (r *rig) joinRule(rule string) {
	r.put("m.room.join_rules", "", alice, `{"join_rule":"`+rule+`"}`)
}

func (r *rig) levels(content string) *event.Event {
	return r.put("m.room.power_levels", "", alice, content)
}

// membership builds a member event.
func (r *rig) membership(sender, target, membership string) *event.Event {
	return r.build("m.room.member", &target, sender, `{"membership":"`+membership+`"}`)
}

func (r *rig) message(sender string) *event.Event {
	return r.build("m.room.message", nil, sender, `{"body":"x"}`)
}

// loaded rebuilds an event from text that no signer would make.
func (r *rig) loaded(text string) *event.Event {
	r.t.Helper()
	e, err := event.Load(r.v, "$loaded:a.test", []byte(text))
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// versionsFrom lists the room versions of a range; 0 is no bound.
func versionsFrom(from, to int) []event.Version {
	var out []event.Version
	for i, v := range event.Versions() {
		if i+1 >= from && (to == 0 || i+1 <= to) {
			out = append(out, v)
		}
	}
	return out
}

func pdu(e *event.Event) gomatrixserverlib.PDU {
	impl := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(e.Rules().Version))
	p, err := impl.NewEventFromTrustedJSONWithEventID(e.ID(), e.Bytes(), false)
	if err != nil {
		panic(err)
	}
	return p
}

func userOf(_ spec.RoomID, sender spec.SenderID) (*spec.UserID, error) {
	return spec.NewUserID(string(sender), true)
}

// libraryAllows asks gomatrixserverlib. A panic of it is a no.
func libraryAllows(e *event.Event, state MapState) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	var events []gomatrixserverlib.PDU
	for _, s := range state {
		switch s.Kind() {
		case "m.room.create", "m.room.member", "m.room.power_levels", "m.room.join_rules", "m.room.third_party_invite":
			events = append(events, pdu(s))
		}
	}
	provider, err := gomatrixserverlib.NewAuthEvents(events)
	if err != nil {
		return err
	}
	return gomatrixserverlib.Allowed(pdu(e), provider, userOf)
}
