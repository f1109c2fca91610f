package authrules

import (
	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/id"
)

// powerLevels is rule 10: who may change power levels, and to what.
func (c *checker) powerLevels() error {
	body := gjson.ParseBytes(c.e.Body())
	next, err := ParsePowerLevels(c.e, c.create) // 10.1 and 10.2
	if err != nil {
		return err
	}
	for user := range next.users { // 10.3
		if !id.IsUser(user) {
			return refuse("10.3", "users holds something that is not a user id")
		}
		if c.rules.PrivilegedCreators && c.levels.creators[user] {
			return refuse("10.4", "a creator is listed in users")
		}
	}
	if u := body.Get("users"); u.Exists() && !u.IsObject() {
		return refuse("10.3", "users is not an object")
	}
	if c.s.Get("m.room.power_levels", "") == nil {
		return nil // 10.5
	}
	return c.changes(next)
}

// changes are rules 10.6 to 10.10: nobody takes or gives what is above them.
func (c *checker) changes(next *PowerLevels) error {
	old, mine := c.levels, c.levels.User(c.e.From())
	for _, f := range []struct {
		key      string
		old, new int64
	}{{"users_default", old.usersDefault, next.usersDefault}, {"events_default", old.eventsDefault, next.eventsDefault},
		{"state_default", old.stateDefault, next.stateDefault}, {"ban", old.ban, next.ban}, {"redact", old.redact, next.redact},
		{"kick", old.kick, next.kick}, {"invite", old.invite, next.invite}} { // 10.6
		if f.old != f.new && (f.old > mine || f.new > mine) {
			return refuse("10.6", "the sender may not change %s", f.key)
		}
	}
	if err := changed("10.7", "events", old.events, next.events, mine); err != nil {
		return err
	}
	if c.rules.NotificationsAuth {
		if err := changed("10.8", "notifications", old.notifications, next.notifications, mine); err != nil {
			return err
		}
	}
	return c.userChanges(next, mine)
}

// changed: an entry that is added, changed or removed must be within reach before
// and after.
func changed(rule, what string, old, next map[string]int64, mine int64) error {
	for k, was := range old {
		now, still := next[k]
		if still && now == was {
			continue
		}
		if was > mine || still && now > mine {
			return refuse(rule, "the sender may not change %s of %s", what, k)
		}
	}
	for k, now := range next {
		if _, had := old[k]; !had && now > mine {
			return refuse(rule, "the sender may not set %s of %s", what, k)
		}
	}
	return nil
}

// userChanges are rules 10.9 and 10.10: the levels of users. Somebody of the same
// level is out of reach, oneself excepted.
func (c *checker) userChanges(next *PowerLevels, mine int64) error {
	for u, was := range c.levels.users {
		now, still := next.users[u]
		if still && now == was {
			continue
		}
		if u != c.e.From() && was >= mine {
			return refuse("10.9", "the sender may not change the level of %s", u)
		}
		if still && now > mine {
			return refuse("10.10", "the sender may not give %s so high a level", u)
		}
	}
	for u, now := range next.users {
		if _, had := c.levels.users[u]; !had && now > mine {
			return refuse("10.10", "the sender may not give %s so high a level", u)
		}
	}
	return nil
}
