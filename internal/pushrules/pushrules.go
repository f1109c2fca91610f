// Package pushrules knows the push rules of a user: the predefined ones, and what the
// user changed of them ("Push Rules", client-server API). It holds the order in which
// rules are tried and the checks of a new rule.
//
// It applies a user's rules to an event, for a whole room at once where that is
// possible. It stores nothing, and does not know who is in a room.
package pushrules

import (
	"encoding/json"
	"slices"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

// Kind is a kind of rule.
type Kind string

// The kinds, in the order in which they are tried.
const (
	Override  Kind = "override"
	Content   Kind = "content"
	Room      Kind = "room"
	Sender    Kind = "sender"
	Underride Kind = "underride"
)

// Kinds are all kinds in their order.
var Kinds = []Kind{Override, Content, Room, Sender, Underride}

// Conditional reports whether rules of the kind have conditions.
func (k Kind) Conditional() bool { return k == Override || k == Underride }

// Rule is a push rule as clients read it.
type Rule struct {
	ID      string            `json:"rule_id"`
	Default bool              `json:"default"`
	Enabled bool              `json:"enabled"`
	Actions []json.RawMessage `json:"actions"`
	// Conditions are of override and underride rules only.
	Conditions []json.RawMessage `json:"conditions,omitzero"`
	// Pattern is of content rules only.
	Pattern string `json:"pattern,omitempty"`
}

// Ruleset is a user's rules of each kind, the most important first.
type Ruleset map[Kind][]Rule

// Find is a rule of the set.
func (s Ruleset) Find(k Kind, ruleID string) (Rule, error) {
	i := slices.IndexFunc(s[k], func(r Rule) bool { return r.ID == ruleID })
	if i < 0 {
		return Rule{}, errNoRule
	}
	return s[k][i], nil
}

var errNoRule = matrixerr.NotFound("There is no such push rule")

// Changes is what a user changed: rules of their own, and settings of predefined
// ones. Its zero value is no change.
type Changes struct {
	Own      map[Kind][]Rule              `json:"own,omitempty"`
	Enabled  map[string]bool              `json:"enabled,omitempty"` // of predefined rules
	Replaced map[string][]json.RawMessage `json:"actions,omitempty"`

	// bodyMentions: the predefined rules look for names in the body of messages, as
	// they did before version 1.17 of the specification.
	bodyMentions bool
}

// Parse reads stored changes; nothing is no change. With bodyMentions the predefined
// rules have those that were removed in version 1.17, which look for the user's name
// in the body of messages.
func Parse(raw []byte, bodyMentions bool) (c Changes, err error) {
	c.bodyMentions = bodyMentions
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &c)
	}
	return c, err
}

// Effective is all the rules of a user. The user's own rules come before the
// predefined ones, except .m.rule.master, which comes before everything
// ("Predefined Rules").
func (c Changes) Effective(user string) Ruleset {
	out := Ruleset{}
	for _, k := range Kinds {
		list := []Rule{}
		own := c.Own[k]
		for _, r := range c.predefined(k, user) {
			if on, ok := c.Enabled[r.ID]; ok {
				r.Enabled = on
			}
			if actions, ok := c.Replaced[r.ID]; ok {
				r.Actions = actions
			}
			if r.ID != master && own != nil {
				list, own = append(list, own...), nil
			}
			list = append(list, r)
		}
		out[k] = append(list, own...)
	}
	return out
}
