package authrules

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
)

// The levels that a power levels event has one of each, in the order of rule 10.6.
const (
	usersDefault = iota
	eventsDefault
	stateDefault
	banLevel
	redactLevel
	kickLevel
	inviteLevel
	singleLevels
)

var singleNames = [singleLevels]string{"users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"}

// singleValues are what counts where the event, or the whole event, is missing
// (m.room.power_levels, client-server API).
var singleValues = [singleLevels]int64{stateDefault: 50, banLevel: 50, redactLevel: 50, kickLevel: 50}

// PowerLevels are a room's power levels, parsed. They are immutable and safe for
// concurrent use; parse them once for as long as the power levels event stays.
type PowerLevels struct {
	single        [singleLevels]int64
	said          [singleLevels]bool // which of them the event has
	users         map[string]int64
	events        map[string]int64
	notifications map[string]int64
	creators      map[string]bool // room version 12: above every level
}

// Infinite is the level of a creator from room version 12 on.
const Infinite = math.MaxInt64

// ParsePowerLevels reads a power levels event; nil gives the defaults of a room
// without one. create is the room's create event, for its creators. Errors are
// *Refusal: a value that is no power level in the room's version.
func ParsePowerLevels(e, create *event.Event) (*PowerLevels, error) {
	p := &PowerLevels{single: singleValues}
	if create != nil {
		p.fromCreate(create, e == nil)
	}
	if e == nil {
		return p, nil
	}
	var err error
	rules := e.Rules()
	// One pass: every look-up by name would walk over all users again.
	gjson.ParseBytes(e.Body()).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "users":
			p.users, err = levelMap(v, rules, "10.3", k.Str)
		case "events":
			p.events, err = levelMap(v, rules, "10.2", k.Str)
		case "notifications":
			p.notifications, err = levelMap(v, rules, "10.2", k.Str)
		default:
			err = p.readSingle(k.Str, v, rules)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *PowerLevels) readSingle(key string, v gjson.Result, rules *event.Rules) error {
	i := slices.Index(singleNames[:], key)
	if i < 0 {
		return nil
	}
	n, ok := level(v, rules)
	if !ok {
		return refuse(rules, "10.1", "%s is not a power level", key)
	}
	p.single[i], p.said[i] = n, true
	return nil
}

// fromCreate: the creators, and without a power levels event their level of 100.
func (p *PowerLevels) fromCreate(create *event.Event, alone bool) {
	if create.Rules().PrivilegedCreators {
		p.creators = map[string]bool{}
		for _, c := range Creators(create) {
			p.creators[c] = true
		}
		return
	}
	if alone {
		p.users = map[string]int64{creatorOf(create): 100}
	}
}

// Creators are the users who made the room: the sender of the create event (before
// room version 11 its content's creator), and from 12 on additional_creators.
func Creators(create *event.Event) []string {
	out := []string{creatorOf(create)}
	if create.Rules().PrivilegedCreators {
		for _, c := range gjson.GetBytes(create.Body(), "additional_creators").Array() {
			out = append(out, c.Str)
		}
	}
	return out
}

func creatorOf(create *event.Event) string {
	if !create.Rules().ImplicitCreator {
		if c := gjson.GetBytes(create.Body(), "creator"); c.Type == gjson.String {
			return c.Str
		}
	}
	return create.From()
}

// level reads a power level. Before room version 10 a string counts too, and
// before version 6 a float is cut off at its point ("Deprecated event content
// schemas", room version 1). What a 64-bit integer cannot hold is held to its
// bounds: nobody's level is compared beyond them.
func level(v gjson.Result, rules *event.Rules) (int64, bool) {
	switch v.Type {
	case gjson.Number:
		if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
			return n, true
		}
		if rules.StrictJSON || math.IsInf(v.Num, 0) || math.IsNaN(v.Num) {
			return 0, false
		}
		switch {
		case v.Num >= math.MaxInt64:
			return math.MaxInt64, true
		case v.Num <= math.MinInt64:
			return math.MinInt64, true
		}
		return int64(v.Num), true
	case gjson.String:
		if rules.IntegerPowerLevels {
			return 0, false
		}
		n, err := strconv.ParseInt(strings.TrimSpace(v.Str), 10, 64)
		return n, err == nil || errors.Is(err, strconv.ErrRange)
	}
	return 0, false
}

func levelMap(v gjson.Result, rules *event.Rules, rule, key string) (map[string]int64, error) {
	if !v.IsObject() {
		return nil, refuse(rules, rule, "%s is not an object", key)
	}
	out := map[string]int64{}
	ok := true
	v.ForEach(func(k, v gjson.Result) bool {
		out[k.Str], ok = level(v, rules)
		return ok
	})
	if !ok {
		return nil, refuse(rules, rule, "%s holds something that is not a power level", key)
	}
	return out, nil
}

// User is a user's level. That of a creator is Infinite from room version 12 on.
func (p *PowerLevels) User(id string) int64 {
	if p.creators[id] {
		return Infinite
	}
	if n, ok := p.users[id]; ok {
		return n
	}
	return p.single[usersDefault]
}

// Event is the level that sending an event of this type needs. It does not hold
// for m.room.member and m.room.third_party_invite, which have rules of their own.
func (p *PowerLevels) Event(kind string, isState bool) int64 {
	if n, ok := p.events[kind]; ok {
		return n
	}
	if isState {
		return p.single[stateDefault]
	}
	return p.single[eventsDefault]
}

// Invite is the level for inviting.
func (p *PowerLevels) Invite() int64 { return p.single[inviteLevel] }

// Kick is the level for removing others.
func (p *PowerLevels) Kick() int64 { return p.single[kickLevel] }

// Ban is the level for banning and unbanning.
func (p *PowerLevels) Ban() int64 { return p.single[banLevel] }

// Redact is the level for redacting others' events.
func (p *PowerLevels) Redact() int64 { return p.single[redactLevel] }

// UsersDefault is the level of who is not named.
func (p *PowerLevels) UsersDefault() int64 { return p.single[usersDefault] }

// StateDefault is the level for state events of types that are not named.
func (p *PowerLevels) StateDefault() int64 { return p.single[stateDefault] }

// EventsDefault is the level for other events of types that are not named.
func (p *PowerLevels) EventsDefault() int64 { return p.single[eventsDefault] }

// Notification is the level for a kind of notification, like "room"; 50 where the
// room does not say.
func (p *PowerLevels) Notification(key string) int64 {
	if n, ok := p.notifications[key]; ok {
		return n
	}
	return 50
}

// Named are the users with a level of their own, creators included, in order.
func (p *PowerLevels) Named() []string {
	out := make([]string, 0, len(p.users)+len(p.creators))
	for u := range p.users {
		out = append(out, u)
	}
	for u := range p.creators {
		if _, twice := p.users[u]; !twice {
			out = append(out, u)
		}
	}
	slices.Sort(out)
	return out
}
