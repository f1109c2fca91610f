package stateres

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
)

const (
	alice   = "@alice:a.test"
	bob     = "@bob:b.test"
	charlie = "@charlie:c.test"
	dave    = "@dave:d.test"
)

type state = map[Key]string

// world is a room's graph in memory.
type world struct {
	t        testing.TB
	v        event.Version
	rules    *event.Rules
	events   map[string]*event.Event
	order    []string         // in order of making
	after    map[string]state // the state after each event
	rejected map[string]bool
	room     string
	ts       int64
	nextTS   int64 // timestamp of the next event alone, 0: one more than the last
	asked    int   // questions of a store

	goodClocks, quiet bool // how people live: see live and random
}

var (
	testKey  = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
	testRand = rand.NewChaCha8([32]byte{7})
)

// newWorld is a room that alice has made, public, with her as its only
// administrator and bob, charlie and dave in it.
func newWorld(t testing.TB, v event.Version) *world {
	w := bareWorld(t, v)
	w.state("m.room.power_levels", "", alice, w.levels(nil))
	w.state("m.room.join_rules", "", alice, `{"join_rule":"public"}`)
	for _, u := range []string{bob, charlie, dave} {
		w.member(u, u, "join")
	}
	return w
}

func bareWorld(t testing.TB, v event.Version) *world {
	w := &world{t: t, v: v, rules: event.RulesOf(v), events: map[string]*event.Event{}, after: map[string]state{},
		rejected: map[string]bool{}, room: "!r:a.test", ts: 1000}
	if w.rules.RoomIDFromCreate {
		w.room = ""
	}
	content := `{"room_version":"` + string(v) + `"}`
	if !w.rules.ImplicitCreator {
		content = `{"creator":"` + alice + `","room_version":"` + string(v) + `"}`
	}
	w.room = w.state("m.room.create", "", alice, content).Room()
	w.member(alice, alice, "join")
	return w
}

// levels is power levels content with alice's 100 where it must be said, and
// others' levels.
func (w *world) levels(users map[string]int) string {
	all := map[string]int{}
	if !w.rules.PrivilegedCreators {
		all[alice] = 100
	}
	maps.Copy(all, users)
	text, _ := json.Marshal(map[string]any{"users": all})
	return string(text)
}

// tip is the newest event.
func (w *world) tip() string { return w.order[len(w.order)-1] }

// state makes a state event after the newest one, or after others.
func (w *world) state(kind, key, sender, content string, prev ...string) *event.Event {
	w.t.Helper()
	if len(prev) == 0 && len(w.order) > 0 {
		prev = []string{w.tip()}
	}
	return w.on(w.before(prev), kind, key, sender, content, prev)
}

func (w *world) member(sender, target, membership string, prev ...string) *event.Event {
	w.t.Helper()
	return w.state("m.room.member", target, sender, `{"membership":"`+membership+`"}`, prev...)
}

// before is the state before an event that comes after these.
func (w *world) before(prev []string) state {
	var sets []state
	for _, p := range prev {
		sets = append(sets, w.after[p])
	}
	switch len(sets) {
	case 0:
		return state{}
	case 1:
		return maps.Clone(sets[0])
	}
	return w.resolve(sets...)
}

// on makes a state event on a state that the test gives; it is not judged.
func (w *world) on(s state, kind, key, sender, content string, prev []string) *event.Event {
	w.t.Helper()
	e := w.build(s, kind, key, sender, content, prev)
	w.keep(e, s)
	return e
}

func (w *world) build(s state, kind, key, sender, content string, prev []string) *event.Event {
	w.t.Helper()
	t := event.Template{RoomID: w.room, Type: kind, StateKey: &key, Sender: sender, Content: json.RawMessage(content), OriginServerTS: w.nextTS}
	if w.nextTS, w.ts = 0, w.ts+1; t.OriginServerTS == 0 {
		t.OriginServerTS = w.ts
	}
	for _, p := range prev {
		t.PrevEvents = append(t.PrevEvents, w.events[p].Ref())
		t.Depth = max(t.Depth, w.events[p].Height())
	}
	t.Depth++
	for _, k := range authrules.NeededFor(w.rules, kind, &key, sender, t.Content) {
		if id, ok := s[k]; ok {
			t.AuthEvents = append(t.AuthEvents, w.events[id].Ref())
		}
	}
	e, err := event.NewSigner(id.ServerOf(sender), event.Key{ID: "ed25519:t", Private: testKey}, testRand).SignOwn(w.v, t)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) keep(e *event.Event, before state) {
	key, _ := e.Key()
	after := maps.Clone(before)
	after[Key{Kind: e.Kind(), Key: key}] = e.ID()
	w.events[e.ID()], w.after[e.ID()] = e, after
	w.order = append(w.order, e.ID())
}

// stateOf is a state as the auth rules read it.
func (w *world) stateOf(s state) authrules.MapState {
	m := authrules.MapState{}
	for k, id := range s {
		m[k] = w.events[id]
	}
	return m
}

// resolve runs Resolve as its caller does, and puts the answer over what the
// states agree on.
func (w *world) resolve(sets ...state) state {
	w.t.Helper()
	agreed, differ := split(sets)
	got, err := Resolve(w.rules, differ, &memory{w, agreed})
	if err != nil {
		w.t.Fatal(err)
	}
	out := maps.Clone(agreed)
	maps.Copy(out, got)
	return out
}

// split divides states into what they agree on, and what each has of the rest.
func split(sets []state) (agreed state, differ []state) {
	agreed = state{}
	for k, id := range sets[0] {
		same := true
		for _, s := range sets[1:] {
			same = same && s[k] == id
		}
		if same {
			agreed[k] = id
		}
	}
	for _, s := range sets {
		d := state{}
		for k, id := range s {
			if _, ok := agreed[k]; !ok {
				d[k] = id
			}
		}
		differ = append(differ, d)
	}
	return agreed, differ
}

// memory is a Store that walks the whole graph.
type memory struct {
	w      *world
	agreed state
}

func (m *memory) Events(ids []string) (map[string]*event.Event, error) {
	m.w.asked++
	out := map[string]*event.Event{}
	for _, id := range ids {
		if e := m.w.events[id]; e != nil {
			out[id] = e
		}
	}
	return out, nil
}

func (m *memory) Rejected(id string) bool { return m.w.rejected[id] }

func (m *memory) Unconflicted(k Key) (string, bool, error) {
	m.w.asked++
	id, ok := m.agreed[k]
	return id, ok, nil
}

func (m *memory) AuthChainDifference(sets [][]string) ([]string, error) {
	m.w.asked++
	count := map[string]int{}
	for _, set := range sets {
		chain := map[string]bool{}
		for _, id := range set {
			m.w.walk(id, chain)
		}
		for _, id := range m.agreed {
			m.w.walk(id, chain)
		}
		for id := range chain {
			count[id]++
		}
	}
	var out []string
	for id, n := range count {
		if n < len(sets) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (m *memory) ConflictedSubgraph(conflicted []string) ([]string, error) {
	m.w.asked++
	return m.w.between(conflicted), nil
}

// walk adds an event and its auth chain.
func (w *world) walk(id string, into map[string]bool) {
	stack := []string{id}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !into[id] {
			into[id] = true
			stack = append(stack, w.events[id].Auth()...)
		}
	}
}

// between are the events on paths from one of these to another, these included.
func (w *world) between(ids []string) []string {
	below := map[string]bool{}
	for _, id := range ids {
		w.walk(id, below)
	}
	var out []string
	for id := range below {
		reach := map[string]bool{}
		w.walk(id, reach)
		for _, c := range ids {
			if reach[c] {
				out = append(out, id)
				break
			}
		}
	}
	return out
}

func (w *world) show(s state) string {
	out := ""
	for k, id := range s {
		out += fmt.Sprintf("%s/%s=%s ts %d %s\n", k.Kind, k.Key, id, w.events[id].Timestamp(), w.events[id].Body())
	}
	return out
}
