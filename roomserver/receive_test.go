package roomserver_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/roomserver"
)

// elsewhere is another server, as far as its events go: it builds and signs what it
// likes on whatever it likes.
type elsewhere struct {
	h       *house
	signer  *event.Signer
	version event.Version
	room    string
	ts      int64
}

func (h *house) elsewhere(room string) *elsewhere {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	create, err := h.s.StateEvent(h.ctx, roomserver.Reader{UserID: user("alice")}, room, "m.room.create", "")
	h.must(err)
	return &elsewhere{h: h, room: room, version: create.Rules().Version, ts: create.Timestamp() + 1000,
		signer: event.NewSigner("other.example", event.Key{ID: "ed25519:o", Private: key}, rand.Reader)}
}

// state is the room's current state event, or nil.
func (e *elsewhere) state(kind, key string) *event.Event {
	v, err := e.h.s.StateEvent(e.h.ctx, roomserver.Reader{UserID: user("alice")}, e.room, kind, key)
	if err != nil {
		return nil
	}
	return v.Event
}

// newest is the last event of the timeline.
func (e *elsewhere) newest() *event.Event {
	p, err := e.h.s.Messages(e.h.ctx, roomserver.Reader{UserID: user("alice")}, e.room, roomserver.MessagesRequest{Backwards: true, Limit: 1})
	e.h.must(err)
	return p.Events[0].Event
}

// builds an event on prev, authorised by the current state, or by what auth says.
func (e *elsewhere) builds(sender, kind string, key *string, content string, prev []*event.Event, auth map[string]*event.Event) *event.Event {
	e.h.t.Helper()
	e.ts++
	t := event.Template{RoomID: e.room, Type: kind, Sender: sender, StateKey: key, Content: json.RawMessage(content), OriginServerTS: e.ts}
	for _, p := range prev {
		t.PrevEvents = append(t.PrevEvents, p.Ref())
		t.Depth = max(t.Depth, p.Height()+1)
	}
	for _, need := range authrules.NeededFor(event.RulesOf(e.version), kind, key, sender, t.Content) {
		a := e.state(need.Kind, need.Key)
		if other, ok := auth[need.Kind+"|"+need.Key]; ok {
			a = other
		}
		if a != nil {
			t.AuthEvents = append(t.AuthEvents, a.Ref())
		}
	}
	ev, err := e.signer.SignOwn(e.version, t)
	e.h.must(err)
	return ev
}

func (e *elsewhere) hands(ev *event.Event) roomserver.Received {
	e.h.t.Helper()
	got, err := e.h.s.Receive(e.h.ctx, ev)
	e.h.must(err)
	return got
}

// joins brings a user of the other server in.
func (e *elsewhere) joins(who string) *event.Event {
	e.h.t.Helper()
	ev := e.builds(who, "m.room.member", &who, `{"membership":"join"}`, []*event.Event{e.newest()}, nil)
	if got := e.hands(ev); got.Rejected || got.SoftFailed {
		e.h.t.Fatalf("the join: %+v", got)
	}
	return ev
}

func text(s string) string { return fmt.Sprintf(`{"msgtype":"m.text","body":%q}`, s) }

var versions = []string{"1", "2", "6", "10", "11", "12"}

func TestAForkIsMergedByTheNextEvent(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range versions {
			room := h.creates("alice", roomserver.CreateRequest{Version: v, Preset: "public_chat"})
			e := h.elsewhere(room)
			bob := "@bob:other.example"
			e.joins(bob)
			at := e.newest()
			h.says("alice", room, "left")
			e.hands(e.builds(bob, "m.room.message", nil, text("right"), []*event.Event{at}, nil))
			h.says("alice", room, "merged")
			if n := len(e.newest().Prev()); n != 2 {
				t.Errorf("version %s: the next event names %d prev events", v, n)
			}
			if got := strings.Join(h.reads("alice", room), " "); got != "left right merged" {
				t.Errorf("version %s: %s", v, got)
			}
		}
	})
}

func TestConflictingStateIsResolvedAndStaysSo(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range versions {
			room := h.creates("alice", roomserver.CreateRequest{Version: v, Preset: "public_chat"})
			e := h.elsewhere(room)
			bob, mallory := "@bob:other.example", "@mallory:other.example"
			e.joins(bob)
			e.joins(mallory)
			levels := `{"users":{"` + user("alice") + `":100,"` + bob + `":50},"events":{"m.room.topic":0}}`
			if event.RulesOf(event.Version(v)).PrivilegedCreators {
				levels = `{"users":{"` + bob + `":50},"events":{"m.room.topic":0}}`
			}
			empty := ""
			_, err := h.s.Send(h.ctx, roomserver.Draft{RoomID: room, Sender: user("alice"), Type: "m.room.power_levels", StateKey: &empty, Content: json.RawMessage(levels)})
			h.must(err)
			at := e.newest()
			// On one side bob bans mallory, on the other mallory sets the topic.
			_, err = h.s.Send(h.ctx, roomserver.Draft{RoomID: room, Sender: user("alice"), Type: "m.room.name", StateKey: &empty, Content: json.RawMessage(`{"name":"ours"}`)})
			h.must(err)
			topic := e.builds(mallory, "m.room.topic", &empty, `{"topic":"mine"}`, []*event.Event{at}, nil)
			ban := e.builds(bob, "m.room.member", &mallory, `{"membership":"ban"}`, []*event.Event{at}, nil)
			e.hands(topic)
			e.hands(ban)
			h.says("alice", room, "after")
			if m := e.state("m.room.member", mallory); m.MembershipOf() != "ban" {
				t.Errorf("version %s: mallory is %s", v, m.MembershipOf())
			}
			if n := e.state("m.room.name", ""); n == nil {
				t.Errorf("version %s: the name is lost", v)
			}
			if v != "1" && e.state("m.room.topic", "") != nil {
				// The ban comes first in the power ordering, and the topic is
				// not allowed behind it.
				t.Errorf("version %s: the banned user's topic stands", v)
			}
		}
	})
}

func TestHardening_F23_AnEventBelowTheBanIsSoftFailed(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{Preset: "public_chat"})
		e := h.elsewhere(room)
		mallory, bob := "@mallory:other.example", "@bob:other.example"
		join := e.joins(mallory)
		e.joins(bob)
		at := e.newest()
		h.must(h.s.Ban(h.ctx, user("alice"), room, mallory, ""))
		evil := e.builds(mallory, "m.room.message", nil, text("below the ban"), []*event.Event{at}, map[string]*event.Event{"m.room.member|" + mallory: join})
		if got := e.hands(evil); !got.SoftFailed || got.Rejected {
			t.Fatalf("%+v", got)
		}
		honest := e.builds(bob, "m.room.message", nil, text("honest"), []*event.Event{evil, e.newest()}, nil)
		if got := e.hands(honest); got.SoftFailed || got.Rejected {
			t.Fatalf("an honest event on top of it: %+v", got)
		}
		h.says("alice", room, "after")
		if slices.Contains(e.newest().Prev(), evil.ID()) {
			t.Error("we build on the soft-failed event")
		}
		if got := strings.Join(h.reads("alice", room), " "); got != "honest after" {
			t.Errorf("read: %s", got)
		}
		if m := e.state("m.room.member", mallory); m.MembershipOf() != "ban" {
			t.Errorf("mallory is %s", m.MembershipOf())
		}
	})
}

func TestHardening_F18_ARejectedEventNeverReachesTheState(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range []string{"10", "12"} {
			room := h.creates("alice", roomserver.CreateRequest{Version: v, Preset: "public_chat"})
			e := h.elsewhere(room)
			mallory := "@mallory:other.example"
			e.joins(mallory)
			empty := ""
			grab := e.builds(mallory, "m.room.power_levels", &empty, `{"users":{"`+mallory+`":100}}`, []*event.Event{e.newest()}, nil)
			if got := e.hands(grab); !got.Rejected {
				t.Fatalf("version %s: %+v", v, got)
			}
			use := e.builds(mallory, "m.room.topic", &empty, `{"topic":"mine"}`, []*event.Event{e.newest()}, map[string]*event.Event{"m.room.power_levels|": grab})
			if got := e.hands(use); !got.Rejected {
				t.Errorf("version %s: authorised by a rejected event: %+v", v, got)
			}
			on := e.builds(mallory, "m.room.message", nil, text("on top"), []*event.Event{grab}, nil)
			e.hands(on)
			h.says("alice", room, "after")
			if pl := e.state("m.room.power_levels", ""); pl.ID() == grab.ID() {
				t.Errorf("version %s: the rejected power levels stand", v)
			}
			if e.state("m.room.topic", "") != nil {
				t.Errorf("version %s: the topic stands", v)
			}
		}
	})
}

func TestHardening_F17_AuthEventsOfAnotherRoomAreRefused(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{Version: "11", Preset: "public_chat"})
		other := h.creates("alice", roomserver.CreateRequest{Version: "11", Preset: "public_chat"})
		e, o := h.elsewhere(room), h.elsewhere(other)
		bob := "@bob:other.example"
		e.joins(bob)
		ev := e.builds(bob, "m.room.message", nil, text("x"), []*event.Event{e.newest()}, map[string]*event.Event{"m.room.power_levels|": o.state("m.room.power_levels", "")})
		var missing *roomserver.ErrMissing
		if got, err := h.s.Receive(h.ctx, ev); !errors.As(err, &missing) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAnEventOnSomethingUnknownIsNotStored(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{Preset: "public_chat"})
		e := h.elsewhere(room)
		bob := "@bob:other.example"
		e.joins(bob)
		first := e.builds(bob, "m.room.message", nil, text("first"), []*event.Event{e.newest()}, nil)
		second := e.builds(bob, "m.room.message", nil, text("second"), []*event.Event{first}, nil)
		var missing *roomserver.ErrMissing
		if _, err := h.s.Receive(h.ctx, second); !errors.As(err, &missing) || len(missing.Prev) != 1 || missing.Prev[0] != first.ID() {
			t.Fatalf("%v", err)
		}
		e.hands(first)
		e.hands(second)
		if got := e.hands(second); !got.Known {
			t.Errorf("the second time: %+v", got)
		}
		if got := strings.Join(h.reads("alice", room), " "); got != "first second" {
			t.Errorf("read: %s", got)
		}
	})
}

func TestAnOldEventStandsWhereItBelongs(t *testing.T) {
	each(t, func(h *house) {
		room := h.creates("alice", roomserver.CreateRequest{Preset: "public_chat"})
		e := h.elsewhere(room)
		bob := "@bob:other.example"
		e.joins(bob)
		at := e.newest()
		var state []string
		all, err := h.s.State(h.ctx, roomserver.Reader{UserID: user("alice")}, room)
		h.must(err)
		for _, v := range all {
			state = append(state, v.ID())
		}
		for i := range 5 {
			h.says("alice", room, fmt.Sprint(i))
		}
		old := e.builds(bob, "m.room.message", nil, text("old"), []*event.Event{at}, nil)
		_, err = h.s.ReceiveOld(h.ctx, old, state)
		h.must(err)
		got := strings.Join(h.reads("alice", room), " ")
		if got != "0 old 1 2 3 4" && got != "old 0 1 2 3 4" {
			t.Errorf("read: %s", got)
		}
	})
}

func TestARedactionBeforeItsTargetIsApplied(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range []string{"10", "12"} {
			room := h.creates("alice", roomserver.CreateRequest{Version: v, Preset: "public_chat"})
			e := h.elsewhere(room)
			bob := "@bob:other.example"
			e.joins(bob)
			at := e.newest()
			slip := e.builds(bob, "m.room.message", nil, text("a slip"), []*event.Event{at}, nil)
			redaction := e.redacts(bob, slip, at)
			e.hands(redaction)
			e.hands(slip)
			ev, err := h.s.Event(h.ctx, roomserver.Reader{UserID: user("alice")}, room, slip.ID())
			h.must(err)
			if string(ev.Body()) != "{}" || ev.Redaction == nil {
				t.Errorf("version %s: %s", v, ev.Body())
			}
		}
	})
}

func (e *elsewhere) redacts(sender string, target, at *event.Event) *event.Event {
	e.h.t.Helper()
	if event.RulesOf(e.version).RedactsInContent {
		return e.builds(sender, "m.room.redaction", nil, `{"redacts":"`+target.ID()+`"}`, []*event.Event{at}, nil)
	}
	shape := e.builds(sender, "m.room.redaction", nil, `{}`, []*event.Event{at}, nil)
	t := event.Template{RoomID: e.room, Type: shape.Kind(), Sender: sender, Content: json.RawMessage(`{}`), Redacts: target.ID(),
		Depth: shape.Height(), OriginServerTS: shape.Timestamp(), PrevEvents: []event.EventRef{at.Ref()}}
	for _, id := range shape.Auth() {
		t.AuthEvents = append(t.AuthEvents, event.EventRef{ID: id})
	}
	ev, err := e.signer.SignOwn(e.version, t)
	e.h.must(err)
	return ev
}

func TestAnOutlierIsKeptForWhatRestsOnItAndGetsItsPlaceLater(t *testing.T) {
	each(t, func(h *house) {
		for _, v := range []string{"10", "12"} {
			room := h.creates("alice", roomserver.CreateRequest{Version: v, Preset: "public_chat"})
			e := h.elsewhere(room)
			bob := "@bob:other.example"
			at := e.newest()
			join := e.builds(bob, "m.room.member", &bob, `{"membership":"join"}`, []*event.Event{at}, nil)
			got, err := h.s.ReceiveOutlier(h.ctx, join)
			h.must(err)
			if got.Rejected {
				t.Fatalf("version %s: %+v", v, got)
			}
			if e.state("m.room.member", bob) != nil {
				t.Errorf("version %s: an outlier is in the state", v)
			}
			if got := e.hands(join); got.Known || got.Rejected {
				t.Errorf("version %s: its place: %+v", v, got)
			}
			if m := e.state("m.room.member", bob); m == nil || m.ID() != join.ID() {
				t.Errorf("version %s: bob is not in the room", v)
			}
			h.says("alice", room, "welcome")
		}
	})
}
