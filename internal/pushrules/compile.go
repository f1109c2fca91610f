package pushrules

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Compiled is a user's rules, ready to be applied to events. It is safe for concurrent
// use.
type Compiled struct {
	rules []compiledRule
	user  string
}

// compiledRule is an enabled rule whose conditions can all be met.
type compiledRule struct {
	kind    Kind
	id      string
	conds   []condition
	outcome Outcome
	// bodyMention: it looks for a mention in the body, which counts only when the
	// event does not say whom it mentions.
	bodyMention bool
}

// Outcome is what the first matching rule says of an event. Its zero value is that
// nothing happens.
type Outcome struct {
	Notify    bool
	Highlight bool
	// Sound is the value of the sound tweak, "" without.
	Sound string
	// Actions are the rule's actions as they are stored.
	Actions []json.RawMessage
	// Rule is the id of the rule.
	Rule string
}

// condition is one condition of a rule.
type condition interface {
	holds(f *Facts, c *Compiled) bool
}

// Compile prepares the rules of a user. Rules that are disabled or have a condition
// that is not known never match, and are left out.
func Compile(user string, set Ruleset) *Compiled {
	c := &Compiled{user: user}
	for _, k := range Kinds {
		for _, r := range set[k] {
			if !r.Enabled {
				continue
			}
			if conds, ok := c.conditionsOf(k, r); ok {
				c.rules = append(c.rules, compiledRule{k, r.ID, conds, outcomeOf(r), isBodyMention(r)})
			}
		}
	}
	return c
}

func outcomeOf(r Rule) Outcome {
	o := Outcome{Actions: r.Actions, Rule: r.ID}
	for _, raw := range r.Actions {
		a := gjson.ParseBytes(raw)
		switch {
		case a.Type == gjson.String && a.Str == "notify":
			o.Notify = true
		case a.Get("set_tweak").Str == "highlight":
			v := a.Get("value")
			o.Highlight = !v.Exists() || v.Type == gjson.True
		case a.Get("set_tweak").Str == "sound":
			o.Sound = a.Get("value").Str
		}
	}
	o.Highlight = o.Highlight && o.Notify
	return o
}

func (c *Compiled) conditionsOf(k Kind, r Rule) ([]condition, bool) {
	switch k {
	case Content:
		return []condition{words{newPattern(r.Pattern, true)}}, true
	case Room:
		return []condition{equals{roomID, r.ID}}, true
	case Sender:
		return []condition{equals{sender, r.ID}}, true
	}
	var out []condition
	for _, raw := range r.Conditions {
		cond := c.condition(gjson.ParseBytes(raw))
		if cond == nil {
			return nil, false
		}
		out = append(out, cond)
	}
	return out, true
}

// condition reads one condition; nil is one that never holds.
func (c *Compiled) condition(v gjson.Result) condition {
	key := v.Get("key").Str
	value := v.Get("value")
	switch v.Get("kind").Str {
	case "event_match":
		if p := v.Get("pattern"); p.Type == gjson.String && key != "" {
			if key == "content.body" {
				return words{newPattern(p.Str, true)}
			}
			return matches{propertyOf(key), newPattern(p.Str, false)}
		}
	case "event_property_is":
		if key != "" && simple(value) {
			return is{propertyOf(key), value}
		}
	case "event_property_contains":
		if key != "" && simple(value) {
			return contains{propertyOf(key), value}
		}
	case "contains_display_name":
		return displayName{}
	case "room_member_count":
		return newMemberCount(v.Get("is").Str)
	case "sender_notification_permission":
		if key != "" {
			return permission{key}
		}
	}
	return nil
}

// simple: the values that properties are compared with.
func simple(v gjson.Result) bool {
	switch v.Type {
	case gjson.String, gjson.True, gjson.False:
		return true
	case gjson.Number:
		return !strings.ContainsAny(v.Raw, ".eE")
	case gjson.Null:
		return v.Raw == "null"
	}
	return false
}

// Mode is how a user's rules for a room differ from the predefined ones as a whole,
// so that messages need no row for each member who wants none of them.
type Mode int

const (
	// Normal: messages notify.
	Normal Mode = iota
	// Quiet: messages do not notify by themselves; what concerns everybody, or the
	// user, does.
	Quiet
	// Mute: nothing notifies.
	Mute
)

// ModeOf is the mode of a user in a room. It depends on nothing but the rules and the
// room, so that what was stored under a mode can be read under it.
func (c *Compiled) ModeOf(room string) Mode {
	loud := false
	for _, r := range c.rules {
		if c.covers(r, room) {
			if r.kind == Override && !r.outcome.Notify {
				return Mute
			}
			loud = r.outcome.Notify
			break
		}
		// What the predefined rules say of a plain message, encrypted or not.
		if r.id == ".m.rule.message" || r.id == ".m.rule.encrypted" {
			loud = loud || r.outcome.Notify
		}
	}
	if loud {
		return Normal
	}
	return Quiet
}

// covers: the rule takes everything that happens in the room.
func (c *Compiled) covers(r compiledRule, room string) bool {
	return !slices.ContainsFunc(r.conds, func(cond condition) bool {
		switch cond := cond.(type) {
		case equals:
			return cond.at.n != roomID.n || cond.value != room
		case matches:
			return cond.at.n != roomID.n || !cond.p.matchesAll(strings.ToLower(room))
		}
		return true
	})
}
