package test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// said is a message of a trace, with what was so when it was sent.
type said struct {
	text, visibility, membership string
	at                           int
}

// trace is the model of "Room History Visibility": what one reader did, and what was
// said meanwhile.
type trace struct {
	visibility, membership string
	step, joined, left     int // joined: the last join; left: the end of that stay, 0 while in it
	said                   []said
}

func (m *trace) becomes(membership string) {
	m.step++
	switch {
	case membership == "join":
		m.joined, m.left = m.step, 0
	case m.membership == "join":
		m.left = m.step
	}
	m.membership = membership
}

// reads is what the reader may read in the end.
func (m *trace) reads() (string, bool) {
	if m.joined == 0 && m.visibility != "world_readable" {
		return "", false
	}
	var out []string
	for _, x := range m.said {
		seen := x.visibility == "world_readable" || x.membership == "join" ||
			x.visibility == "shared" && (m.membership == "join" || m.joined > x.at) ||
			x.visibility == "invited" && x.membership == "invite"
		if seen && (m.left == 0 || x.at < m.left) {
			out = append(out, x.text)
		}
	}
	return strings.Join(out, " "), true
}

// step does something at random, in the room and in the model.
func (m *trace) act(s *server, rnd *rand.Rand, room string, alice, bob *person) string {
	s.t.Helper()
	switch rnd.IntN(8) {
	case 0:
		m.step++
		m.visibility = []string{"world_readable", "shared", "invited", "joined"}[rnd.IntN(4)]
		alice.sets(room, "m.room.history_visibility", "", map[string]string{"history_visibility": m.visibility}).ok(nil)
		return m.visibility
	case 1:
		if m.membership == "leave" {
			alice.does("invite", room, bob).ok(nil)
			m.becomes("invite")
			return "invite"
		}
	case 2, 3:
		if m.membership == "leave" || m.membership == "invite" {
			bob.joins(room)
			m.becomes("join")
			return "join"
		}
	case 4:
		if m.membership == "join" || m.membership == "invite" {
			bob.does("leave", room, nil).ok(nil)
			m.becomes("leave")
			return "leave"
		}
		if m.membership == "ban" {
			alice.does("unban", room, bob).ok(nil)
			m.becomes("leave")
			return "unban"
		}
	case 5:
		if rnd.IntN(3) == 0 && m.membership != "ban" {
			alice.does("ban", room, bob).ok(nil)
			m.becomes("ban")
			return "ban"
		}
	}
	m.step++
	text := fmt.Sprintf("m%d", m.step)
	alice.says(room, text)
	m.said = append(m.said, said{text, m.visibility, m.membership, m.step})
	return text
}

// TestHardening_C02_HistoryIsSeenAsTheModelSays lives random traces of memberships and
// visibilities, and compares what the reader reads in the end with a model.
func TestHardening_C02_HistoryIsSeenAsTheModelSays(t *testing.T) {
	each(t, func(s *server) {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		alice := s.registers("alice")
		for n := range 25 {
			bob := s.registers(fmt.Sprintf("bob%d", n))
			room := alice.creates(map[string]any{"preset": "public_chat"})
			m := &trace{visibility: "shared", membership: "leave"}
			var done []string
			for range 14 {
				done = append(done, m.act(s, rnd, room, alice, bob))
				want, may := m.reads()
				if !may {
					bob.call("GET", "/rooms/"+room+"/messages?dir=b", nil).refused(403, "M_FORBIDDEN")
				} else if got := bob.texts(room); got != want {
					s.t.Fatalf("seed %d: after %v bob reads %q, the model says %q", seed, done, got, want)
				}
			}
		}
	})
}
