package clientapi

import (
	"strings"
	"testing"
)

func (s said) ruleIDs(kind string) string {
	s.d.Helper()
	var ids []string
	for _, r := range s.body[kind].([]any) {
		ids = append(ids, r.(map[string]any)["rule_id"].(string))
	}
	return strings.Join(ids, " ")
}

func TestPushRulesAreMadeOrderedAndChanged(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		const rules = "/pushrules/global/"
		d.call(alice, "PUT", rules+"content/cake", m{"pattern": "cake*lie", "actions": []any{"notify", "dont_notify"}}).ok()
		d.call(alice, "GET", rules+"content/cake", nil).ok().is(`{"rule_id":"cake","default":false,"enabled":true,"pattern":"cake*lie","actions":["notify","dont_notify"]}`)
		for _, name := range []string{"a", "b", "c"} {
			d.call(alice, "PUT", rules+"override/"+name, m{"conditions": []any{m{"kind": "event_match", "key": "type", "pattern": "x"}}, "actions": []any{}}).ok()
		}
		order := func() string { return d.call(alice, "GET", rules, nil).ok().ruleIDs("override") }
		if got := order(); !strings.HasPrefix(got, ".m.rule.master c b a .m.rule.suppress_notices") {
			d.Error(got)
		}
		d.call(alice, "PUT", rules+"override/d?after=b", m{"actions": []any{}}).ok()
		d.call(alice, "PUT", rules+"override/c?before=a", m{"actions": []any{}}).ok()
		if got := order(); !strings.HasPrefix(got, ".m.rule.master b d c a .m.rule.suppress_notices") {
			d.Error(got)
		}
		d.call(alice, "PUT", rules+"override/x?before=none", m{"actions": []any{}}).no(400, "M_UNKNOWN")

		d.call(alice, "PUT", rules+"override/.m.rule.master/enabled", m{"enabled": true}).ok()
		d.call(alice, "GET", rules+"override/.m.rule.master/enabled", nil).ok().is(`{"enabled":true}`)
		d.call(alice, "PUT", rules+"underride/.m.rule.message/actions", m{"actions": []any{m{"set_tweak": "highlight"}}}).ok()
		d.call(alice, "GET", rules+"underride/.m.rule.message/actions", nil).ok().is(`{"actions":[{"set_tweak":"highlight"}]}`)
		d.call(alice, "PUT", rules+"override/a/enabled", m{"enabled": false}).ok()
		d.call(alice, "PUT", rules+"override/a", m{"actions": []any{"notify"}}).ok()
		d.call(alice, "GET", rules+"override/a/enabled", nil).ok().is(`{"enabled":false}`)
		d.call(alice, "DELETE", rules+"override/a", nil).ok()
		d.call(alice, "DELETE", rules+"override/a", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "DELETE", rules+"override/.m.rule.master", nil).no(400, "M_INVALID_PARAM")
		if d.call(d.register("bob"), "GET", "/pushrules", nil).ok().body["global"] == nil {
			d.Error("bob has no rules")
		}
	})
}

func TestBadPushRules(t *testing.T) {
	eachDoor(t, func(d *door) {
		alice := d.register("alice")
		const rules = "/pushrules/global/"
		for path, want := range map[string]struct{ body, code string }{
			"override/a":               {`{}`, "M_MISSING_PARAM"},
			"override/b":               {`{"actions":"notify"}`, "M_BAD_JSON"},
			"override/c":               {`{"actions":["explode"]}`, "M_INVALID_PARAM"},
			"override/d":               {`{"actions":[{"value":1}]}`, "M_INVALID_PARAM"},
			"override/e":               {`{"actions":[],"conditions":[7]}`, "M_INVALID_PARAM"},
			"content/f":                {`{"actions":[]}`, "M_MISSING_PARAM"},
			"override/.g":              {`{"actions":[]}`, "M_INVALID_PARAM"},
			"override/%00":             {`{"actions":[]}`, "M_INVALID_PARAM"},
			"sideways/h":               {`{"actions":[]}`, "M_INVALID_PARAM"},
			"override/a/enabled":       {`{}`, "M_MISSING_PARAM"},
			"override/a/actions":       {`{}`, "M_MISSING_PARAM"},
			"override/.m.rule.master2": {`{"actions":[]}`, "M_INVALID_PARAM"},
		} {
			d.call(alice, "PUT", rules+path, want.body).no(400, want.code)
		}
		d.call(alice, "PUT", rules+"override/none/enabled", m{"enabled": true}).no(404, "M_NOT_FOUND")
		d.call(alice, "GET", rules+"override/none", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "GET", rules+"sideways/none", nil).no(404, "M_NOT_FOUND")
		d.call(alice, "PUT", rules+"sideways/none", `{"actions":[]}`).no(400, "M_INVALID_PARAM")
	})
}
