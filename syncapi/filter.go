package syncapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// filters are filters as they were parsed: a client sends the same one with every
// request. Those that were uploaded never change.
type filters struct {
	mu     sync.Mutex
	parsed map[string]*filter.Sync // by the text, or by user and id
}

// Bounds of what is kept.
const (
	maxFilters    = 4096
	maxFilterText = 4096 // bytes of one that is not uploaded
)

func newFilters() *filters { return &filters{parsed: map[string]*filter.Sync{}} }

func (f *filters) get(key string) *filter.Sync {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parsed[key]
}

func (f *filters) put(key string, s *filter.Sync) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.parsed) >= maxFilters {
		clear(f.parsed)
	}
	f.parsed[key] = s
}

// filterOf is the filter of a request: none, a JSON object, or the id of one that
// was uploaded.
func (a *API) filterOf(ctx context.Context, user, s string) (*filter.Sync, error) {
	if s == "" {
		s = "{}"
	}
	key := s
	if !strings.HasPrefix(s, "{") {
		key = user + "\x00" + s
	}
	if f := a.filters.get(key); f != nil {
		return f, nil
	}
	raw := []byte(s)
	if key != s {
		var err error
		if raw, err = a.uploaded(ctx, user, s); err != nil {
			return nil, err
		}
	}
	f, err := filter.ParseSync(raw)
	if err == nil && (key != s || len(s) <= maxFilterText) {
		a.filters.put(key, f)
	}
	return f, err
}

// uploaded is a filter of the user's by its id.
func (a *API) uploaded(ctx context.Context, user, filterID string) ([]byte, error) {
	var raw json.RawMessage
	err := a.read(ctx, func(tx *storage.ReadTx) (err error) {
		raw, err = tx.Filter(user, filterID)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, matrixerr.InvalidParam("No such filter")
	}
	return raw, err
}
