package authrules

import (
	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
)

// member is rule 5: m.room.member.
func (c *checker) member() error {
	target, isState := c.e.Key()
	m := gjson.GetBytes(c.e.Body(), "membership")
	if !isState || m.Type != gjson.String {
		return c.refuse("5.1", "a member event needs a state key and a membership")
	}
	if err := c.vouched(); err != nil {
		return err // 5.2
	}
	switch m.Str {
	case "join":
		return c.join(target)
	case "invite":
		return c.invite(target)
	case "leave":
		return c.leave(target)
	case "ban":
		return c.ban(target)
	case "knock":
		if c.rules.Knock {
			return c.knock(target)
		}
	}
	return c.refuse("5.8", "unknown membership %q", m.Str)
}

// vouched is rule 5.2, from version 8 on: the server of who authorised a join has
// signed it. That its signature is good was checked before; that it is there also
// holds for what we build ourselves.
func (c *checker) vouched() error {
	if !c.rules.Restricted {
		return nil
	}
	by := gjson.GetBytes(c.e.Body(), "join_authorised_via_users_server")
	if !by.Exists() {
		return nil
	}
	if by.Type != gjson.String || !id.IsUser(by.Str) || !signedBy(c.e, id.ServerOf(by.Str)) {
		return c.refuse("5.2.1", "the server that authorised the join has not signed it")
	}
	return nil
}

// signedBy: the event has a signature of that server.
func signedBy(e *event.Event, server string) (found bool) {
	gjson.GetBytes(e.Bytes(), "signatures").ForEach(func(name, keys gjson.Result) bool {
		found = name.Str == server && keys.IsObject() && len(keys.Raw) > len(`{}`)
		return !found
	})
	return found
}

// joinRule is the room's join rule; where the room does not say, it is invite.
func (c *checker) joinRule() string {
	jr := c.s.Get("m.room.join_rules", "")
	if jr == nil {
		return "invite"
	}
	v := gjson.GetBytes(jr.Body(), "join_rule")
	if !v.Exists() {
		return "invite"
	}
	return v.Str // "", which lets nobody in, when it is not text
}

// join is rule 5.3.
func (c *checker) join(target string) error {
	e := c.e
	if c.firstJoin(target) {
		return nil // 5.3.1
	}
	if e.From() != target {
		return c.refuse("5.3.2", "somebody else cannot join for a user")
	}
	was := c.membership(target)
	if was == "ban" {
		return c.refuse("5.3.3", "the user is banned from the room")
	}
	rule := c.joinRule()
	switch {
	case rule == "invite" || rule == "knock" && c.rules.Knock: // 5.3.4
		if was == "join" || was == "invite" {
			return nil
		}
		return c.refuse("5.3.4", "the user is not invited to the room")
	case rule == "restricted" && c.rules.Restricted, rule == "knock_restricted" && c.rules.KnockRestricted: // 5.3.5
		if was == "join" || was == "invite" {
			return nil // 5.3.5.1
		}
		return c.authorised()
	case rule == "public": // 5.3.6
		return nil
	}
	return c.refuse("5.3.7", "the room's join rule lets nobody in")
}

// firstJoin is rule 5.3.1: the creator's join right after the create event. The
// rule does not say that the creator must have sent it; without that, anybody
// could make the creator join.
func (c *checker) firstJoin(target string) bool {
	prev := c.e.Prev()
	if len(prev) != 1 || prev[0] != c.create.ID() || target != creatorOf(c.create) || c.e.From() != target {
		return false
	}
	return !c.begun || c.s.Get("m.room.member", target) == nil
}

// authorised is rule 5.3.5.2: somebody in the room who may invite vouches.
func (c *checker) authorised() error {
	by := gjson.GetBytes(c.e.Body(), "join_authorised_via_users_server")
	if by.Type != gjson.String || c.membership(by.Str) != "join" {
		return c.refuse("5.3.5.2", "nobody in the room has let the user in")
	}
	if c.levels.User(by.Str) < c.levels.Invite() {
		return c.refuse("5.3.5.2", "who let the user in may not invite")
	}
	return nil
}

// invite is rule 5.4.
func (c *checker) invite(target string) error {
	if third := gjson.GetBytes(c.e.Body(), "third_party_invite"); third.Exists() {
		return c.thirdParty(target, third) // 5.4.1
	}
	if c.membership(c.e.From()) != "join" {
		return c.refuse("5.4.2", "the sender is not in the room")
	}
	if was := c.membership(target); was == "join" || was == "ban" {
		return c.refuse("5.4.3", "the user is in the room, or banned from it")
	}
	if c.levels.User(c.e.From()) < c.levels.Invite() {
		return c.refuse("5.4.5", "the sender may not invite")
	}
	return nil // 5.4.4
}

// thirdParty is rule 5.4.1: an invite that was stored for an address is taken up.
func (c *checker) thirdParty(target string, third gjson.Result) error {
	if c.membership(target) == "ban" {
		return c.refuse("5.4.1.1", "the user is banned from the room")
	}
	signed := third.Get("signed")
	mxid, token := signed.Get("mxid"), signed.Get("token")
	switch {
	case !signed.IsObject():
		return c.refuse("5.4.1.2", "third_party_invite is not signed")
	case mxid.Type != gjson.String || token.Type != gjson.String:
		return c.refuse("5.4.1.3", "signed has no mxid or no token")
	case mxid.Str != target:
		return c.refuse("5.4.1.4", "signed is for another user")
	}
	stored := c.s.Get("m.room.third_party_invite", token.Str)
	if stored == nil {
		return c.refuse("5.4.1.5", "there is no such invite")
	}
	if stored.From() != c.e.From() {
		return c.refuse("5.4.1.6", "the invite is somebody else's")
	}
	if signedByAny(signed, inviteKeys(stored.Body())) {
		return nil // 5.4.1.7
	}
	return c.refuse("5.4.1.8", "signed is not signed by a key of the invite")
}

// leave is rule 5.5.
func (c *checker) leave(target string) error {
	sender := c.e.From()
	was := c.membership(target)
	if sender == target { // 5.5.1
		if was == "invite" || was == "join" || was == "knock" && c.rules.Knock {
			return nil
		}
		return c.refuse("5.5.1", "the user is not in the room")
	}
	if c.membership(sender) != "join" {
		return c.refuse("5.5.2", "the sender is not in the room")
	}
	mine := c.levels.User(sender)
	if was == "ban" && mine < c.levels.Ban() {
		return c.refuse("5.5.3", "the sender may not unban")
	}
	if mine >= c.levels.Kick() && c.levels.User(target) < mine {
		return nil // 5.5.4
	}
	return c.refuse("5.5.5", "the sender may not remove this user")
}

// ban is rule 5.6.
func (c *checker) ban(target string) error {
	sender := c.e.From()
	if c.membership(sender) != "join" {
		return c.refuse("5.6.1", "the sender is not in the room")
	}
	mine := c.levels.User(sender)
	if mine >= c.levels.Ban() && c.levels.User(target) < mine {
		return nil
	}
	return c.refuse("5.6.3", "the sender may not ban this user")
}

// knock is rule 5.7, from room version 7 on.
func (c *checker) knock(target string) error {
	rule := c.joinRule()
	if rule != "knock" && !(rule == "knock_restricted" && c.rules.KnockRestricted) {
		return c.refuse("5.7.1", "the room does not take knocks")
	}
	if c.e.From() != target {
		return c.refuse("5.7.2", "somebody else cannot knock for a user")
	}
	switch c.membership(target) {
	case "ban", "invite", "join":
		return c.refuse("5.7.4", "the user is banned, invited or in the room")
	}
	return nil // 5.7.3
}
