package stateres

import (
	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
)

// levels are a power levels event as it was read, or why it could not be.
type levels struct {
	p   *authrules.PowerLevels
	err error
}

// parsed reads power levels once in a resolution, however many events are judged
// by them.
func (r *resolution) parsed(e, create *event.Event) (*authrules.PowerLevels, error) {
	k := [2]*event.Event{e, create}
	l, ok := r.levels[k]
	if !ok {
		l.p, l.err = authrules.ParsePowerLevels(e, create)
		r.levels[k] = l
	}
	return l.p, l.err
}

// check is authrules.Check with the power levels of the state parsed once.
func (r *resolution) check(e *event.Event, s authrules.State) error {
	p, err := r.parsed(s.Get("m.room.power_levels", ""), s.Get("m.room.create", ""))
	if err != nil {
		p = nil // Check says which rule that breaks, if it reads them at all
	}
	return authrules.Check(e, s, p)
}

// senderLevel is the sender's power level by the event's own auth events.
func (r *resolution) senderLevel(e *event.Event) (int64, error) {
	if err := r.load(e.Auth()); err != nil {
		return 0, err
	}
	var levels, create *event.Event
	for _, id := range e.Auth() {
		switch a := r.events[id]; {
		case a.Is("m.room.power_levels", ""):
			levels = a
		case a.Is("m.room.create", ""):
			create = a
		}
	}
	if r.rules.RoomIDFromCreate {
		var err error
		if create, err = r.createOf(e); err != nil {
			return 0, err
		}
	}
	p, err := r.parsed(levels, create)
	if err != nil {
		return 0, nil // unreadable levels give nobody any
	}
	return p.User(e.From()), nil
}
