package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/userserver"
)

// POST /_matrix/client/v3/keys/upload
func (a *API) keysUpload(r *http.Request, c caller) (any, error) {
	var b userserver.KeyUpload
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	counts, err := a.users.UploadKeys(r.Context(), c.Session, b)
	return map[string]any{"one_time_key_counts": counts}, err
}

// POST /_matrix/client/v3/keys/query
func (a *API) keysQuery(r *http.Request, c caller) (any, error) {
	var b struct {
		Keys map[string][]string `json:"device_keys"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if err := a.limit(a.keyQueries, c.User); err != nil {
		return nil, err
	}
	for user := range b.Keys {
		if !id.IsUser(user) {
			return nil, matrixerr.InvalidParam("device_keys names something that is not a user id")
		}
	}
	return a.users.QueryKeys(r.Context(), c.User, b.Keys)
}

// POST /_matrix/client/v3/keys/claim
func (a *API) keysClaim(r *http.Request, c caller) (any, error) {
	var b struct {
		Keys map[string]map[string]string `json:"one_time_keys"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if err := a.limit(a.keyQueries, c.User); err != nil {
		return nil, err
	}
	for user := range b.Keys {
		if !id.IsUser(user) {
			return nil, matrixerr.InvalidParam("one_time_keys names something that is not a user id")
		}
	}
	return a.users.ClaimKeys(r.Context(), b.Keys)
}

// GET /_matrix/client/v3/keys/changes
func (a *API) keysChanges(r *http.Request, c caller) (any, error) {
	var pos [2]int64
	for i, name := range []string{"from", "to"} {
		s := r.URL.Query().Get(name)
		if s == "" {
			return nil, matrixerr.MissingParam(name + " is missing")
		}
		t, err := token.Parse(s)
		if err != nil || t.IsPage() {
			return nil, matrixerr.InvalidParam(name + " is not a token of /sync")
		}
		pos[i] = t.Pos
	}
	changed, left, err := a.users.DeviceListChanges(r.Context(), c.User, pos[0], pos[1])
	return map[string]any{"changed": changed, "left": left}, err
}

// PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}
func (a *API) sendToDevice(r *http.Request, c caller) (any, error) {
	var b struct {
		Messages map[string]map[string]json.RawMessage `json:"messages"`
	}
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	if b.Messages == nil {
		return nil, matrixerr.MissingParam("messages is missing")
	}
	return httpjson.Empty{}, a.users.SendToDevice(r.Context(), c.Session, param(r, "type"), param(r, "txnID"), b.Messages)
}

// POST /_matrix/client/v3/keys/device_signing/upload
func (a *API) deviceSigningUpload(r *http.Request, c caller) (any, error) {
	var b userserver.CrossSigningUpload
	auth, rest, err := authBody(r, &b)
	if err != nil {
		return nil, err
	}
	replaces, err := a.users.CrossSigningReplaces(r.Context(), c.User, b)
	if err != nil {
		return nil, err
	}
	if replaces {
		if err := a.confirm(r, c, "keys/device_signing/upload", auth, rest); err != nil {
			return nil, err
		}
	}
	return httpjson.Empty{}, a.users.UploadCrossSigning(r.Context(), c.User, b)
}

// POST /_matrix/client/v3/keys/signatures/upload
func (a *API) signaturesUpload(r *http.Request, c caller) (any, error) {
	var b map[string]map[string]json.RawMessage
	if err := httpjson.Decode(r, &b); err != nil {
		return nil, err
	}
	failures, err := a.users.UploadSignatures(r.Context(), c.Session, b)
	return map[string]any{"failures": failures}, err
}
