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
// The numbers are those of room version 12 ("Authorization rules"); where a
// version differs, the rule says so.
func Check(e *event.Event, s State, levels *PowerLevels) error {
	if e.Is("m.room.create", "") {
		return checkCreate(e) // 1
	}
	create := s.Get("m.room.create", "")
	if create == nil {
		return refuse("2", "the room has no create event")
	}
	if create.Room() != e.Room() {
		// 2 (version 12), and the rule of all versions that auth events are of
		// the event's own room.
		return refuse("2", "the create event is another room's")
	}
	if err := checkFederate(e, create); err != nil {
		return err
	}
	c := &checker{e: e, s: s, create: create, levels: levels, rules: e.Rules()}
	return c.check()
}

// checkCreate is rule 1.
func checkCreate(e *event.Event) error {
	r := e.Rules()
	if len(e.Prev()) > 0 {
		return refuse("1.1", "a create event has prev_events")
	}
	if !r.RoomIDFromCreate && id.ServerOf(e.Room()) != id.ServerOf(e.From()) {
		return refuse("1.2", "the room id's domain is not the sender's")
	}
	body := gjson.ParseBytes(e.Body())
	if v := body.Get("room_version"); v.Exists() && (v.Type != gjson.String || event.RulesOf(event.Version(v.Str)) == nil) {
		return refuse("1.3", "the room version is not known")
	}
	if !r.ImplicitCreator && !body.Get("creator").Exists() {
		return refuse("1.4", "the create event names no creator")
	}
	if r.PrivilegedCreators {
		return checkAdditional(body.Get("additional_creators")) // 1.4
	}
	return nil
}

func checkAdditional(v gjson.Result) error {
	if !v.Exists() {
		return nil
	}
	if !v.IsArray() {
		return refuse("1.4", "additional_creators is not an array")
	}
	for _, u := range v.Array() {
		if u.Type != gjson.String || !id.IsUser(u.Str) {
			return refuse("1.4", "additional_creators holds something that is not a user id")
		}
	}
	return nil
}

// checkFederate is rule 4: m.federate false keeps other servers out.
func checkFederate(e, create *event.Event) error {
	if v := gjson.GetBytes(create.Body(), "m\\.federate"); v.Type == gjson.False && id.ServerOf(e.From()) != id.ServerOf(create.From()) {
		return refuse("4", "the room does not federate")
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
}

func (c *checker) check() error {
	e := c.e
	key, isState := e.Key()
	if c.rules.AliasAuth && e.Kind() == "m.room.aliases" { // 4 of versions 1 to 5
		if !isState {
			return refuse("4.1", "m.room.aliases without a state key")
		}
		if id.ServerOf(e.From()) != key {
			return refuse("4.2", "the state key is not the sender's domain")
		}
		return nil
	}
	if err := c.parse(); err != nil {
		return err
	}
	if e.Kind() == "m.room.member" {
		return c.member() // 5
	}
	if c.membership(e.From()) != "join" {
		return refuse("6", "the sender is not in the room")
	}
	if e.Kind() == "m.room.third_party_invite" { // 7
		if c.levels.User(e.From()) < c.levels.Invite() {
			return refuse("7.1", "the sender may not invite")
		}
		return nil
	}
	if c.levels.User(e.From()) < c.levels.Event(e.Kind(), isState) {
		return refuse("8", "the sender's power level is too low to send %s", e.Kind())
	}
	if isState && strings.HasPrefix(key, "@") && key != e.From() {
		return refuse("9", "the state key is another user's id")
	}
	if e.Is("m.room.power_levels", "") || e.Kind() == "m.room.power_levels" {
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

// redaction is the rule of versions 1 and 2: with the redact level, or of one's
// own domain.
func (c *checker) redaction() error {
	if c.levels.User(c.e.From()) >= c.levels.Redact() {
		return nil
	}
	if id.ServerOf(c.e.RedactsID()) == id.ServerOf(c.e.From()) {
		return nil
	}
	return refuse("11.3", "the sender may not redact this event")
}
