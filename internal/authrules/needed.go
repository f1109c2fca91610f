package authrules

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
)

// NeededFor lists the entries of the state that an event is authorised by ("Auth
// events selection", server-server API).
func NeededFor(r *event.Rules, kind string, stateKey *string, sender string, content []byte) []Tuple {
	if kind == "m.room.create" {
		return nil
	}
	out := make([]Tuple, 0, 8)
	if !r.RoomIDFromCreate {
		out = append(out, Tuple{"m.room.create", ""})
	}
	out = append(out, Tuple{"m.room.power_levels", ""}, Tuple{"m.room.member", sender})
	if kind != "m.room.member" || stateKey == nil {
		return out
	}
	if *stateKey != sender {
		out = append(out, Tuple{"m.room.member", *stateKey})
	}
	membership := gjson.GetBytes(content, "membership").Str
	if membership == "join" || membership == "invite" || membership == "knock" {
		out = append(out, Tuple{"m.room.join_rules", ""})
	}
	if membership == "invite" {
		if token := gjson.GetBytes(content, "third_party_invite.signed.token"); token.Type == gjson.String {
			out = append(out, Tuple{"m.room.third_party_invite", token.Str})
		}
	}
	if by := gjson.GetBytes(content, "join_authorised_via_users_server"); membership == "join" && r.Restricted && by.Type == gjson.String {
		if t := (Tuple{"m.room.member", by.Str}); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// Needed is NeededFor of an event.
func Needed(e *event.Event) []Tuple {
	var key *string
	if k, ok := e.Key(); ok {
		key = &k
	}
	return NeededFor(e.Rules(), e.Kind(), key, e.From(), e.Body())
}

// CheckAuthEvents is rule 3 (2 before version 12): the auth events are of the
// event's room, each of its own key, all of them such as can authorise it, none
// rejected; and the create event is there, or from version 12 on is not. auth are
// the events that e.Auth() names, all of them.
func CheckAuthEvents(e *event.Event, auth []*event.Event, rejected func(id string) bool) error {
	r := e.Rules()
	if len(auth) != len(e.Auth()) {
		return refuse(r, "3", "auth events are missing")
	}
	needed := Needed(e)
	seen := make([]Tuple, 0, len(auth))
	for _, a := range auth {
		key, isState := a.Key()
		t := Tuple{a.Kind(), key}
		switch {
		case isState && slices.Contains(seen, t):
			return refuse(r, "3.1", "auth_events has two of one kind")
		case !isState || !slices.Contains(needed, t):
			return refuse(r, "3.2", "auth_events has one that cannot authorise the event")
		case rejected != nil && rejected(a.ID()):
			return refuse(r, "3.3", "an auth event was rejected")
		case a.Room() != e.Room():
			return refuse(r, "3.5", "an auth event is another room's")
		}
		seen = append(seen, t)
	}
	if !r.RoomIDFromCreate && e.Kind() != "m.room.create" && !slices.Contains(seen, Tuple{"m.room.create", ""}) {
		return refuseAs(r, "2.4", "auth_events has no create event")
	}
	return nil
}
