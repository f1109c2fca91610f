package authrules

import (
	"fmt"
	"math"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// set is bob, who has 50, changing the levels from one content to another. Both
// get bob's 50 where they say nothing of users, and may change levels with 50.
func set(from, to string) func(r *rig) *event.Event { return setBy(bob, from, to) }

func setBy(sender, from, to string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		if from == "" {
			delete(r.state, Tuple{"m.room.power_levels", ""})
		} else {
			r.levels(from)
		}
		return r.build("m.room.power_levels", str(""), sender, to)
	}
}

// with is content that has bob's level.
func with(rest string) string { return `{` + rest + `,"users":{"` + bob + `":50}}` }

// users is content that has bob's level and others.
func usersAnd(rest string) string { return `{"users":{"` + bob + `":50,` + rest + `}}` }

const presence = "it does not tell an absent level from one of the same value"

var levelVectors = []vector{
	yes("10.1", "all of them are integers", setBy(alice, `{}`, `{"ban":1,"events_default":2,"invite":3,"kick":4,"redact":5,"state_default":6,"users_default":7}`)).in(12, 0),
	no("10.1", "a text in place of an integer", setBy(alice, `{}`, `{"ban":"50"}`)).in(12, 0),
	no("10.1", "null in place of an integer", setBy(alice, `{}`, `{"kick":null}`)).in(12, 0).unlike("it reads null as nothing"),
	no("10.1", "a list in place of an integer", setBy(alice, `{}`, `{"invite":[]}`)).in(12, 0),
	no("10.1", "a text, from version 10 on", set(with(`"ban":50`), with(`"ban":"50"`))).in(10, 0),
	yes("10.1", "a text, before version 10", set(with(`"ban":50`), with(`"ban":" +050 "`))).in(1, 9),
	no("10.1", "a text that is no integer", set(with(`"ban":50`), with(`"ban":"5O"`))).in(1, 9),
	yes("10.1", "a float, before version 6", set(with(`"ban":50`), with(`"ban":50.9`))).in(1, 5),
	no("10.1", "a float beyond everything", set(with(`"ban":50`), with(`"ban":1e999`))).in(1, 5),

	yes("10.2", "objects of integers", setBy(alice, `{}`, `{"events":{"m.a":1},"notifications":{"room":2}}`)).in(12, 0).
		unlike("it forgets the creator's level for notifications"),
	no("10.2", "events is a list", setBy(alice, `{}`, `{"events":[]}`)).in(12, 0),
	no("10.2", "events is null", setBy(alice, `{}`, `{"events":null}`)).in(12, 0).unlike("it reads null as nothing"),
	no("10.2", "an event's level is text", setBy(alice, `{}`, `{"events":{"m.a":"1"}}`)).in(12, 0),
	no("10.2", "a notification's level is text", setBy(alice, `{}`, `{"notifications":{"room":"1"}}`)).in(12, 0),
	no("10.2", "notifications is a number", setBy(alice, `{}`, `{"notifications":1}`)).in(12, 0),

	yes("10.3", "users have user ids", set(with(`"ban":50`), usersAnd(`"`+carol+`":0`))),
	yes("10.3", "no users", setBy(alice, `{}`, `{}`)).in(12, 0),
	no("10.3", "a user is no user id", set(with(`"ban":50`), usersAnd(`"carol":0`))),
	no("10.3", "a user has no server", set(with(`"ban":50`), usersAnd(`"@carol":0`))),
	no("10.3", "a user's level is null", set(with(`"ban":50`), usersAnd(`"`+carol+`":null`))).unlike("it reads null as nothing"),
	no("10.3", "a user's level is an object", set(with(`"ban":50`), usersAnd(`"`+carol+`":{}`))),
	no("10.3", "users is a list", set(with(`"ban":50`), `{"users":[]}`)),
	no("10.3", "users is null", set(with(`"ban":50`), `{"users":null}`)).unlike("it reads null as nothing"),

	yes("10.4", "users without creators", setBy(alice, `{}`, `{"users":{"`+bob+`":50}}`)).in(12, 0),
	no("10.4", "the creator among users", setBy(alice, `{}`, `{"users":{"`+alice+`":100}}`)).in(12, 0),
	no("10.4", "an additional creator among users", func(r *rig) *event.Event {
		r.begin(`{"additional_creators":["` + ann + `"],"room_version":"12"}`)
		r.member(alice, "join")
		return r.build("m.room.power_levels", str(""), alice, `{"users":{"`+ann+`":100}}`)
	}).in(12, 0),
	no("10.4", "the creator in the first levels", setBy(alice, "", `{"users":{"`+alice+`":100}}`)).in(12, 0),
	yes("10.4", "the creator among users, before version 12", set(with(`"ban":50`), usersAnd(`"`+alice+`":50`))).in(1, 11),

	yes("10.5", "the first levels, of any height", setBy(alice, "", `{"ban":1000,"events":{"m.a":1000},"users":{"`+bob+`":1000}}`)).
		unlike("it compares the first levels too"),
	no("10.5", "the first levels by who may send no state", setBy(bob, "", `{}`)),
	no("10.5", "the second levels, of any height", set(with(`"ban":50`), with(`"ban":1000`))),

	yes("10.6.1", "a level within reach", set(with(`"ban":50`), with(`"ban":49`))),
	no("10.6.1", "a level out of reach is lowered", set(with(`"ban":51`), with(`"ban":50`))),
	no("10.6.1", "a level out of reach is removed", set(with(`"ban":51`), with(`"kick":50`))),
	no("10.6.1", "a level out of reach is removed and stays what it was", func(r *rig) *event.Event {
		r.levels(`{"ban":50,"events":{"m.room.power_levels":0},"state_default":0}`)
		return r.build("m.room.power_levels", str(""), carol, `{"events":{"m.room.power_levels":0},"state_default":0}`)
	}).unlike(presence),
	no("10.6.1", "a level that was only implied is lowered by who is below it", func(r *rig) *event.Event {
		r.levels(`{"events":{"m.room.power_levels":0}}`)
		return r.build("m.room.power_levels", str(""), carol, `{"ban":0,"events":{"m.room.power_levels":0}}`)
	}),
	no("10.6.1", "a level that was only implied is written down by who is below it", func(r *rig) *event.Event {
		r.levels(`{"events":{"m.room.power_levels":0}}`)
		return r.build("m.room.power_levels", str(""), carol, `{"ban":50,"events":{"m.room.power_levels":0}}`)
	}).unlike(presence),
	yes("10.6.2", "a level raised to one's own", set(with(`"invite":0`), with(`"invite":50`))),
	no("10.6.2", "a level raised above one's own", set(with(`"invite":0`), with(`"invite":51`))),
	no("10.6.2", "a level added above one's own", set(with(`"ban":50`), with(`"ban":50,"users_default":51`))).
		unlike("it does not compare users_default"),
	no("10.6.2", "a level removed whose default is above one's own", func(r *rig) *event.Event {
		r.levels(`{"ban":0,"events":{"m.room.power_levels":0}}`)
		return r.build("m.room.power_levels", str(""), carol, `{"events":{"m.room.power_levels":0}}`)
	}),
	yes("10.6.2", "what is out of reach stays", set(with(`"ban":100,"kick":100`), with(`"ban":100,"invite":1,"kick":100`))),

	yes("10.7", "an event's level within reach", set(with(`"events":{"m.a":50}`), with(`"events":{"m.a":0}`))),
	yes("10.7", "an event's level within reach is removed", set(with(`"events":{"m.a":50}`), with(`"events":{}`))),
	no("10.7", "an event's level out of reach is lowered", set(with(`"events":{"m.a":51}`), with(`"events":{"m.a":50}`))),
	no("10.7", "an event's level out of reach is removed", set(with(`"events":{"m.a":51}`), with(`"events":{}`))),
	no("10.7", "a notification's level out of reach is lowered", set(with(`"notifications":{"room":51}`), with(`"notifications":{"room":50}`))).in(6, 0),
	no("10.7", "a notification's level out of reach is removed", set(with(`"notifications":{"room":51}`), with(`"ban":50`))).in(6, 0),
	yes("10.7", "a notification's level, which nobody guards yet", set(with(`"notifications":{"room":51}`), with(`"notifications":{"room":0}`))).in(1, 5),
	yes("10.7", "a notification's level of one's own height", set(with(`"notifications":{"room":50}`), with(`"notifications":{"room":0}`))).in(6, 0).
		unlike("it wants to be above it"),
	yes("10.8", "an event's level of one's own height", set(with(`"events":{"m.a":0}`), with(`"events":{"m.a":50}`))),
	no("10.8", "an event's level above one's own", set(with(`"events":{"m.a":0}`), with(`"events":{"m.a":51}`))),
	no("10.8", "an event's level added above one's own", set(with(`"events":{}`), with(`"events":{"m.b":51}`))),
	no("10.8", "a notification's level added above one's own", set(with(`"ban":50`), with(`"notifications":{"room":51}`))).in(6, 0),
	yes("10.8", "a notification's level, which nobody guards yet", set(with(`"ban":50`), with(`"notifications":{"room":51}`))).in(1, 5),

	yes("10.9", "who is below is lowered", set(usersAnd(`"`+carol+`":49`), usersAnd(`"`+carol+`":0`))),
	yes("10.9", "who is below is removed", set(usersAnd(`"`+carol+`":49`), with(`"ban":50`))),
	yes("10.9", "oneself is lowered", set(with(`"ban":50`), `{"ban":50,"users":{"`+bob+`":0}}`)),
	yes("10.9", "oneself is removed", set(with(`"ban":50`), `{"ban":50,"users":{}}`)),
	no("10.9", "an equal is lowered", set(usersAnd(`"`+carol+`":50`), usersAnd(`"`+carol+`":0`))),
	no("10.9", "an equal is removed", set(usersAnd(`"`+carol+`":50`), with(`"ban":50`))),
	no("10.9", "who is above is lowered", set(usersAnd(`"`+ann+`":51`), usersAnd(`"`+ann+`":50`))),
	yes("10.9", "who is above stays", set(usersAnd(`"`+ann+`":51`), usersAnd(`"`+ann+`":51,"`+carol+`":1`))),
	yes("10.9", "a creator lowers whoever", setBy(alice, `{"users":{"`+ann+`":9007199254740991}}`, `{"users":{}}`)).in(12, 0),
	yes("10.10", "somebody is made an equal", set(with(`"ban":50`), usersAnd(`"`+carol+`":50`))),
	no("10.10", "somebody is put above", set(with(`"ban":50`), usersAnd(`"`+carol+`":51`))),
	no("10.10", "oneself is put above", set(with(`"ban":50`), `{"ban":50,"users":{"`+bob+`":51}}`)),
	no("10.10", "who is below is put above", set(usersAnd(`"`+carol+`":1`), usersAnd(`"`+carol+`":51`))),
}

// F19: a room whose power levels are missing is nobody's to take over.
func TestHardening_F19_WithoutPowerLevelsOnlyTheCreatorsHaveAny(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		delete(r.state, Tuple{"m.room.power_levels", ""})
		for _, u := range []string{ann, bob, carol} {
			for _, kind := range []string{"m.room.topic", "m.room.power_levels", "m.room.join_rules"} {
				if Check(r.build(kind, str(""), u, `{"users":{"`+u+`":100}}`), r.state, nil) == nil {
					t.Errorf("v%s: %s sends %s", v, u, kind)
				}
			}
			if Check(r.membership(u, alice, "ban"), r.state, nil) == nil {
				t.Errorf("v%s: %s bans", v, u)
			}
			if err := Check(r.message(u), r.state, nil); err != nil {
				t.Errorf("v%s: %s speaks: %v", v, u, err)
			}
		}
		if err := Check(r.build("m.room.topic", str(""), alice, `{}`), r.state, nil); err != nil {
			t.Errorf("v%s: the creator: %v", v, err)
		}
	}
}

func TestPowerLevelsAreReadAsTheRoomVersionWritesThem(t *testing.T) {
	for _, c := range []struct {
		value string
		from  int
		to    int
		want  int64
	}{
		{`50`, 1, 0, 50}, {`-1`, 1, 0, -1}, {`"50"`, 1, 9, 50}, {`" 00100 "`, 1, 9, 100}, {`"-7"`, 1, 9, -7}, {`"+7"`, 1, 9, 7},
		{`50.57`, 1, 5, 50}, {`-0.9`, 1, 5, 0}, {`5.114698E4`, 1, 5, 51146}, {`1e300`, 1, 5, math.MaxInt64}, {`-1e300`, 1, 5, math.MinInt64},
		{`99999999999999999999`, 1, 5, math.MaxInt64}, {`"99999999999999999999"`, 1, 9, math.MaxInt64},
	} {
		for _, v := range versionsFrom(c.from, c.to) {
			r := newRig(t, v)
			p, err := ParsePowerLevels(r.build("m.room.power_levels", str(""), ann, `{"ban":`+c.value+`,"users":{"`+bob+`":`+c.value+`}}`), r.create)
			if err != nil {
				t.Errorf("v%s: %s: %v", v, c.value, err)
			} else if p.Ban() != c.want || p.User(bob) != c.want {
				t.Errorf("v%s: %s is %d and %d, want %d", v, c.value, p.Ban(), p.User(bob), c.want)
			}
		}
	}
}

func TestWhatIsNoPowerLevelIsRefusedAsSuch(t *testing.T) {
	for _, c := range []struct {
		value    string
		from, to int
	}{
		{`1e999`, 1, 0}, {`-1e999`, 1, 0}, {`1.5`, 6, 0}, {`1e2`, 6, 0}, {`99999999999999999999`, 6, 0}, {`"50"`, 10, 0}, {`"5 0"`, 1, 9}, {`""`, 1, 9},
		{`"1_0"`, 1, 9}, {`"0x1"`, 1, 9}, {`"1.0"`, 1, 9}, {`"+-1"`, 1, 9}, {`true`, 1, 0}, {`null`, 1, 0}, {`{}`, 1, 0}, {`[]`, 1, 0},
	} {
		for _, v := range versionsFrom(c.from, c.to) {
			r := newRig(t, v)
			for _, where := range []string{`"ban":%s`, `"users":{"@bob:b.test":%s}`, `"events":{"m.a":%s}`} {
				e := r.loaded(`{"content":{` + fmt.Sprintf(where, c.value) + `},"sender":"@ann:a.test","state_key":"","type":"m.room.power_levels"}`)
				if _, err := ParsePowerLevels(e, r.create); err == nil {
					t.Errorf("v%s: "+where+" is read", v, c.value)
				}
			}
		}
	}
}

// Levels that cannot be read, which no rule lets into a room, close it.
func TestUnreadablePowerLevelsInTheStateAllowNothing(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		r.levels(`{"ban":"fifty"}`)
		if Check(r.message(alice), r.state, nil) == nil || Check(r.membership(bob, bob, "leave"), r.state, nil) == nil {
			t.Errorf("v%s: allowed", v)
		}
	}
}

func TestPowerLevelsAnswerForEverybodyAndEverything(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		p, err := ParsePowerLevels(r.build("m.room.power_levels", str(""), ann,
			`{"ban":1,"events":{"m.a":9},"events_default":2,"invite":3,"kick":4,"notifications":{"room":8},"redact":5,"state_default":6,"users":{"`+ann+`":100},"users_default":7}`), r.create)
		if err != nil {
			t.Fatal(err)
		}
		creator := int64(7)
		if r.r.PrivilegedCreators {
			creator = Infinite
		}
		got := fmt.Sprint(p.Ban(), p.EventsDefault(), p.Invite(), p.Kick(), p.Redact(), p.StateDefault(), p.UsersDefault(), p.Notification("room"), p.Notification("x"),
			p.Event("m.a", true), p.Event("m.a", false), p.Event("m.b", true), p.Event("m.b", false), p.User(ann), p.User(bob), p.User(alice))
		if want := fmt.Sprint(1, 2, 3, 4, 5, 6, 7, 8, 50, 9, 9, 6, 2, 100, 7, creator); got != want {
			t.Errorf("v%s: %s, want %s", v, got, want)
		}
		named := fmt.Sprint([]string{ann})
		if r.r.PrivilegedCreators {
			named = fmt.Sprint([]string{alice, ann})
		}
		if fmt.Sprint(p.Named()) != named {
			t.Errorf("v%s: named %v", v, p.Named())
		}
	}
}

func TestWithoutPowerLevelsTheDefaultsOfTheSpecificationHold(t *testing.T) {
	for _, v := range versionsFrom(1, 0) {
		r := newRig(t, v)
		p, err := ParsePowerLevels(nil, r.create)
		if err != nil {
			t.Fatal(err)
		}
		creator := int64(100)
		if r.r.PrivilegedCreators {
			creator = Infinite
		}
		got := fmt.Sprint(p.Ban(), p.Kick(), p.Redact(), p.Invite(), p.StateDefault(), p.EventsDefault(), p.UsersDefault(), p.User(bob), p.User(alice))
		if want := fmt.Sprint(50, 50, 50, 0, 50, 0, 0, 0, creator); got != want {
			t.Errorf("v%s: %s, want %s", v, got, want)
		}
	}
}
