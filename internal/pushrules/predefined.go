package pushrules

import (
	"encoding/json"
	"slices"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/id"
)

const master = ".m.rule.master"

// actions of predefined rules.
const (
	none      = `[]`
	notify    = `["notify"]`
	sound     = `["notify",{"set_tweak":"sound","value":"default"}]`
	ring      = `["notify",{"set_tweak":"sound","value":"ring"}]`
	highlight = `["notify",{"set_tweak":"highlight"}]`
	loud      = `["notify",{"set_tweak":"sound","value":"default"},{"set_tweak":"highlight"}]`
)

// predefined are the server-default rules of a kind ("Predefined Rules").
func predefined(k Kind, user string) []Rule {
	switch k {
	case Override:
		me := string(canonicaljson.AppendString(nil, user))
		rules := []Rule{
			rule(master, none),
			rule(".m.rule.suppress_notices", none, match("content.msgtype", `"m.notice"`)),
			rule(".m.rule.invite_for_me", sound, match("type", `"m.room.member"`), match("content.membership", `"invite"`), match("state_key", me)),
			rule(".m.rule.member_event", none, match("type", `"m.room.member"`)),
			rule(".m.rule.is_user_mention", loud, `{"kind":"event_property_contains","key":"content.m\\.mentions.user_ids","value":`+me+`}`),
			rule(".m.rule.is_room_mention", highlight, `{"kind":"event_property_is","key":"content.m\\.mentions.room","value":true}`,
				`{"kind":"sender_notification_permission","key":"room"}`),
			rule(".m.rule.tombstone", highlight, match("type", `"m.room.tombstone"`), match("state_key", `""`)),
			rule(".m.rule.reaction", none, match("type", `"m.reaction"`)),
			rule(".m.rule.room.server_acl", none, match("type", `"m.room.server_acl"`), match("state_key", `""`)),
			rule(".m.rule.suppress_edits", none, `{"kind":"event_property_is","key":"content.m\\.relates_to.rel_type","value":"m.replace"}`),
		}
		rules[0].Enabled = false
		return rules
	case Underride:
		return underride
	}
	return nil
}

var underride = []Rule{
	rule(".m.rule.call", ring, match("type", `"m.call.invite"`)),
	rule(".m.rule.encrypted_room_one_to_one", sound, `{"kind":"room_member_count","is":"2"}`, match("type", `"m.room.encrypted"`)),
	rule(".m.rule.room_one_to_one", sound, `{"kind":"room_member_count","is":"2"}`, match("type", `"m.room.message"`)),
	rule(".m.rule.message", notify, match("type", `"m.room.message"`)),
	rule(".m.rule.encrypted", notify, match("type", `"m.room.encrypted"`)),
}

func rule(ruleID, actions string, conditions ...string) Rule {
	r := Rule{ID: ruleID, Default: true, Enabled: true, Conditions: []json.RawMessage{}}
	if err := json.Unmarshal([]byte(actions), &r.Actions); err != nil {
		panic(err)
	}
	for _, c := range conditions {
		r.Conditions = append(r.Conditions, json.RawMessage(c))
	}
	return r
}

func match(key, pattern string) string {
	return `{"kind":"event_match","key":"` + key + `","pattern":` + pattern + `}`
}

// The rules that version 1.17 removed.
const (
	containsDisplayName = ".m.rule.contains_display_name"
	containsUserName    = ".m.rule.contains_user_name"
	roomNotif           = ".m.rule.roomnotif"
)

func isBodyMention(r Rule) bool {
	return r.ID == containsDisplayName || r.ID == containsUserName || r.ID == roomNotif
}

// predefined are the server-default rules of a kind, with those for mentions in the
// body where the server has them.
func (c *Changes) predefined(k Kind, user string) []Rule {
	rules := predefined(k, user)
	if !c.bodyMentions {
		return rules
	}
	switch k {
	case Override:
		rules = insertAfter(rules, ".m.rule.is_user_mention", rule(containsDisplayName, loud, `{"kind":"contains_display_name"}`))
		return insertAfter(rules, ".m.rule.is_room_mention", rule(roomNotif, highlight, match("content.body", `"@room"`),
			`{"kind":"sender_notification_permission","key":"room"}`))
	case Content:
		r := rule(containsUserName, loud)
		r.Conditions, r.Pattern = nil, id.LocalpartOf(user)
		return append(rules, r)
	}
	return rules
}

func insertAfter(rules []Rule, ruleID string, r Rule) []Rule {
	return slices.Insert(rules, index(rules, ruleID)+1, r)
}

// isPredefined reports whether there is a server-default rule of this name.
func (c *Changes) isPredefined(k Kind, ruleID string) bool {
	return index(c.predefined(k, ""), ruleID) >= 0
}
