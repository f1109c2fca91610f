package clientapi

import (
	"encoding/json"
	"net/http"

	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

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
	t := tags{map[string]json.RawMessage{}}
	raw, err := a.users.AccountData(r.Context(), c.User, room, "m.tag")
	if matrixerr.Is(err, "M_NOT_FOUND") {
		return t, nil
	}
	if err == nil && json.Unmarshal(raw, &t) != nil {
		err = matrixerr.NotFound("The tags of this room are not readable") // a client wrote m.tag itself
	}
	return t, err
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
	return a.changeTags(r, c, func(t *tags, tag string) { t.Tags[tag] = raw })
}

// DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}
func (a *API) deleteTag(r *http.Request, c caller) (any, error) {
	return a.changeTags(r, c, func(t *tags, tag string) { delete(t.Tags, tag) })
}

// maxTags is how many tags a user gives one room at most.
const maxTags = 100

func (a *API) changeTags(r *http.Request, c caller, change func(t *tags, tag string)) (any, error) {
	room, err := ownRoom(r, c)
	if err != nil {
		return nil, err
	}
	tag, err := nameParam(r, "tag")
	if err != nil {
		return nil, err
	}
	return httpjson.Empty{}, a.users.ChangeAccountData(r.Context(), c.User, room, "m.tag", func(old json.RawMessage) (json.RawMessage, error) {
		var t tags
		_ = json.Unmarshal(old, &t)
		if t.Tags == nil {
			t.Tags = map[string]json.RawMessage{}
		}
		if change(&t, tag); len(t.Tags) > maxTags {
			return nil, matrixerr.New(http.StatusBadRequest, "M_TOO_LARGE", "The room has too many tags")
		}
		return json.Marshal(t)
	})
}
