package userserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/storage"
)

// KeyClaim is the answer of POST /keys/claim: user → device → "<algorithm>:<id>" →
// key.
type KeyClaim struct {
	Keys     map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
	Failures map[string]any                                   `json:"failures"`
}

// ClaimKeys takes one key for each device asked for: the oldest one-time key, else
// the fallback key. The transaction sees to it that no key is given out twice.
func (s *Server) ClaimKeys(ctx context.Context, want map[string]map[string]string) (KeyClaim, error) {
	var c KeyClaim
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		c = KeyClaim{Keys: map[string]map[string]map[string]json.RawMessage{}, Failures: map[string]any{}}
		for user, devices := range want {
			if server := id.ServerOf(user); server != s.name {
				c.Failures[server] = map[string]any{}
				continue
			}
			for device, algorithm := range devices {
				k, err := tx.TakeOneTimeKey(user, device, algorithm)
				if errors.Is(err, storage.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				if c.Keys[user] == nil {
					c.Keys[user] = map[string]map[string]json.RawMessage{}
				}
				c.Keys[user][device] = map[string]json.RawMessage{k.Algorithm + ":" + k.ID: k.JSON}
			}
		}
		return nil
	})
	return c, err
}
