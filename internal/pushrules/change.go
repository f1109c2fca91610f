package pushrules

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// New is a rule as a client sends it.
type New struct {
	Actions    *[]json.RawMessage `json:"actions"`
	Conditions []json.RawMessage  `json:"conditions"`
	Pattern    *string            `json:"pattern"`
}

// MaxOwn is how many rules of their own a user has at most.
const MaxOwn = 2000

// CheckKind says whether there is such a kind of rule.
func CheckKind(k Kind) error {
	if !slices.Contains(Kinds, k) {
		return matrixerr.InvalidParam("There is no such kind of push rule")
	}
	return nil
}

// Put makes a rule, or changes it. before and after name rules next to which it is to
// stand; with neither, a new one is the most important, and an old one stays where it
// is. A changed rule stays enabled or disabled.
func (c *Changes) Put(k Kind, ruleID string, n New, before, after string) error {
	r, err := n.rule(k, ruleID)
	if err != nil {
		return err
	}
	list := slices.Clone(c.Own[k])
	at := 0
	if i := index(list, ruleID); i >= 0 {
		at, r.Enabled = i, list[i].Enabled
		list = slices.Delete(list, i, i+1)
	} else if c.count() >= MaxOwn {
		return matrixerr.New(400, "M_TOO_LARGE", "There are too many push rules")
	}
	if at, err = place(list, at, before, after); err != nil {
		return err
	}
	if c.Own == nil {
		c.Own = map[Kind][]Rule{}
	}
	c.Own[k] = slices.Insert(list, at, r)
	return nil
}

func (c *Changes) count() (n int) {
	for list := range maps.Values(c.Own) {
		n += len(list)
	}
	return n
}

func index(list []Rule, ruleID string) int {
	return slices.IndexFunc(list, func(r Rule) bool { return r.ID == ruleID })
}

// place is where a rule goes: "If both after and before are provided, the new or
// updated rule must be the next most important rule with respect to the rule
// identified by before."
func place(list []Rule, at int, before, after string) (int, error) {
	next := before
	if next == "" {
		next = after
	}
	if next == "" {
		return at, nil
	}
	i := index(list, next)
	if i < 0 || after != "" && index(list, after) < 0 {
		return 0, matrixerr.New(400, "M_UNKNOWN", "The rule of before or after is not known")
	}
	if before == "" {
		i++
	}
	return i, nil
}

// rule checks a new rule.
func (n New) rule(k Kind, ruleID string) (Rule, error) {
	r := Rule{ID: ruleID, Enabled: true}
	switch {
	case !id.IsDevice(ruleID) || strings.HasPrefix(ruleID, "."):
		return r, matrixerr.InvalidParam("rule_id is not usable: names that begin with a dot are the server's")
	case n.Actions == nil:
		return r, matrixerr.MissingParam("actions is missing")
	case k == Content && n.Pattern == nil:
		return r, matrixerr.MissingParam("pattern is missing")
	case k == Content && len(*n.Pattern) > maxPattern:
		return r, matrixerr.InvalidParam("pattern is longer than 1024 bytes")
	}
	var err error
	if r.Actions, err = checkActions(*n.Actions); err != nil {
		return r, err
	}
	if k == Content {
		r.Pattern = *n.Pattern
	}
	if k.Conditional() {
		r.Conditions, err = checkConditions(n.Conditions)
	}
	return r, err
}

// checkActions keeps the historical actions for the client that reads them back; they
// mean nothing ("Historical Actions").
func checkActions(list []json.RawMessage) ([]json.RawMessage, error) {
	out := []json.RawMessage{}
	for _, raw := range list {
		var word string
		var tweak struct {
			Name string `json:"set_tweak"`
		}
		switch {
		case json.Unmarshal(raw, &word) == nil && (word == "notify" || word == "dont_notify" || word == "coalesce"):
			out = append(out, raw)
		case word == "" && json.Unmarshal(raw, &tweak) == nil && tweak.Name != "":
			out = append(out, raw)
		default:
			return nil, matrixerr.InvalidParam("There is an action that is not known")
		}
	}
	return out, nil
}

func checkConditions(list []json.RawMessage) ([]json.RawMessage, error) {
	for _, raw := range list {
		var c struct {
			Kind string `json:"kind"`
		}
		if json.Unmarshal(raw, &c) != nil || c.Kind == "" {
			return nil, matrixerr.InvalidParam("A condition is an object with a kind")
		}
	}
	return append([]json.RawMessage{}, list...), nil
}

// Delete removes a rule of the user.
func (c *Changes) Delete(k Kind, ruleID string) error {
	i := index(c.Own[k], ruleID)
	switch {
	case i >= 0:
		c.Own[k] = slices.Delete(slices.Clone(c.Own[k]), i, i+1)
		return nil
	case c.isPredefined(k, ruleID):
		return matrixerr.InvalidParam("Predefined rules cannot be deleted")
	}
	return errNoRule
}

// SetEnabled enables a rule or disables it.
func (c *Changes) SetEnabled(k Kind, ruleID string, enabled bool) error {
	if i := index(c.Own[k], ruleID); i >= 0 {
		c.Own[k][i].Enabled = enabled
		return nil
	}
	if !c.isPredefined(k, ruleID) {
		return errNoRule
	}
	if c.Enabled == nil {
		c.Enabled = map[string]bool{}
	}
	c.Enabled[ruleID] = enabled
	return nil
}

// SetActions sets what a rule does.
func (c *Changes) SetActions(k Kind, ruleID string, actions []json.RawMessage) error {
	list, err := checkActions(actions)
	if err != nil {
		return err
	}
	if i := index(c.Own[k], ruleID); i >= 0 {
		c.Own[k][i].Actions = list
		return nil
	}
	if !c.isPredefined(k, ruleID) {
		return errNoRule
	}
	if c.Replaced == nil {
		c.Replaced = map[string][]json.RawMessage{}
	}
	c.Replaced[ruleID] = list
	return nil
}

// CarryOver gives a room that replaces another the rules that the user had for the old
// one. It reports whether there were any.
func (c *Changes) CarryOver(from, to string) bool {
	some := false
	if i := index(c.Own[Room], from); i >= 0 && index(c.Own[Room], to) < 0 {
		r := c.Own[Room][i]
		r.ID = to
		c.Own[Room] = slices.Insert(slices.Clone(c.Own[Room]), i, r)
		some = true
	}
	var list []Rule
	for _, r := range c.Own[Override] {
		if n, ok := r.of(from, to); ok && index(c.Own[Override], n.ID) < 0 {
			list, some = append(list, n), true
		}
		list = append(list, r)
	}
	if some && list != nil {
		c.Own[Override] = list
	}
	return some
}

// of is the same rule for another room, if it is one for a single room: clients mute a
// room by an override rule with its id.
func (r Rule) of(from, to string) (Rule, bool) {
	found := r.ID == from
	conds := slices.Clone(r.Conditions)
	for i, raw := range conds {
		var c struct {
			Kind    string `json:"kind"`
			Key     string `json:"key"`
			Pattern string `json:"pattern"`
			Value   string `json:"value"`
		}
		if json.Unmarshal(raw, &c) != nil || c.Key != "room_id" {
			continue
		}
		switch {
		case c.Kind == "event_match" && c.Pattern == from:
			conds[i] = json.RawMessage(match("room_id", string(canonicaljson.AppendString(nil, to))))
		case c.Kind == "event_property_is" && c.Value == from:
			conds[i] = json.RawMessage(`{"kind":"event_property_is","key":"room_id","value":` + string(canonicaljson.AppendString(nil, to)) + `}`)
		default:
			continue
		}
		found = true
	}
	if !found {
		return r, false
	}
	if r.Conditions = conds; r.ID == from {
		r.ID = to
	} else {
		r.ID += " " + to
	}
	return r, true
}
