package authrules

import (
	"github.com/chancery-im/chancery/internal/id"
)

// powerLevels is rule 10: who may change power levels, and to what.
func (c *checker) powerLevels() error {
	next, err := ParsePowerLevels(c.e, c.create) // 10.1, 10.2 and 10.3
	if err != nil {
		return err
	}
	for user := range next.users {
		if !id.IsUser(user) { // 10.3
			return c.refuse("10.3", "users holds something that is not a user id")
		}
		if next.creators[user] { // 10.4, from version 12 on
			return c.refuse("10.4", "a creator is listed in users")
		}
	}
	if c.s.Get("m.room.power_levels", "") == nil {
		return nil // 10.5
	}
	return c.changes(next)
}

// changes are rules 10.6 to 10.10: nobody takes or gives what is above them.
func (c *checker) changes(next *PowerLevels) error {
	old, mine := c.levels, c.levels.User(c.e.From())
	for i, key := range singleNames { // 10.6
		if old.said[i] == next.said[i] && old.single[i] == next.single[i] {
			continue
		}
		// Of one that is added or removed, its default is the value before or
		// after.
		if old.single[i] > mine {
			return c.refuse("10.6.1", "the sender may not change %s", key)
		}
		if next.single[i] > mine {
			return c.refuse("10.6.2", "the sender may not set %s so high", key)
		}
	}
	if err := c.entries("events", old.events, next.events, mine); err != nil {
		return err
	}
	if c.rules.NotificationsAuth { // from version 6 on
		if err := c.entries("notifications", old.notifications, next.notifications, mine); err != nil {
			return err
		}
	}
	return c.users(next, mine)
}

// entries are rules 10.7 and 10.8: an entry that is added, changed or removed must
// be within reach before and after.
func (c *checker) entries(what string, old, next map[string]int64, mine int64) error {
	for k, was := range old {
		if now, still := next[k]; (!still || now != was) && was > mine {
			return c.refuse("10.7.1", "the sender may not change %s of %s", what, k)
		}
	}
	for k, now := range next {
		if was, had := old[k]; (!had || now != was) && now > mine {
			return c.refuse("10.8.1", "the sender may not set %s of %s so high", what, k)
		}
	}
	return nil
}

// users are rules 10.9 and 10.10: the levels of users. Somebody of the same level
// is out of reach, oneself excepted.
func (c *checker) users(next *PowerLevels, mine int64) error {
	for u, was := range c.levels.users {
		if now, still := next.users[u]; (!still || now != was) && u != c.e.From() && was >= mine {
			return c.refuse("10.9.1", "the sender may not change the level of %s", u)
		}
	}
	for u, now := range next.users {
		if was, had := c.levels.users[u]; (!had || now != was) && now > mine {
			return c.refuse("10.10.1", "the sender may not give %s so high a level", u)
		}
	}
	return nil
}
