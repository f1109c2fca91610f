package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/pushrules"
)

// GET /_matrix/client/v3/pushrules/
func (a *API) pushRules(r *http.Request, c caller) (any, error) {
	rules, err := a.users.PushRules(r.Context(), c.User)
	return map[string]any{"global": rules}, err
}

// GET /_matrix/client/v3/pushrules/global/
func (a *API) pushRulesGlobal(r *http.Request, c caller) (any, error) {
	return a.users.PushRules(r.Context(), c.User)
}

// ruleParams are kind and id of the path's rule.
func ruleParams(r *http.Request) (pushrules.Kind, string, error) {
	kind := pushrules.Kind(param(r, "kind"))
	if err := pushrules.CheckKind(kind); err != nil {
		return "", "", err
	}
	ruleID, err := nameParam(r, "ruleID")
	return kind, ruleID, err
}

// rule is the path's rule.
func (a *API) rule(r *http.Request, c caller) (rule pushrules.Rule, err error) {
	kind, ruleID := pushrules.Kind(param(r, "kind")), param(r, "ruleID")
	rules, err := a.users.PushRules(r.Context(), c.User)
	if err != nil {
		return rule, err
	}
	return rules.Find(kind, ruleID)
}

// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
func (a *API) getPushRule(r *http.Request, c caller) (any, error) { return a.rule(r, c) }

// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled
func (a *API) getPushRuleEnabled(r *http.Request, c caller) (any, error) {
	rule, err := a.rule(r, c)
	return map[string]bool{"enabled": rule.Enabled}, err
}

// GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions
func (a *API) getPushRuleActions(r *http.Request, c caller) (any, error) {
	rule, err := a.rule(r, c)
	return map[string]any{"actions": rule.Actions}, err
}

// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
func (a *API) putPushRule(r *http.Request, c caller) (any, error) {
	var b pushrules.New
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	return a.changeRule(r, c, func(all *pushrules.Changes, kind pushrules.Kind, ruleID string) error {
		return all.Put(kind, ruleID, b, q.Get("before"), q.Get("after"))
	})
}

// DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}
func (a *API) deletePushRule(r *http.Request, c caller) (any, error) {
	return a.changeRule(r, c, (*pushrules.Changes).Delete)
}

// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled
func (a *API) putPushRuleEnabled(r *http.Request, c caller) (any, error) {
	var b struct {
		Enabled *bool `json:"enabled"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Enabled == nil {
		return nil, matrixerr.MissingParam("enabled is missing")
	}
	return a.changeRule(r, c, func(all *pushrules.Changes, kind pushrules.Kind, ruleID string) error {
		return all.SetEnabled(kind, ruleID, *b.Enabled)
	})
}

// PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions
func (a *API) putPushRuleActions(r *http.Request, c caller) (any, error) {
	var b struct {
		Actions *[]json.RawMessage `json:"actions"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Actions == nil {
		return nil, matrixerr.MissingParam("actions is missing")
	}
	return a.changeRule(r, c, func(all *pushrules.Changes, kind pushrules.Kind, ruleID string) error {
		return all.SetActions(kind, ruleID, *b.Actions)
	})
}

func (a *API) changeRule(r *http.Request, c caller, change func(*pushrules.Changes, pushrules.Kind, string) error) (any, error) {
	kind, ruleID, err := ruleParams(r)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.ChangePushRules(r.Context(), c.User, func(all *pushrules.Changes) error { return change(all, kind, ruleID) })
}
