package userserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoSetting = matrixerr.NotFound("There is no such account data")

// AccountData is a setting of the user; room "" is of no room.
func (s *Server) AccountData(ctx context.Context, user, room, kind string) (content json.RawMessage, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		content, err = tx.AccountData(user, room, kind)
		return notFoundAs(err, errNoSetting)
	})
	if err == nil && string(content) == "{}" && kind != "m.direct" {
		// An empty setting is a deleted one (MSC3391), which clients have yet to see.
		return content, nil
	}
	return content, err
}

// SetAccountData sets a setting, an object.
func (s *Server) SetAccountData(ctx context.Context, user, room, kind string, content json.RawMessage) error {
	if len(kind) > 255 {
		return matrixerr.TooLarge("The type is too long")
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error { return tx.PutAccountData(user, room, kind, content) })
}

// ChangeAccountData replaces a setting by what change makes of it, in one step;
// change gets {} when there is none, and nothing is written when it fails.
func (s *Server) ChangeAccountData(ctx context.Context, user, room, kind string, change func(old json.RawMessage) (json.RawMessage, error)) error {
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		old, err := tx.AccountData(user, room, kind)
		if notFoundAs(err, nil) != nil {
			return err
		}
		if err != nil {
			old = json.RawMessage("{}")
		}
		next, err := change(old)
		if err != nil {
			return err
		}
		return tx.PutAccountData(user, room, kind, next)
	})
}

// PutFilter stores a filter and returns its id, which follows from its content.
func (s *Server) PutFilter(ctx context.Context, user string, raw json.RawMessage) (string, error) {
	canonical, err := canonicaljson.Append(nil, raw, false)
	if err != nil {
		return "", matrixerr.BadJSON("The filter is unusable: " + err.Error())
	}
	sum := sha256.Sum256(canonical)
	filterID := base64.RawURLEncoding.EncodeToString(sum[:12])
	return filterID, s.db.Write(ctx, func(tx *storage.Tx) error { return tx.PutFilter(user, filterID, canonical) })
}

// Filter is a filter that the user stored.
func (s *Server) Filter(ctx context.Context, user, filterID string) (raw json.RawMessage, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		raw, err = tx.Filter(user, filterID)
		return notFoundAs(err, matrixerr.NotFound("There is no such filter"))
	})
	return raw, err
}
