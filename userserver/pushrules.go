package userserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// pushRulesType is the account data that shows the push rules.
const pushRulesType = "m.push_rules"

// PushRules are all push rules of a user.
func (s *Server) PushRules(ctx context.Context, user string) (pushrules.Ruleset, error) {
	var changes pushrules.Changes
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		changes, err = s.changesOf(tx, user)
		return err
	})
	return changes.Effective(user), err
}

// changesOf is what a user changed of the predefined rules.
func (s *Server) changesOf(tx *storage.ReadTx, user string) (pushrules.Changes, error) {
	raw, _, err := tx.PushRules(user)
	if err != nil {
		return pushrules.Changes{}, err
	}
	return pushrules.Parse(raw, s.bodyMentions)
}

// ChangePushRules changes a user's rules in one step; nothing is written when change
// fails.
func (s *Server) ChangePushRules(ctx context.Context, user string, change func(*pushrules.Changes) error) error {
	return s.write(ctx, func(tx *storage.Tx) error {
		c, err := s.changesOf(&tx.ReadTx, user)
		if err != nil {
			return err
		}
		before := pushrules.Compile(user, c.Effective(user))
		if err := change(&c); err != nil {
			return err
		}
		if s.rooms != nil {
			if err := s.rooms.RulesChanged(tx, user, before, pushrules.Compile(user, c.Effective(user))); err != nil {
				return err
			}
		}
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return tx.PutPushRules(user, raw)
	})
}

// CarryOver gives a room that replaces another what the user had set for the old one:
// push rules and tags. It runs in the transaction of the user's join.
func (s *Server) CarryOver(tx *storage.Tx, user, from, to string) error {
	c, err := s.changesOf(&tx.ReadTx, user)
	if err != nil {
		return err
	}
	if c.CarryOver(from, to) {
		raw, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := tx.PutPushRules(user, raw); err != nil {
			return err
		}
	}
	tags, err := tx.AccountData(user, from, "m.tag")
	if err == nil {
		_, err = tx.AccountData(user, to, "m.tag")
		if errors.Is(err, storage.ErrNotFound) {
			return tx.PutAccountData(user, to, "m.tag", tags)
		}
	}
	if errors.Is(err, storage.ErrNotFound) {
		err = nil
	}
	return err
}

func (s *Server) pushRulesContent(ctx context.Context, user string) (json.RawMessage, error) {
	rules, err := s.PushRules(ctx, user)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"global": rules})
}

func (s *Server) pushRulesJSON(user string, changes json.RawMessage) (json.RawMessage, error) {
	c, err := pushrules.Parse(changes, s.bodyMentions)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"global": c.Effective(user)})
}
