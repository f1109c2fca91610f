package stateres

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/event"
)

// mainline is the line of the resolved power levels, as far back as it was needed:
// a room whose levels changed 5,000 times is not read to its beginning for two
// topics of today.
type mainline struct {
	r  *resolution
	at *event.Event // the next of the line, nil behind its end
	// position is where an event stands in the line, and known where one beside
	// it meets the line; infinite is nowhere.
	position, known map[string]int
}

const infinite = math.MaxInt

func (r *resolution) newMainline() *mainline {
	return &mainline{r: r, at: r.partial(Key{Kind: "m.room.power_levels"}), position: map[string]int{}, known: map[string]int{}}
}

// mainline orders events by where their power levels leave the line of the
// resolved ones ("Mainline ordering").
func (r *resolution) mainline(ids []string) ([]string, error) {
	line := r.newMainline()
	where := make(map[string]int, len(ids))
	for _, id := range ids {
		n, err := line.meets(r.events[id])
		if err != nil {
			return nil, err
		}
		where[id] = n
	}
	slices.SortFunc(ids, func(a, b string) int {
		ea, eb := r.events[a], r.events[b]
		return cmp.Or(cmp.Compare(where[b], where[a]), cmp.Compare(ea.Timestamp(), eb.Timestamp()), strings.Compare(a, b))
	})
	return ids, r.err
}

// meets is the mainline position of an event: that of the first of its line that
// stands in the mainline.
//
// Both lines are followed in step. That is enough: each power levels event names
// one before it, so what comes before a meeting point in one line is either next
// to it in the other too, and was met already, or is not in it.
func (m *mainline) meets(e *event.Event) (int, error) {
	var beside []string       // e's line so far
	index := map[string]int{} // of beside
	n := infinite
	at, err := m.r.levelsOf(e)
	for err == nil && (at != nil || m.at != nil && len(beside) > 0) {
		if at != nil {
			id := at.ID()
			if p, ok := m.place(id); ok {
				n = p
				break
			}
			if _, circle := index[id]; circle { // which ids of version 2 could make
				at = nil
				continue
			}
			index[id] = len(beside)
			beside = append(beside, id)
			if at, err = m.r.levelsOf(at); err != nil {
				break
			}
		}
		if m.at != nil {
			var met string
			met, err = m.extend()
			if i, ok := index[met]; ok {
				n = m.position[met]
				beside = beside[:i]
				break
			}
		}
	}
	for _, id := range beside {
		m.known[id] = n
	}
	return n, err
}

// place is where an event meets the mainline, if that is known.
func (m *mainline) place(id string) (int, bool) {
	if p, ok := m.position[id]; ok {
		return p, true
	}
	p, ok := m.known[id]
	return p, ok
}

// extend takes the next event into the line.
func (m *mainline) extend() (string, error) {
	id := m.at.ID()
	m.position[id] = len(m.position)
	next, err := m.r.levelsOf(m.at)
	if err == nil && next != nil {
		if _, circle := m.position[next.ID()]; circle {
			next = nil
		}
	}
	m.at = next
	return id, err
}

// levelsOf is the power levels event among an event's auth events, or nil.
func (r *resolution) levelsOf(e *event.Event) (*event.Event, error) {
	if err := r.load(e.Auth()); err != nil {
		return nil, err
	}
	for _, id := range e.Auth() {
		if a := r.events[id]; a.Is("m.room.power_levels", "") {
			return a, nil
		}
	}
	return nil, nil
}
