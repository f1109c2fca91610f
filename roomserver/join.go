package roomserver

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/storage"
)

// JoinOptions are what a client may say beside the room.
type JoinOptions struct {
	Servers          []string // servers to join through, when the room is not here
	Reason           string
	ThirdPartySigned json.RawMessage
	Content          json.RawMessage // more keys of the member event; nil: none
	Guest            bool
}

func (s *Server) isLocal(name string) bool { return id.ServerOf(name) == s.name }

// Join brings the user into a room, named by id or alias. Joining again is no
// error and writes nothing.
func (s *Server) Join(ctx context.Context, user, roomOrAlias string, o JoinOptions) (string, error) {
	room, err := s.roomOf(ctx, roomOrAlias)
	if err != nil {
		return "", err
	}
	if err := s.policy.Decide(ctx, policy.Actor{User: user}, policy.Join, policy.Object{Room: room}); err != nil {
		return "", err
	}
	name, avatar, err := s.profile(ctx, user)
	if err != nil {
		return "", err
	}
	err = s.write(ctx, room, func(b *batch) error {
		me, err := b.get(ctx, "m.room.member", user)
		if err != nil {
			return err
		}
		if membership(me.ev) == "join" {
			if f := b.rm.inFlight(me.nid); f != nil {
				b.join(f)
			}
			return nil
		}
		if o.Guest {
			if err := b.admitGuest(ctx); err != nil {
				return err
			}
		}
		c := memberContent{extra: o.Content, membership: "join", reason: o.Reason, name: name, avatar: avatar, thirdParty: o.ThirdPartySigned}
		if membership(me.ev) != "invite" {
			if c.authorised, err = b.authoriser(ctx, user); err != nil {
				return err
			}
		}
		_, err = b.add(ctx, memberDraft(room, user, user, c))
		return err
	})
	return room, err
}

// roomOf is the room id of an id or an alias.
func (s *Server) roomOf(ctx context.Context, roomOrAlias string) (string, error) {
	if !strings.HasPrefix(roomOrAlias, "#") {
		return roomOrAlias, nil
	}
	room, _, err := s.ResolveAlias(ctx, roomOrAlias)
	return room, err
}

// authoriser is the user of ours who vouches for a restricted join: somebody in
// the room who may invite, when the joining user is in one of the rooms that the
// join rule allows. "" when the join rule asks for nobody.
func (b *batch) authoriser(ctx context.Context, user string) (string, error) {
	jr, err := b.get(ctx, "m.room.join_rules", "")
	if err != nil || jr.ev == nil {
		return "", err
	}
	rule := gjson.GetBytes(jr.ev.Body(), "join_rule").Str
	restricted := rule == "restricted" && b.rm.rules.Restricted || rule == "knock_restricted" && b.rm.rules.KnockRestricted
	if !restricted {
		return "", nil
	}
	ok, err := b.s.inAllowedRoom(ctx, user, gjson.GetBytes(jr.ev.Body(), "allow"))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", matrixerr.Forbidden("You are in none of the rooms that this room lets people join from")
	}
	by, err := b.inviter(ctx)
	if err == nil && by == "" {
		return "", matrixerr.New(400, "M_UNABLE_TO_GRANT_JOIN", "Nobody on this server can let you into this room")
	}
	return by, err
}

func (s *Server) inAllowedRoom(ctx context.Context, user string, allow gjson.Result) (bool, error) {
	found := false
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		for _, a := range allow.Array() {
			if a.Get("type").Str != "m.room_membership" {
				continue
			}
			row, err := tx.Room(a.Get("room_id").Str)
			if errors.Is(err, storage.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			m, err := tx.Membership(row.NID, user)
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
			if m.Membership == "join" {
				found = true
				return nil
			}
		}
		return nil
	})
	return found, err
}

// inviter is a joined local user with the power to invite, or "".
func (b *batch) inviter(ctx context.Context) (string, error) {
	pl := b.powerLevels(ctx)
	if pl == nil {
		return "", b.readErr
	}
	able := func(user string) (bool, error) {
		if !b.s.isLocal(user) || pl.User(user) < pl.Invite() {
			return false, nil
		}
		m, err := b.get(ctx, "m.room.member", user)
		return membership(m.ev) == "join", err
	}
	for _, user := range pl.Named() {
		if ok, err := able(user); ok || err != nil {
			return user, err
		}
	}
	if pl.UsersDefault() < pl.Invite() {
		return "", nil
	}
	var locals []string
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		locals, err = tx.JoinedUsersOf(b.rm.nid, b.s.name, 20)
		return err
	})
	for _, user := range locals {
		if ok, err := able(user); ok || err != nil {
			return user, err
		}
	}
	return "", err
}

// Knock asks to be let in.
func (s *Server) Knock(ctx context.Context, user, roomOrAlias, reason string) (string, error) {
	room, err := s.roomOf(ctx, roomOrAlias)
	if err != nil {
		return "", err
	}
	name, avatar, err := s.profile(ctx, user)
	if err != nil {
		return "", err
	}
	err = s.write(ctx, room, func(b *batch) error {
		_, err := b.sendOnce(ctx, memberDraft(room, user, user, memberContent{membership: "knock", reason: reason, name: name, avatar: avatar}))
		return err
	})
	return room, err
}

func notFoundAs(err, as error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return as
	}
	return err
}
