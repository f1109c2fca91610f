package roomserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/storage"
)

// errNotInRoom is what somebody outside is told; a room that does not exist gives
// the same code.
var errNotInRoom = matrixerr.Forbidden("You are not in this room")

// hidden lets a room that is not here look like one that the user is not in.
func hidden(err error) error {
	if errors.Is(err, errUnknownRoom) {
		return errNotInRoom
	}
	return err
}

// mustBeIn refuses who is not in the room, in the words in which a room is refused
// that does not exist.
func (b *batch) mustBeIn(ctx context.Context, user string) error {
	me, err := b.get(ctx, "m.room.member", user)
	if err == nil && membership(me.ev) != "join" {
		err = errNotInRoom
	}
	return err
}

func tuple(kind, key string) authrules.Tuple { return authrules.Tuple{Kind: kind, Key: key} }

// memberContent is content of an m.room.member event: extra keys of the client
// first, then what the server decides.
type memberContent struct {
	extra      json.RawMessage
	membership string
	reason     string
	name       string
	avatar     string
	authorised string
	isDirect   bool
	thirdParty json.RawMessage
}

func (c memberContent) json() json.RawMessage {
	m := map[string]any{}
	if len(c.extra) > 0 {
		// Extra content was checked to be an object at the door.
		_ = json.Unmarshal(c.extra, &m)
	}
	m["membership"] = c.membership
	delete(m, "join_authorised_via_users_server")
	for k, v := range map[string]string{"reason": c.reason, "displayname": c.name, "avatar_url": c.avatar,
		"join_authorised_via_users_server": c.authorised} {
		if v != "" {
			m[k] = v
		}
	}
	if c.isDirect {
		m["is_direct"] = true
	}
	if len(c.thirdParty) > 0 {
		m["third_party_invite"] = map[string]any{"signed": c.thirdParty}
	}
	return object(m)
}

func memberDraft(room, sender, target string, c memberContent) Draft {
	return Draft{RoomID: room, Sender: sender, Type: "m.room.member", StateKey: &target, Content: c.json()}
}

// profile is what a member event of a local user shows of them.
func (s *Server) profile(ctx context.Context, user string) (name, avatar string, err error) {
	if s.profiles == nil || !s.isLocal(user) {
		return "", "", nil
	}
	return s.profiles.NameAndAvatar(ctx, user)
}

// Leave takes the user out of the room: out of a membership, an invite or a
// knock. Leaving a room that one has left is no error.
func (s *Server) Leave(ctx context.Context, user, room, reason string) error {
	return hidden(s.write(ctx, room, func(b *batch) error {
		me, err := b.get(ctx, "m.room.member", user)
		if err != nil {
			return err
		}
		switch membership(me.ev) {
		case "join", "invite", "knock":
		case "leave":
			return nil
		default:
			return errNotInRoom
		}
		_, err = b.add(ctx, memberDraft(room, user, user, memberContent{membership: "leave", reason: reason}))
		return err
	}))
}

// Invite invites target. Inviting who is invited already is no error.
func (s *Server) Invite(ctx context.Context, sender, room, target, reason string, isDirect bool) error {
	if err := s.policy.Decide(ctx, policy.Actor{User: sender}, policy.Invite, policy.Object{Room: room, User: target}); err != nil {
		return err
	}
	if !s.isLocal(target) {
		return errFederationOff
	}
	name, avatar, err := s.profile(ctx, target)
	if err != nil {
		return err
	}
	return hidden(s.write(ctx, room, func(b *batch) error {
		if err := b.mustBeIn(ctx, sender); err != nil {
			return err
		}
		_, err := b.add(ctx, memberDraft(room, sender, target, memberContent{membership: "invite",
			reason: reason, name: name, avatar: avatar, isDirect: isDirect}))
		return err
	}))
}

// errFederationOff is the answer to whatever would need another server.
var errFederationOff = matrixerr.Forbidden("This server does not federate with that server")

// Kick removes somebody from the room, an invite or a knock.
func (s *Server) Kick(ctx context.Context, sender, room, target, reason string) error {
	return s.moderate(ctx, sender, room, target, "leave", reason, func(was string) error {
		if was != "join" && was != "invite" && was != "knock" {
			return matrixerr.Forbidden("That user is not in the room")
		}
		return nil
	})
}

// Ban bans somebody, whether or not they are in the room.
func (s *Server) Ban(ctx context.Context, sender, room, target, reason string) error {
	return s.moderate(ctx, sender, room, target, "ban", reason, func(string) error { return nil })
}

// Unban lifts a ban.
func (s *Server) Unban(ctx context.Context, sender, room, target, reason string) error {
	return s.moderate(ctx, sender, room, target, "leave", reason, func(was string) error {
		if was != "ban" {
			return matrixerr.Forbidden("That user is not banned")
		}
		return nil
	})
}

func (s *Server) moderate(ctx context.Context, sender, room, target, to, reason string, check func(was string) error) error {
	return hidden(s.write(ctx, room, func(b *batch) error {
		if err := b.mustBeIn(ctx, sender); err != nil {
			return err
		}
		was, err := b.get(ctx, "m.room.member", target)
		if err != nil {
			return err
		}
		if err := check(membership(was.ev)); err != nil {
			return err
		}
		_, err = b.add(ctx, memberDraft(room, sender, target, memberContent{membership: to, reason: reason}))
		return err
	}))
}

// Forget hides a room that the user has left.
func (s *Server) Forget(ctx context.Context, user, room string) error {
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		row, err := tx.Room(room)
		if err != nil {
			return notFoundAs(err, errUnknownRoom)
		}
		m, err := tx.Membership(row.NID, user)
		if err != nil {
			return notFoundAs(err, errUnknownRoom)
		}
		if m.Membership != "leave" && m.Membership != "ban" {
			return matrixerr.New(400, "M_UNKNOWN", "You are still in this room; leave it first")
		}
		return tx.Forget(row.NID, user)
	})
}

// UpdateProfile writes the user's name and avatar into every room they are in.
func (s *Server) UpdateProfile(ctx context.Context, user string) error {
	name, avatar, err := s.profile(ctx, user)
	if err != nil {
		return err
	}
	rooms, err := s.JoinedRooms(ctx, user)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		err := s.write(ctx, room, func(b *batch) error { return b.updateMember(ctx, user, name, avatar) })
		if err != nil && !matrixerr.Is(err, "M_FORBIDDEN") {
			return err
		}
	}
	return nil
}

func (b *batch) updateMember(ctx context.Context, user, name, avatar string) error {
	me, err := b.get(ctx, "m.room.member", user)
	if err != nil || membership(me.ev) != "join" {
		return err
	}
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(me.ev.Body(), &m); err != nil {
		return err
	}
	for k, v := range map[string]string{"displayname": name, "avatar_url": avatar} {
		if delete(m, k); v != "" {
			m[k] = object(v)
		}
	}
	// These belong to the join that they came with.
	for _, k := range []string{"join_authorised_via_users_server", "third_party_invite", "reason", "is_direct"} {
		delete(m, k)
	}
	_, err = b.sendOnce(ctx, Draft{RoomID: b.rm.id, Sender: user, Type: "m.room.member", StateKey: &user, Content: object(m)})
	return err
}
