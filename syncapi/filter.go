package syncapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// filterOf is the filter of a request: none, a JSON object, or the id of one that
// was uploaded.
func (a *API) filterOf(ctx context.Context, user, s string) (*filter.Sync, error) {
	if s == "" {
		return filter.ParseSync([]byte("{}"))
	}
	if strings.HasPrefix(s, "{") {
		return filter.ParseSync([]byte(s))
	}
	var raw json.RawMessage
	err := a.read(ctx, func(tx *storage.ReadTx) (err error) {
		raw, err = tx.Filter(user, s)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, matrixerr.InvalidParam("No such filter")
	}
	if err != nil {
		return nil, err
	}
	return filter.ParseSync(raw)
}
