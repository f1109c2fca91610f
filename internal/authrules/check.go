package authrules

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
)

// Check says whether the event is allowed in a state: nil, or a *Refusal. levels
// are the state's power levels when the caller has them parsed, else nil.
//
// The numbers in comments are those of room version 12 ("Authorization rules");
// where a version differs, the rule says so. Rule 3, on the event's auth events, is
// CheckAuthEvents.
func Check(e *event.Event, s State, levels *PowerLevels) error {
	return check(e, s, levels, false)
}

func check(e *event.Event, s State, levels *PowerLevels, begun bool) error {
	if e.Kind() == "m.room.create" {
		return checkCreate(e) // 1
	}
	r := e.Rules()
	create := s.Get("m.room.create", "")
	switch {
	case create == nil && r.RoomIDFromCreate:
		return refuse(r, "2", "the room has no create event")
	case create == nil:
		return refuseAs(r, "2.4", "the room has no create event")
	case create.Room() != e.Room() && r.RoomIDFromCreate:
		return refuse(r, "2", "the create event is another room's")
	case create.Room() != e.Room():
		return refuseAs(r, "2.5", "the create event is another room's")
	}
	if err := checkFederate(e, create); err != nil {
		return err
	}
	c := checker{e: e, s: s, create: create, levels: levels, rules: r, begun: begun}
	return c.check()
}

// checkCreate is rule 1.
func checkCreate(e *event.Event) error {
	r := e.Rules()
	if key, isState := e.Key(); !isState || key != "" {
		// The rules take it for granted: no other event makes a room.
		return refuse(r, "1", "a create event has an empty state key")
	}
	if len(e.Prev()) > 0 {
		return refuse(r, "1.1", "a create event has prev_events")
	}
	if !r.RoomIDFromCreate && id.ServerOf(e.Room()) != id.ServerOf(e.From()) {
		return refuse(r, "1.2", "the room id's domain is not the sender's")
	}
	body := gjson.ParseBytes(e.Body())
	// A version other than the one that the event is judged by would be a lie; a
	// redacted create event has none (before version 11), and stays what it was.
	if v := body.Get("room_version"); v.Exists() && (v.Type != gjson.String || event.RulesOf(event.Version(v.Str)) != r) {
		return refuse(r, "1.3", "the room version is not known, or not this room's")
	}
	if !r.ImplicitCreator && !body.Get("creator").Exists() {
		return refuse(r, "1.4", "the create event names no creator") // versions 1 to 10
	}
	if r.PrivilegedCreators {
		return checkAdditional(r, body.Get("additional_creators")) // 1.4
	}
	return nil // 1.5
}

func checkAdditional(r *event.Rules, v gjson.Result) error {
	if !v.Exists() {
		return nil
	}
	if !v.IsArray() {
		return refuse(r, "1.4", "additional_creators is not an array")
	}
	for _, u := range v.Array() {
		if u.Type != gjson.String || !id.IsUser(u.Str) {
			return refuse(r, "1.4", "additional_creators holds something that is not a user id")
		}
	}
	return nil
}

// checkFederate is rule 4: m.federate false keeps other servers out.
func checkFederate(e, create *event.Event) error {
	if id.ServerOf(e.From()) == id.ServerOf(create.From()) {
		return nil
	}
	if v := gjson.GetBytes(create.Body(), `m\.federate`); v.Type == gjson.False {
		return refuse(e.Rules(), "4", "the room does not federate")
	}
	return nil
}

// checker holds what the rules look at again and again.
type checker struct {
	e      *event.Event
	s      State
	create *event.Event
	levels *PowerLevels
	rules  *event.Rules
	begun  bool // s is the current state (see checkCurrent)
}

func (c *checker) refuse(rule, format string, args ...any) error {
	return refuse(c.rules, rule, format, args...)
}

func (c *checker) check() error {
	e := c.e
	key, isState := e.Key()
	if c.rules.AliasAuth && e.Kind() == "m.room.aliases" { // 4 of versions 1 to 5
		return c.aliases(key, isState)
	}
	if err := c.parse(); err != nil {
		return err
	}
	if e.Kind() == "m.room.member" {
		return c.member() // 5
	}
	if c.membership(e.From()) != "join" {
		return c.refuse("6", "the sender is not in the room")
	}
	if e.Kind() == "m.room.third_party_invite" { // 7
		if c.levels.User(e.From()) < c.levels.Invite() {
			return c.refuse("7.1", "the sender may not invite")
		}
		return nil
	}
	if c.levels.User(e.From()) < c.levels.Event(e.Kind(), isState) {
		return c.refuse("8", "the sender's power level is too low to send %s", e.Kind())
	}
	if isState && strings.HasPrefix(key, "@") && key != e.From() {
		return c.refuse("9", "the state key is another user's id")
	}
	if e.Kind() == "m.room.power_levels" {
		return c.powerLevels() // 10
	}
	if c.rules.RedactionAuth && e.Kind() == "m.room.redaction" {
		return c.redaction() // 11 of versions 1 and 2
	}
	return nil // 11
}

// parse reads the power levels, unless the caller has.
func (c *checker) parse() (err error) {
	if c.levels == nil {
		c.levels, err = ParsePowerLevels(c.s.Get("m.room.power_levels", ""), c.create)
	}
	return err
}

func (c *checker) membership(user string) string {
	m := c.s.Get("m.room.member", user)
	if m == nil {
		return "leave"
	}
	return m.MembershipOf()
}

// aliases is rule 4 of versions 1 to 5: a server's aliases are its own to send,
// by whom it likes.
func (c *checker) aliases(key string, isState bool) error {
	if !isState {
		return refuseAs(c.rules, "4.1", "m.room.aliases without a state key")
	}
	if id.ServerOf(c.e.From()) != key {
		return refuseAs(c.rules, "4.2", "the state key is not the sender's domain")
	}
	return nil // 4.3
}

// redaction is rule 11 of versions 1 and 2: with the redact level, or where both
// event ids are of one domain.
func (c *checker) redaction() error {
	if c.levels.User(c.e.From()) >= c.levels.Redact() {
		return nil // 11.1
	}
	if own := id.ServerOf(c.e.ID()); own != "" && id.ServerOf(c.e.RedactsID()) == own {
		return nil // 11.2
	}
	return refuseAs(c.rules, "11.3", "the sender may not redact this event")
}
