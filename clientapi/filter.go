package clientapi

import (
	"net/http"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/httpjson"
)

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
	filterID, err := nameParam(r, "filterID")
	if err != nil {
		return nil, err
	}
	raw, err := a.users.Filter(r.Context(), c.User, filterID)
	return httpjson.Raw(raw), err
}
