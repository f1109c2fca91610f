package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// ownRoom is the room of a path under the caller's own /user; "" when there is none.
func ownRoom(r *http.Request, c caller) (string, error) {
	if err := userParam(r, c); err != nil {
		return "", err
	}
	room := param(r, "roomID")
	if room != "" && !id.IsRoom(room) {
		return "", matrixerr.InvalidParam("Not a room id")
	}
	return room, nil
}

// GET /_matrix/client/v3/user/{userId}/account_data/{type}, and under rooms/{roomId}
func (a *API) getAccountData(r *http.Request, c caller) (any, error) {
	room, err := ownRoom(r, c)
	if err != nil {
		return nil, err
	}
	raw, err := a.users.AccountData(r.Context(), c.User, room, param(r, "type"))
	return httpjson.Raw(raw), err
}

// PUT /_matrix/client/v3/user/{userId}/account_data/{type}, and under rooms/{roomId}
func (a *API) putAccountData(r *http.Request, c caller) (any, error) {
	room, err := ownRoom(r, c)
	if err != nil {
		return nil, err
	}
	kind := param(r, "type")
	if kind == "m.fully_read" || kind == "m.push_rules" {
		return nil, matrixerr.New(http.StatusMethodNotAllowed, "M_BAD_JSON", kind+" has endpoints of its own")
	}
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.SetAccountData(r.Context(), c.User, room, kind, raw)
}

// tags is the content of m.tag.
type tags struct {
	Tags map[string]json.RawMessage `json:"tags"`
}

// GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags
func (a *API) getTags(r *http.Request, c caller) (any, error) {
	room, err := ownRoom(r, c)
	if err != nil {
		return nil, err
	}
	raw, err := a.users.AccountData(r.Context(), c.User, room, "m.tag")
	if matrixerr.Is(err, "M_NOT_FOUND") || err == nil && string(raw) == "{}" {
		return tags{map[string]json.RawMessage{}}, nil
	}
	return httpjson.Raw(raw), err
}

// PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}
func (a *API) putTag(r *http.Request, c caller) (any, error) {
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	var b struct {
		Order *float64 `json:"order"`
	}
	if err := httpjson.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	return a.changeTags(r, c, func(t *tags) { t.Tags[param(r, "tag")] = raw })
}

// DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}
func (a *API) deleteTag(r *http.Request, c caller) (any, error) {
	return a.changeTags(r, c, func(t *tags) { delete(t.Tags, param(r, "tag")) })
}

func (a *API) changeTags(r *http.Request, c caller, change func(*tags)) (any, error) {
	room, err := ownRoom(r, c)
	if err != nil {
		return nil, err
	}
	if len(param(r, "tag")) > 255 {
		return nil, matrixerr.InvalidParam("The tag is too long")
	}
	return httpjson.Empty{}, a.users.ChangeAccountData(r.Context(), c.User, room, "m.tag", func(old json.RawMessage) (json.RawMessage, error) {
		var t tags
		_ = json.Unmarshal(old, &t)
		if t.Tags == nil {
			t.Tags = map[string]json.RawMessage{}
		}
		change(&t)
		return json.Marshal(t)
	})
}

// POST /_matrix/client/v3/user/{userId}/filter
func (a *API) putFilter(r *http.Request, c caller) (any, error) {
	if err := userParam(r, c); err != nil {
		return nil, err
	}
	raw, err := httpjson.Body(r)
	if err != nil {
		return nil, err
	}
	if _, err := filter.ParseSync(raw); err != nil {
		return nil, err
	}
	filterID, err := a.users.PutFilter(r.Context(), c.User, raw)
	return map[string]string{"filter_id": filterID}, err
}

// GET /_matrix/client/v3/user/{userId}/filter/{filterId}
func (a *API) getFilter(r *http.Request, c caller) (any, error) {
	if err := userParam(r, c); err != nil {
		return nil, err
	}
	raw, err := a.users.Filter(r.Context(), c.User, param(r, "filterID"))
	return httpjson.Raw(raw), err
}
