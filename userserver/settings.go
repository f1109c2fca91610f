package userserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoSetting = matrixerr.NotFound("There is no such account data")

// AccountData is a setting of the user; room "" is of no room. The push rules are
// one of them to read.
func (s *Server) AccountData(ctx context.Context, user, room, kind string) (content json.RawMessage, err error) {
	if kind == pushRulesType && room == "" {
		return s.pushRulesContent(ctx, user)
	}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		content, err = tx.AccountData(user, room, kind)
		return notFoundAs(err, errNoSetting)
	})
	return content, err
}

// AccountDataSince are the user's settings of no room that changed between two
// positions, with the push rules when they changed. All of them are told when the
// client knows nothing yet; after is 0 then.
func (s *Server) AccountDataSince(tx *storage.ReadTx, user string, initial bool, after, upto int64) ([]storage.Setting, error) {
	list, err := tx.AccountDataSince(user, after, upto)
	if err != nil {
		return nil, err
	}
	changes, pos, err := tx.PushRules(user)
	if err != nil || !initial && (pos <= after || pos > upto) {
		return list, err
	}
	content, err := s.pushRulesJSON(user, changes)
	return append(list, storage.Setting{Type: pushRulesType, Content: content, Pos: pos}), err
}

// SetAccountData sets a setting, an object.
func (s *Server) SetAccountData(ctx context.Context, user, room, kind string, content json.RawMessage) error {
	return s.write(ctx, func(tx *storage.Tx) error { return tx.PutAccountData(user, room, kind, content) })
}

// DeleteAccountData removes a setting; other clients hear of it as of an empty one
// (MSC3391). One that is not there is no error.
func (s *Server) DeleteAccountData(ctx context.Context, user, room, kind string) error {
	return s.write(ctx, func(tx *storage.Tx) error { return notFoundAs(tx.DeleteAccountData(user, room, kind), nil) })
}

// ChangeAccountData replaces a setting by what change makes of it, in one step;
// change gets {} when there is none, and nothing is written when it fails.
func (s *Server) ChangeAccountData(ctx context.Context, user, room, kind string, change func(old json.RawMessage) (json.RawMessage, error)) error {
	return s.write(ctx, func(tx *storage.Tx) error {
		old, err := tx.AccountData(user, room, kind)
		if errors.Is(err, storage.ErrNotFound) {
			old, err = json.RawMessage("{}"), nil
		}
		if err != nil {
			return err
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
	return filterID, s.write(ctx, func(tx *storage.Tx) error { return tx.PutFilter(user, filterID, canonical) })
}

// Filter is a filter that the user stored.
func (s *Server) Filter(ctx context.Context, user, filterID string) (raw json.RawMessage, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		raw, err = tx.Filter(user, filterID)
		return notFoundAs(err, matrixerr.NotFound("There is no such filter"))
	})
	return raw, err
}
