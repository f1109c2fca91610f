package authrules

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
)

// PowerLevels are a room's power levels, parsed. They are immutable.
type PowerLevels struct {
	users         map[string]int64
	events        map[string]int64
	notifications map[string]int64
	creators      map[string]bool // room version 12: above every level
	usersDefault  int64
	eventsDefault int64
	stateDefault  int64
	ban           int64
	kick          int64
	redact        int64
	invite        int64
	privileged    bool
}

// Infinite is the level of a creator from room version 12 on.
const Infinite = math.MaxInt64

// ParsePowerLevels reads a power levels event; nil gives the defaults of a room
// without one. create is the room's create event.
func ParsePowerLevels(e, create *event.Event) (*PowerLevels, error) {
	p := &PowerLevels{ban: 50, kick: 50, redact: 50, users: map[string]int64{}, events: map[string]int64{}, creators: map[string]bool{}}
	if create != nil {
		p.fromCreate(create, e == nil)
	}
	if e == nil {
		return p, nil
	}
	p.stateDefault = 50
	body := gjson.ParseBytes(e.Body())
	rules := e.Rules()
	for _, f := range []struct {
		key string
		to  *int64
	}{{"users_default", &p.usersDefault}, {"events_default", &p.eventsDefault}, {"state_default", &p.stateDefault},
		{"ban", &p.ban}, {"kick", &p.kick}, {"redact", &p.redact}, {"invite", &p.invite}} {
		if v := body.Get(f.key); v.Exists() {
			n, ok := level(v, rules)
			if !ok {
				return nil, refuse("power_levels", "%s is not a power level", f.key)
			}
			*f.to = n
		}
	}
	for _, f := range []struct {
		key string
		to  *map[string]int64
	}{{"users", &p.users}, {"events", &p.events}, {"notifications", &p.notifications}} {
		m, err := levels(body.Get(f.key), f.key, rules)
		if err != nil {
			return nil, err
		}
		*f.to = m
	}
	return p, nil
}

// fromCreate: the creators, and without a power levels event their level of 100.
func (p *PowerLevels) fromCreate(create *event.Event, alone bool) {
	if create.Rules().PrivilegedCreators {
		p.privileged = true
		for _, c := range Creators(create) {
			p.creators[c] = true
		}
		return
	}
	if alone {
		p.users[Creators(create)[0]] = 100
	}
}

// Creators are the users who made the room: the sender of the create event (before
// room version 11 its content's creator), and from 12 on additional_creators.
func Creators(create *event.Event) []string {
	if !create.Rules().ImplicitCreator {
		if c := gjson.GetBytes(create.Body(), "creator"); c.Type == gjson.String {
			return []string{c.Str}
		}
		return []string{create.From()}
	}
	out := []string{create.From()}
	if create.Rules().PrivilegedCreators {
		for _, c := range gjson.GetBytes(create.Body(), "additional_creators").Array() {
			out = append(out, c.Str)
		}
	}
	return out
}

// level reads a power level. Before room version 10 a string counts too, as
// Python's int() reads it, and a float is cut off.
func level(v gjson.Result, rules *event.Rules) (int64, bool) {
	switch v.Type {
	case gjson.Number:
		if n, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
			return n, true
		}
		if rules.StrictJSON {
			return 0, false
		}
		return int64(v.Num), true
	case gjson.String:
		if rules.IntegerPowerLevels {
			return 0, false
		}
		s := strings.TrimSpace(v.Str)
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func levels(v gjson.Result, key string, rules *event.Rules) (map[string]int64, error) {
	out := map[string]int64{}
	if !v.Exists() {
		return out, nil
	}
	if !v.IsObject() {
		return nil, refuse("power_levels", "%s is not an object", key)
	}
	ok := true
	v.ForEach(func(k, v gjson.Result) bool {
		n, good := level(v, rules)
		out[k.String()] = n
		ok = ok && good
		return ok
	})
	if !ok {
		return nil, refuse("power_levels", "%s holds something that is not a power level", key)
	}
	return out, nil
}

// User is a user's level.
func (p *PowerLevels) User(id string) int64 {
	if p.creators[id] {
		return Infinite
	}
	if n, ok := p.users[id]; ok {
		return n
	}
	return p.usersDefault
}

// Event is the level that sending an event of this type needs.
func (p *PowerLevels) Event(kind string, isState bool) int64 {
	if n, ok := p.events[kind]; ok {
		return n
	}
	// An upgrade of a version 12 room needs what the creators need not be
	// given: the default is the specification's state_default all the same.
	if isState {
		return p.stateDefault
	}
	return p.eventsDefault
}

// Invite, Kick, Ban and Redact are the levels of these acts.
func (p *PowerLevels) Invite() int64 { return p.invite }

// Kick is the level for removing others.
func (p *PowerLevels) Kick() int64 { return p.kick }

// Ban is the level for banning and unbanning.
func (p *PowerLevels) Ban() int64 { return p.ban }

// Redact is the level for redacting others' events.
func (p *PowerLevels) Redact() int64 { return p.redact }

// UsersDefault is the level of who is not named.
func (p *PowerLevels) UsersDefault() int64 { return p.usersDefault }

// Notification is the level for a kind of notification, like "room".
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
