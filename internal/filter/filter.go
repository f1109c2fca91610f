// Package filter reads the filters of the client-server API and applies them to
// events: of rooms, of state, of account data, and the whole filter of a sync.
//
// It cuts events to the fields that a client asks for; how they are written
// otherwise belongs to the doors.
package filter

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Events is an EventFilter. Absent lists let everything through; empty ones of
// what is wanted let nothing.
type Events struct {
	Limit      *int      `json:"limit"`
	Types      *[]string `json:"types"`
	NotTypes   []string  `json:"not_types"`
	Senders    *[]string `json:"senders"`
	NotSenders []string  `json:"not_senders"`
}

// RoomEvents is a RoomEventFilter, and a StateFilter.
type RoomEvents struct {
	Events
	Rooms                   *[]string `json:"rooms"`
	NotRooms                []string  `json:"not_rooms"`
	ContainsURL             *bool     `json:"contains_url"`
	LazyLoadMembers         bool      `json:"lazy_load_members"`
	IncludeRedundantMembers bool      `json:"include_redundant_members"`
	UnreadThreads           bool      `json:"unread_thread_notifications"`
}

// Rooms is a RoomFilter.
type Rooms struct {
	Rooms        *[]string  `json:"rooms"`
	NotRooms     []string   `json:"not_rooms"`
	IncludeLeave bool       `json:"include_leave"`
	Timeline     RoomEvents `json:"timeline"`
	State        RoomEvents `json:"state"`
	Ephemeral    RoomEvents `json:"ephemeral"`
	AccountData  RoomEvents `json:"account_data"`
}

// Sync is the whole filter that a client uploads or passes to /sync.
type Sync struct {
	EventFields []string `json:"event_fields"`
	EventFormat string   `json:"event_format"`
	Presence    Events   `json:"presence"`
	AccountData Events   `json:"account_data"`
	Room        Rooms    `json:"room"`

	// Fields are EventFields, read; nil is everything.
	Fields *Fields `json:"-"`
}

// Raw reports whether events are wanted as servers exchange them.
func (f *Sync) Raw() bool { return f.EventFormat == "federation" }

// ParseSync reads a Filter object.
func ParseSync(raw []byte) (*Sync, error) {
	f := &Sync{}
	if err := httpjson.Unmarshal(raw, f); err != nil {
		return nil, err
	}
	if f.EventFormat != "" && f.EventFormat != "client" && f.EventFormat != "federation" {
		return nil, matrixerr.InvalidParam("event_format is client or federation")
	}
	if len(f.EventFields) > maxFields {
		return nil, matrixerr.InvalidParam("event_fields has too many entries")
	}
	if f.EventFields != nil {
		f.Fields = parseFields(f.EventFields)
	}
	for _, r := range []*RoomEvents{&f.Room.Timeline, &f.Room.State, &f.Room.Ephemeral, &f.Room.AccountData} {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	return f, checkIDs(f.Room.Rooms, f.Room.NotRooms, id.IsRoom)
}

// ParseRoomEvents reads a RoomEventFilter, as /messages takes it; "" is none.
func ParseRoomEvents(raw string) (*RoomEvents, error) {
	if raw == "" {
		return nil, nil
	}
	f := &RoomEvents{}
	if err := httpjson.Unmarshal([]byte(raw), f); err != nil {
		return nil, err
	}
	return f, f.check()
}

func (r *RoomEvents) check() error {
	if r.Limit != nil && *r.Limit < 0 {
		return matrixerr.InvalidParam("limit must not be negative")
	}
	if err := checkIDs(r.Senders, r.NotSenders, id.IsUser); err != nil {
		return err
	}
	return checkIDs(r.Rooms, r.NotRooms, id.IsRoom)
}

func checkIDs(want *[]string, not []string, ok func(string) bool) error {
	all := not
	if want != nil {
		all = append(append([]string{}, *want...), not...)
	}
	for _, s := range all {
		if !ok(s) {
			return matrixerr.InvalidParam("The filter names something that is no identifier: " + s)
		}
	}
	return nil
}

// MatchType reports whether the filter wants events of this type.
func (f *Events) MatchType(kind string) bool {
	return (f.Types == nil || anyType(*f.Types, kind)) && !anyType(f.NotTypes, kind)
}

// MatchSender reports whether the filter wants events of this user.
func (f *Events) MatchSender(user string) bool {
	return (f.Senders == nil || has(*f.Senders, user)) && !has(f.NotSenders, user)
}

// Wants reports whether the filter wants this room.
func (r *Rooms) Wants(room string) bool { return wants(r.Rooms, r.NotRooms, room) }

func wants(want *[]string, not []string, room string) bool {
	return (want == nil || has(*want, room)) && !has(not, room)
}

// Match reports whether the filter wants the event.
func (r *RoomEvents) Match(e *event.Event) bool {
	if !r.MatchType(e.Kind()) || !r.MatchSender(e.From()) || !wants(r.Rooms, r.NotRooms, e.Room()) {
		return false
	}
	if r.ContainsURL == nil {
		return true
	}
	return gjson.GetBytes(e.Body(), "url").Type == gjson.String == *r.ContainsURL
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// anyType: * stands for any sequence.
func anyType(list []string, kind string) bool {
	for _, p := range list {
		if glob(p, kind) {
			return true
		}
	}
	return false
}

// glob takes time linear in the text for each * of the pattern.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, last)
}
