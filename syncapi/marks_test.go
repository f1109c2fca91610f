package syncapi

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chancery-im/chancery/internal/notify"
)

// TestMarksMissNothing: rings in a random order, and every user's news compared with
// what was rung.
func TestMarksMissNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := newMarks(10)
	rooms := []listedRoom{{"!a:x", 1}, {"!b:x", 2}, {"!c:x", 3}}
	m.list("@u:x", 10, 0, rooms)
	type rung struct {
		pos  int64
		room string
	}
	var all []rung
	pos := int64(10)
	for range 500 {
		pos += 1 + rng.Int64N(3)
		r := rung{pos, []string{"!a:x", "!b:x", "!c:x", "!elsewhere:x", "@u:x"}[rng.IntN(5)]}
		all = append(all, r)
		ring := notify.Ring{Pos: pos, Rooms: []string{r.room}}
		if r.room == "@u:x" {
			ring = notify.Ring{Pos: pos, Users: []string{r.room}}
		}
		m.ring(ring)
		since := 10 + rng.Int64N(pos-9)
		var want []int64
		own := false
		for _, o := range all {
			if o.pos <= since {
				continue
			}
			own = own || o.room == "@u:x"
			if i := slices.IndexFunc(rooms, func(l listedRoom) bool { return l.id == o.room }); i >= 0 {
				want = append(want, rooms[i].nid)
			}
		}
		slices.Sort(want)
		n := m.since("@u:x", since, nil)
		if !n.known || n.own != own || !slices.Equal(n.rooms, slices.Compact(want)) || n.upto < max(since, pos) {
			t.Fatalf("since %d: %+v, want %v and %v", since, n, want, own)
		}
	}
	if m.since("@u:x", 9, nil).known {
		t.Error("of the time before the server began nothing is known")
	}
	if n := m.since("@u:x", pos, []string{"!b:x", "!elsewhere:x"}); !slices.Equal(n.rooms, []int64{2}) {
		t.Errorf("typing: %v", n.rooms)
	}
	m.ring(notify.Ring{Pos: pos + 1, Members: []string{"@u:x"}})
	if m.since("@u:x", pos, nil).known {
		t.Error("the list of rooms is old")
	}
	m.list("@u:x", pos+1, 0, rooms)
	if m.since("@u:x", pos, nil).known {
		t.Error("the list has no room that was left after the token")
	}
	if !m.since("@u:x", pos+1, nil).known {
		t.Error("nothing changed since")
	}
}

// TestKeyCountsAreDroppedWhenKeysChange: also when they change while they are read.
func TestKeyCountsAreDroppedWhenKeysChange(t *testing.T) {
	m := newMarks(0)
	counts := keyCounts{left: map[string]int{"signed_curve25519": 3}}
	n := m.keyNumber()
	m.keepKeyCounts("@u:x", "D", n, counts)
	if _, ok := m.keyCounts("@u:x", "D"); !ok {
		t.Error("nothing is remembered")
	}
	m.ring(notify.Ring{Pos: 1, Keys: []string{"@u:x"}})
	if _, ok := m.keyCounts("@u:x", "D"); ok {
		t.Error("old counts")
	}
	m.keepKeyCounts("@u:x", "D", n, counts)
	if _, ok := m.keyCounts("@u:x", "D"); ok {
		t.Error("counts that were read before the change")
	}
	m.keepKeyCounts("@u:x", "D", m.keyNumber(), counts)
	if _, ok := m.keyCounts("@u:x", "D"); !ok {
		t.Error("nothing is remembered")
	}
}
