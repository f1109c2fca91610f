package clientapi

import "net/http"

type ruleList []map[string]any

func rule(ruleID string, enabled bool, actions []any, conditions ...any) map[string]any {
	if conditions == nil {
		conditions = []any{}
	}
	return map[string]any{"rule_id": ruleID, "default": true, "enabled": enabled, "actions": actions, "conditions": conditions}
}

func is(key, value string) map[string]any {
	return map[string]any{"kind": "event_property_is", "key": key, "value": value}
}

func match(key, pattern string) map[string]any {
	return map[string]any{"kind": "event_match", "key": key, "pattern": pattern}
}

var (
	quiet     = []any{}
	notify    = []any{"notify"}
	sound     = []any{"notify", map[string]any{"set_tweak": "sound", "value": "default"}}
	highlight = []any{"notify", map[string]any{"set_tweak": "highlight"}}
	loud      = []any{"notify", map[string]any{"set_tweak": "sound", "value": "default"}, map[string]any{"set_tweak": "highlight"}}
	ring      = []any{"notify", map[string]any{"set_tweak": "sound", "value": "ring"}}
)

// defaultRules are the server-default push rules of a user ("Predefined Rules",
// client-server API), in the order in which they are tried.
func defaultRules(user string) map[string]ruleList {
	inRoomOfTwo := map[string]any{"kind": "room_member_count", "is": "2"}
	return map[string]ruleList{
		"override": {
			rule(".m.rule.master", false, quiet),
			rule(".m.rule.suppress_notices", true, quiet, match("content.msgtype", "m.notice")),
			rule(".m.rule.invite_for_me", true, sound, match("type", "m.room.member"), match("content.membership", "invite"), match("state_key", user)),
			rule(".m.rule.member_event", true, quiet, match("type", "m.room.member")),
			rule(".m.rule.is_user_mention", true, loud, map[string]any{"kind": "event_property_contains", "key": `content.m\.mentions.user_ids`, "value": user}),
			rule(".m.rule.is_room_mention", true, highlight, map[string]any{"kind": "event_property_is", "key": `content.m\.mentions.room`, "value": true},
				map[string]any{"kind": "sender_notification_permission", "key": "room"}),
			rule(".m.rule.tombstone", true, highlight, match("type", "m.room.tombstone"), match("state_key", "")),
			rule(".m.rule.reaction", true, quiet, match("type", "m.reaction")),
			rule(".m.rule.room.server_acl", true, quiet, match("type", "m.room.server_acl"), match("state_key", "")),
			rule(".m.rule.suppress_edits", true, quiet, is(`content.m\.relates_to.rel_type`, "m.replace")),
		},
		"content": {},
		"room":    {},
		"sender":  {},
		"underride": {
			rule(".m.rule.call", true, ring, match("type", "m.call.invite")),
			rule(".m.rule.encrypted_room_one_to_one", true, sound, inRoomOfTwo, match("type", "m.room.encrypted")),
			rule(".m.rule.room_one_to_one", true, sound, inRoomOfTwo, match("type", "m.room.message")),
			rule(".m.rule.message", true, notify, match("type", "m.room.message")),
			rule(".m.rule.encrypted", true, notify, match("type", "m.room.encrypted")),
		},
	}
}

// GET /_matrix/client/v3/pushrules/
func (a *API) pushRules(_ *http.Request, c caller) (any, error) {
	return map[string]any{"global": defaultRules(c.User)}, nil
}

// GET /_matrix/client/v3/pushrules/global/
func (a *API) pushRulesGlobal(_ *http.Request, c caller) (any, error) {
	return defaultRules(c.User), nil
}
