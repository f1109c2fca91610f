// Package authrules decides whether an event is allowed in a room: the
// authorization rules of room versions 1 to 12, each numbered as the
// specification numbers it, with power levels parsed once.
//
// It owns the type Judged, without which no event reaches storage. It does not
// resolve state (internal/stateres), and reads state only through State.
package authrules

import (
	"fmt"

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

// Of makes a State of events.
func Of(events []*event.Event) MapState {
	m := MapState{}
	for _, e := range events {
		if key, ok := e.Key(); ok {
			m[Tuple{e.Kind(), key}] = e
		}
	}
	return m
}

// Refusal says which rule an event broke.
type Refusal struct {
	Rule   string // number of the rule in the event's room version, like "5.3"
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

func refuse(rule, format string, args ...any) error {
	return &Refusal{rule, fmt.Sprintf(format, args...)}
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
// rejected tells which auth events were themselves rejected.
func Accept(e *event.Event, auth []*event.Event, rejected func(id string) bool, before, current State) Judged {
	j := Judged{ev: e}
	if err := CheckAuthEvents(e, auth, rejected); err != nil {
		return j.reject(err)
	}
	byAuth := Of(auth)
	if e.Rules().RoomIDFromCreate {
		// The create event is named by the room id; the caller's state has it.
		for _, s := range []State{before, current} {
			if s != nil && byAuth.Get("m.room.create", "") == nil {
				if c := s.Get("m.room.create", ""); c != nil {
					byAuth[Tuple{"m.room.create", ""}] = c
				}
			}
		}
	}
	if err := Check(e, byAuth, nil); err != nil { // 4
		return j.reject(err)
	}
	if before != nil {
		if err := Check(e, before, nil); err != nil { // 5
			return j.reject(err)
		}
	}
	if current != nil {
		if err := Check(e, current, nil); err != nil { // 6
			j.softFailed, j.reason = true, err.Error()
		}
	}
	return j
}

// AcceptOwn judges an event that was built on the current state: its auth events,
// the state before it and the current state are the same.
func AcceptOwn(e *event.Event, current State, levels *PowerLevels) Judged {
	j := Judged{ev: e}
	if err := Check(e, current, levels); err != nil {
		return j.reject(err)
	}
	return j
}

func (j Judged) reject(err error) Judged {
	j.rejected, j.reason = true, err.Error()
	return j
}
