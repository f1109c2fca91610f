package stateres

import (
	"container/heap"

	"github.com/chancery-im/chancery/internal/event"
)

// ranked is an event with what breaks ties.
type ranked struct {
	e     *event.Event
	level int64
}

// before is the tie-break of the reverse topological power ordering: the greater
// power level of the sender, the earlier time, the smaller id.
func (a ranked) before(b ranked) bool {
	if a.level != b.level {
		return a.level > b.level
	}
	if a.e.Timestamp() != b.e.Timestamp() {
		return a.e.Timestamp() < b.e.Timestamp()
	}
	return a.e.ID() < b.e.ID()
}

// ready are events whose auth events in the set are all placed.
type ready []ranked

func (h ready) Len() int           { return len(h) }
func (h ready) Less(i, j int) bool { return h[i].before(h[j]) }
func (h ready) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *ready) Push(x any) { *h = append(*h, x.(ranked)) }

// Pop implements heap.Interface.
func (h *ready) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// reverseTopological orders a set so that an event comes after those of its auth
// chain ("Reverse topological power ordering").
func (r *resolution) reverseTopological(set map[string]bool) ([]string, error) {
	waits := map[string]int{}
	next := map[string][]string{}
	h := &ready{}
	for id := range set {
		for _, a := range r.events[id].Auth() {
			if set[a] {
				waits[id]++
				next[a] = append(next[a], id)
			}
		}
	}
	push := func(id string) error {
		n, err := r.senderLevel(r.events[id])
		heap.Push(h, ranked{r.events[id], n})
		return err
	}
	for id := range set {
		if waits[id] == 0 {
			if err := push(id); err != nil {
				return nil, err
			}
		}
	}
	var out []string
	for h.Len() > 0 {
		id := heap.Pop(h).(ranked).e.ID()
		out = append(out, id)
		for _, n := range next[id] {
			if waits[n]--; waits[n] == 0 {
				if err := push(n); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}
