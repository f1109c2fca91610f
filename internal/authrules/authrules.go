// Package authrules decides whether an event is allowed in a room: the
// authorization rules of room versions 1 to 12, each numbered as the
// specification numbers it, with power levels parsed once.
//
// It owns the type Judged, without which no event reaches storage. It does not
// resolve state (internal/stateres), and reads state only through State. Whether
// an event is signed by whom it must be was decided before: that is what an
// *event.Event is.
package authrules

import (
	"github.com/chancery-im/chancery/internal/event"
)

// Tuple names an entry of a room's state.
type Tuple struct{ Kind, Key string }

// State is what the rules read of a room: the state event of (kind, key), or nil.
type State interface {
	Get(kind, key string) *event.Event
}

// MapState is a State in memory.
type MapState map[Tuple]*event.Event

// Get implements State.
func (m MapState) Get(kind, key string) *event.Event { return m[Tuple{kind, key}] }

// Of makes a State of events. Of several for one entry the last counts.
func Of(events []*event.Event) MapState {
	m := make(MapState, len(events))
	for _, e := range events {
		if key, ok := e.Key(); ok {
			m[Tuple{e.Kind(), key}] = e
		}
	}
	return m
}

// Judged is an event on which the rules have spoken. Only this package makes one.
type Judged struct {
	ev         *event.Event
	rejected   bool
	softFailed bool
	reason     string
}

// Event is the event that was judged.
func (j Judged) Event() *event.Event { return j.ev }

// Rejected: its auth events or the state before it do not allow it.
func (j Judged) Rejected() bool { return j.rejected }

// SoftFailed: the current state does not allow it.
func (j Judged) SoftFailed() bool { return j.softFailed }

// Reason says what was broken, "" when nothing.
func (j Judged) Reason() string { return j.reason }

// Accept runs steps 4, 5 and 6 of "Checks performed on receipt of a PDU"
// (server-server API): against the event's auth events, against the state before
// it, and against the current state. A nil before or current leaves its step out.
// auth are the events that e.Auth() names, all of them; rejected tells which of
// them were themselves rejected.
//
// From room version 12 on no auth event is the create event, so it is taken from
// before or current; where both are nil (an outlier), use AcceptOutlier.
func Accept(e *event.Event, auth []*event.Event, rejected func(id string) bool, before, current State) Judged {
	var create *event.Event
	for _, s := range []State{before, current} {
		if s != nil && create == nil && e.Rules().RoomIDFromCreate {
			create = s.Get("m.room.create", "")
		}
	}
	j := AcceptOutlier(e, auth, rejected, create) // 4
	if j.rejected {
		return j
	}
	if before != nil {
		if err := Check(e, before, nil); err != nil { // 5
			return j.reject(err)
		}
	}
	if current != nil {
		if err := checkCurrent(e, current, nil); err != nil { // 6
			j.softFailed, j.reason = true, err.Error()
		}
	}
	return j
}

// AcceptOutlier runs step 4 alone, for an event of which only its auth events are
// known: those of a room that is being joined, and auth chains. create is the
// room's accepted create event; it is read only in room versions (12 and later)
// whose auth_events do not have it.
func AcceptOutlier(e *event.Event, auth []*event.Event, rejected func(id string) bool, create *event.Event) Judged {
	j := Judged{ev: e}
	if err := CheckAuthEvents(e, auth, rejected); err != nil {
		return j.reject(err)
	}
	state := Of(auth)
	if e.Rules().RoomIDFromCreate && create != nil {
		state[Tuple{"m.room.create", ""}] = create
	}
	if err := Check(e, state, nil); err != nil {
		return j.reject(err)
	}
	return j
}

// AcceptOwn judges an event that was built on the current state: its auth events,
// the state before it and the current state are the same. levels are that state's
// power levels when the caller has them parsed, else nil.
func AcceptOwn(e *event.Event, current State, levels *PowerLevels) Judged {
	j := Judged{ev: e}
	if err := checkCurrent(e, current, levels); err != nil {
		return j.reject(err)
	}
	return j
}

func (j Judged) reject(err error) Judged {
	j.rejected, j.reason = true, err.Error()
	return j
}

// checkCurrent is Check against the room as it stands now, where two rules that
// speak of a room's beginning no longer apply: a room has one create event, and a
// creator who has once been a member joins again as everybody does. By the letter
// of rule 5.3.1 a banned creator could come back with an event that is attached to
// the create event. Others may hold such an event for allowed, so that the answer
// is soft failure at most for what comes from them.
func checkCurrent(e *event.Event, current State, levels *PowerLevels) error {
	if e.Kind() == "m.room.create" {
		if have := current.Get("m.room.create", ""); have != nil && have.ID() != e.ID() {
			return refuse(e.Rules(), "1", "the room has a create event")
		}
	}
	return check(e, current, levels, true)
}
