package stateres

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chancery-im/chancery/internal/event"
)

func (w *world) pdu(id string) gomatrixserverlib.PDU {
	impl := gomatrixserverlib.MustGetRoomVersion(gomatrixserverlib.RoomVersion(w.v))
	p, err := impl.NewEventFromTrustedJSONWithEventID(id, w.events[id].Bytes(), false)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// library resolves with gomatrixserverlib.
func (w *world) library(sets ...state) state {
	user := func(_ spec.RoomID, sender spec.SenderID) (*spec.UserID, error) {
		return spec.NewUserID(string(sender), true)
	}
	var whole [][]gomatrixserverlib.PDU
	chain := map[string]bool{}
	for _, s := range sets {
		var pdus []gomatrixserverlib.PDU
		for _, id := range s {
			pdus = append(pdus, w.pdu(id))
			w.walk(id, chain)
		}
		whole = append(whole, pdus)
	}
	var auth []gomatrixserverlib.PDU
	for id := range chain {
		auth = append(auth, w.pdu(id))
	}
	out := state{}
	var got []gomatrixserverlib.PDU
	if w.rules.StateRes == event.StateResV1 {
		got = w.libraryV1(sets, out, user)
	} else {
		got = gomatrixserverlib.ResolveStateConflictsV2New(gomatrixserverlib.StateResV2, whole, auth, user, func(id string) bool { return w.rejected[id] })
	}
	for _, p := range got {
		out[Key{Kind: p.Type(), Key: *p.StateKey()}] = p.EventID()
	}
	return out
}

// libraryV1 gives the library the entries that have several events; the rest is
// put into out.
func (w *world) libraryV1(sets []state, out state, user spec.UserIDForSender) []gomatrixserverlib.PDU {
	ids := map[Key]map[string]bool{}
	for _, s := range sets {
		for k, id := range s {
			if ids[k] == nil {
				ids[k] = map[string]bool{}
			}
			ids[k][id] = true
		}
	}
	var conflicted, auth []gomatrixserverlib.PDU
	for k, of := range ids {
		for id := range of {
			if len(of) > 1 {
				conflicted = append(conflicted, w.pdu(id))
				continue
			}
			out[k] = id
			switch k.Kind {
			case "m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.member":
				auth = append(auth, w.pdu(id))
			}
		}
	}
	return gomatrixserverlib.ResolveStateConflicts(conflicted, auth, user)
}

// In version 1 the library says the same of every entry, save where a member has
// left on two branches: it allows a leave after a leave, which rule 5.4.1 does not.
func TestGomatrixserverlibResolvesVersion1Alike(t *testing.T) {
	n := 0
	for seed := range uint64(20) {
		for _, quiet := range []bool{true, false} {
			w := newWorld(t, "1")
			w.quiet = quiet
			w.live(seed, 50, false)
			r := rand.New(rand.NewPCG(seed, 3))
			for range 10 {
				sets := w.some(r)
				library := w.library(sets...)
				for k, id := range w.resolve(sets...) {
					if n++; library[k] != id && w.leaves(k, sets) < 2 {
						t.Errorf("seed %d: %v", seed, k)
					}
				}
			}
		}
	}
	t.Logf("%d entries", n)
}

// leaves counts the different events by which states say that a member left.
func (w *world) leaves(k Key, sets []state) int {
	seen := map[string]bool{}
	for _, s := range sets {
		if e := w.events[s[k]]; e != nil && e.MembershipOf() == "leave" {
			seen[s[k]] = true
		}
	}
	return len(seen)
}

// In version 2 the library is a second opinion, not the judge: that is the oracle
// of this package. Its function says of itself that it is untested, and it
//   - sorts power events from the end, and puts those aside that it met twice,
//   - follows their auth chains in the conflicted state set alone,
//   - takes an event without power levels for as old as the first ones,
//   - lends an event itself where its auth event is wanted,
//
// so that quiet rooms come out alike, and of those where people fight two thirds.
func TestGomatrixserverlibResolvesMostRoomsOfVersion2Alike(t *testing.T) {
	for _, c := range []struct {
		v     event.Version
		quiet bool
		most  int // percent
	}{{"2", true, 88}, {"2", false, 60}, {"11", true, 88}, {"11", false, 60}} {
		same, n := 0, 0
		for seed := range uint64(20) {
			w := newWorld(t, c.v)
			w.quiet = c.quiet
			w.live(seed, 50, false)
			r := rand.New(rand.NewPCG(seed, 3))
			for range 10 {
				sets := w.some(r)
				if n++; maps.Equal(w.library(sets...), w.resolve(sets...)) {
					same++
				}
			}
		}
		t.Logf("v%s, quiet %t: %d of %d alike", c.v, c.quiet, same, n)
		if same*100 < c.most*n {
			t.Errorf("v%s, quiet %t: only %d of %d alike", c.v, c.quiet, same, n)
		}
	}
}

// On the stories whose outcome is plain, both must say the same.
func TestGomatrixserverlibAgreesOnPlainStories(t *testing.T) {
	for _, v := range []event.Version{"2", "6", "11"} {
		w, at := fork(t, v)
		branches := []*event.Event{
			w.member(alice, bob, "ban", at),
			w.state("m.room.topic", "", charlie, `{"topic":"x"}`, at),
			w.state("m.room.join_rules", "", alice, `{"join_rule":"invite"}`, at),
			w.member("@late:x.test", "@late:x.test", "join", at),
			w.state("m.room.power_levels", "", alice, w.levels(map[string]int{bob: 50}), at),
		}
		for i, a := range branches {
			for _, b := range branches[i+1:] {
				sets := []state{w.after[a.ID()], w.after[b.ID()]}
				if got, want := w.resolve(sets...), w.library(sets...); !maps.Equal(got, want) {
					t.Errorf("v%s: %s and %s:\n%s\nthe library:\n%s", v, a.Kind(), b.Kind(), w.show(got), w.show(want))
				}
			}
		}
	}
}
