package test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestUnreadCountsEqualALiteralCount lets two people write, mention, read and redact at
// random, and counts what is unread by going through everything.
func TestUnreadCountsEqualALiteralCount(t *testing.T) {
	each(t, func(s *server) {
		alice, bob, room := pair(s)
		rng := rand.New(rand.NewPCG(3, 9))
		type sent struct {
			id, thread string
			highlight  bool
			gone       bool
		}
		var all []sent
		roots := []string{}
		read := map[string]int{} // by thread, "" all: how many of all are read
		place := func(i int) string {
			n := [2]int{}
			threads := map[string][2]int{}
			for j, e := range all[:i] {
				if e.gone || j < read[""] || j < read[e.thread] {
					continue
				}
				c := threads[e.thread]
				c[0]++
				if e.highlight {
					c[1]++
				}
				if threads[e.thread] = c; e.thread == "main" {
					n = c
				}
			}
			text := fmt.Sprintf("%d/%d", n[0], n[1])
			for _, r := range roots {
				if c := threads[r]; c[0] > 0 {
					text += fmt.Sprintf(" %d/%d", c[0], c[1])
				} else {
					text += " none"
				}
			}
			return text
		}
		for range 120 {
			switch k := rng.IntN(10); {
			case k < 5 || len(all) == 0:
				e := sent{thread: "main", highlight: rng.IntN(4) == 0}
				more := map[string]any{}
				if e.highlight {
					more = mention(bob.id)
				}
				if len(all) > 0 && rng.IntN(2) == 0 {
					if len(roots) < 3 {
						for _, o := range all {
							if o.thread == "main" && !o.gone && !has(roots, o.id) {
								roots = append(roots, o.id)
								break
							}
						}
					}
					if len(roots) > 0 {
						e.thread = roots[rng.IntN(len(roots))]
						more["m.relates_to"] = inThread(e.thread)["m.relates_to"]
					}
				}
				e.id = alice.sends(room, "m.room.message", message("m", more))
				all = append(all, e)
			case k < 8:
				i := rng.IntN(len(all))
				thread := ""
				if rng.IntN(3) > 0 {
					thread = all[i].thread
				}
				bob.receipt(room, []string{"m.read", "m.read.private"}[rng.IntN(2)], all[i].id, thread)
				read[thread] = max(read[thread], i+1)
			default:
				i := rng.IntN(len(all))
				if !all[i].gone && !has(roots, all[i].id) {
					all[i].gone = true
					alice.call("PUT", "/rooms/"+room+"/redact/"+all[i].id+fmt.Sprintf("/r%d", s.txn.Add(1)), map[string]any{}).ok(nil)
				}
			}
			if want, got := place(len(all)), bob.unreadApart(room, roots...); want != got {
				t.Fatalf("after %d messages: wanted %s, got %s", len(all), want, got)
			}
		}
	})
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
