package authrules

import (
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

var memberVectors = []vector{
	no("5.1", "without a state key", func(r *rig) *event.Event { return r.build("m.room.member", nil, bob, `{"membership":"join"}`) }),
	no("5.1", "without a membership", func(r *rig) *event.Event { return r.build("m.room.member", str(bob), bob, `{}`) }),
	no("5.1", "a membership that is a number", func(r *rig) *event.Event { return r.build("m.room.member", str(bob), bob, `{"membership":1}`) }),
	yes("5.1", "a target that is no user", by(alice, "bob", "ban")),
	yes("5.1", "with both", by(bob, bob, "join")),

	yes("5.2", "the own server has vouched", vouchedFor(ann, "@erin:a.test", joinable("restricted"))).in(8, 0),
	no("5.2", "a server that has not signed vouches", vouchedFor(bob, "@erin:a.test", joinable("restricted"))).in(8, 0).unlike("it leaves signatures to others"),
	no("5.2", "something that is no user vouches", vouchedFor("ann", "@erin:a.test", joinable("restricted"))).in(8, 0).unlike("it leaves signatures to others"),
	no("5.2", "also where nobody needs it", vouchedFor(bob, "@erin:a.test", joinable("public"))).in(8, 0).unlike("it leaves signatures to others"),
	no("5.2", "a number vouches", func(r *rig) *event.Event {
		r.joinRule("public")
		return r.build("m.room.member", str(erin), erin, `{"join_authorised_via_users_server":1,"membership":"join"}`)
	}).in(8, 0),
	yes("5.2", "nobody reads it before version 8", vouchedFor(bob, "@erin:a.test", joinable("public"))).in(1, 7),

	yes("5.3.1", "the creator joins first", creatorJoins(alice, alice)),
	no("5.3.1", "another joins first", creatorJoins(bob, bob)),
	no("5.3.1", "another joins for the creator", creatorJoins(bob, alice)),
	no("5.3.1", "the creator joins later", func(r *rig) *event.Event {
		creatorJoins(alice, alice)(r)
		r.last = r.put("m.test", "", alice, `{}`)
		return r.membership(alice, alice, "join")
	}),
	yes("5.3.2", "a member stays", by(bob, bob, "join")),
	no("5.3.2", "alice joins for bob", by(alice, bob, "join")),
	no("5.3.2", "alice joins for who is invited", by(alice, dan, "join", was(dan, "invite"))),
	yes("5.3.3", "who was unbanned joins", by(dan, dan, "join", was(dan, "leave"), joinable("public"))),
	no("5.3.3", "who is banned joins", by(dan, dan, "join", was(dan, "ban"))),
	no("5.3.3", "who is banned joins a public room", by(dan, dan, "join", was(dan, "ban"), joinable("public"))),
	yes("5.3.4", "who is invited joins", by(dan, dan, "join", was(dan, "invite"))),
	yes("5.3.4", "who is a member joins", by(bob, bob, "join")),
	no("5.3.4", "a stranger joins", by(dan, dan, "join")),
	no("5.3.4", "who left joins", by(dan, dan, "join", was(dan, "leave"))),
	no("5.3.4", "who knocks joins", by(dan, dan, "join", was(dan, "knock"), joinable("knock"))).in(7, 0),
	yes("5.3.4", "who is invited joins a room for knocking", by(dan, dan, "join", was(dan, "invite"), joinable("knock"))).in(7, 0),
	no("5.3.4", "nobody says how to join", func(r *rig) *event.Event {
		delete(r.state, Tuple{"m.room.join_rules", ""})
		return r.membership(dan, dan, "join")
	}),
	yes("5.3.4", "who is invited joins where nobody says how", func(r *rig) *event.Event {
		r.member(dan, "invite")
		delete(r.state, Tuple{"m.room.join_rules", ""})
		return r.membership(dan, dan, "join")
	}),
	yes("5.3.5", "who is invited joins a restricted room", by(dan, dan, "join", was(dan, "invite"), joinable("restricted"))).in(8, 0),
	yes("5.3.5", "who is a member joins a restricted room", by(bob, bob, "join", joinable("restricted"))).in(8, 0),
	yes("5.3.5", "somebody who may invite has vouched", vouchedFor(ann, "@erin:a.test", joinable("restricted"))).in(8, 0),
	yes("5.3.5", "somebody has vouched where one may also knock", vouchedFor(ann, "@erin:a.test", joinable("knock_restricted"))).in(10, 0),
	no("5.3.5", "nobody has vouched", by(dan, dan, "join", joinable("restricted"))).in(8, 0),
	no("5.3.5", "nobody has vouched where one may also knock", by(dan, dan, "join", joinable("knock_restricted"))).in(10, 0),
	no("5.3.5", "who vouched is no member", vouchedFor("@gone:a.test", "@erin:a.test", joinable("restricted"))).in(8, 0),
	no("5.3.5", "who vouched has left", vouchedFor(ann, "@erin:a.test", was(ann, "leave"), joinable("restricted"))).in(8, 0),
	no("5.3.5", "who vouched may not invite", vouchedFor("@weak:a.test", "@erin:a.test", was("@weak:a.test", "join"),
		func(r *rig) { r.levels(`{"invite":1}`) }, joinable("restricted"))).in(8, 0),
	no("5.3.5", "knock_restricted means nothing yet", vouchedFor(ann, "@erin:a.test", joinable("knock_restricted"))).in(8, 9).
		unlike("it takes every restricted rule where it takes one"),
	no("5.3.5", "restricted means nothing yet", vouchedFor(ann, "@erin:a.test", joinable("restricted"))).in(1, 7),
	yes("5.3.6", "a public room", by(dan, dan, "join", joinable("public"))),
	yes("5.3.6", "who knocked joins when the room is public", by(dan, dan, "join", was(dan, "knock"), joinable("public"))).unlike("it wants who left"),
	no("5.3.6", "public by another letter", by(dan, dan, "join", joinable("Public"))),
	no("5.3.6", "a private room", by(dan, dan, "join", joinable("private"))),
	no("5.3.7", "an unknown rule", by(dan, dan, "join", joinable("x"))),
	no("5.3.7", "an unknown rule, for who is invited", by(dan, dan, "join", was(dan, "invite"), joinable("x"))).unlike("it lets in who is invited, always"),
	no("5.3.7", "a rule that is no text", func(r *rig) *event.Event {
		r.put("m.room.join_rules", "", alice, `{"join_rule":["public"]}`)
		return r.membership(dan, dan, "join")
	}),
	yes("5.3.4", "who is invited joins by rules that say nothing", by(dan, dan, "join", was(dan, "invite"), sayNothing)),
	no("5.3.4", "a stranger joins by rules that say nothing", by(dan, dan, "join", sayNothing)),
	yes("5.3.7", "an unknown rule beside a known one", func(r *rig) *event.Event {
		r.put("m.room.join_rules", "", alice, `{"JOIN_RULE":"x","join_rule":"public"}`)
		return r.membership(dan, dan, "join")
	}).unlike("it takes one case for the other"),
	no("5.3.7", "knock means nothing yet, for who is invited", by(dan, dan, "join", was(dan, "invite"), joinable("knock"))).in(1, 6).unlike("it lets in who is invited, always"),

	yes("5.5.1", "a member leaves", by(carol, carol, "leave")),
	yes("5.5.1", "who is invited declines", by(dan, dan, "leave", was(dan, "invite"))),
	yes("5.5.1", "who knocked goes away", by(dan, dan, "leave", was(dan, "knock"))).in(7, 0),
	no("5.5.1", "who knocked goes away before there was knocking", by(dan, dan, "leave", was(dan, "knock"))).in(1, 6).unlike("it knows knocking in all versions"),
	no("5.5.1", "who left leaves again", by(dan, dan, "leave", was(dan, "leave"))).unlike("it allows what Synapse once allowed"),
	no("5.5.1", "a stranger leaves", by(dan, dan, "leave")).unlike("it allows what Synapse once allowed"),
	no("5.5.1", "who is banned leaves", by(dan, dan, "leave", was(dan, "ban"))),
	yes("5.5.2", "bob removes carol", by(bob, carol, "leave")),
	no("5.5.2", "a stranger removes carol", by(dan, carol, "leave")),
	no("5.5.2", "an administrator who left removes carol", by(ann, carol, "leave", was(ann, "leave"))),
	yes("5.5.3", "bob unbans", by(bob, dan, "leave", was(dan, "ban"))),
	no("5.5.3", "who may not ban unbans", func(r *rig) *event.Event {
		r.levels(`{"ban":51,"kick":0,"users":{"` + bob + `":50}}`)
		r.member(dan, "ban")
		return r.membership(bob, dan, "leave")
	}),
	no("5.5.3", "carol unbans", by(carol, dan, "leave", was(dan, "ban"))),
	yes("5.5.5", "bob takes an invite back", by(bob, dan, "leave", was(dan, "invite"))),
	no("5.5.5", "carol removes bob", by(carol, bob, "leave")),
	no("5.5.5", "bob removes who is above", by(bob, ann, "leave")),
	no("5.5.5", "bob removes an equal", func(r *rig) *event.Event {
		r.levels(`{"users":{"` + bob + `":50,"` + carol + `":50}}`)
		return r.membership(bob, carol, "leave")
	}),
	no("5.5.5", "who may ban, but not kick, unbans", func(r *rig) *event.Event {
		r.levels(`{"ban":50,"kick":51,"users":{"` + bob + `":50}}`)
		r.member(dan, "ban")
		return r.membership(bob, dan, "leave")
	}).unlike("it asks for no kick level to unban"),
	no("5.5.5", "who may ban unbans who is above", func(r *rig) *event.Event {
		r.member(ann, "ban")
		return r.membership(bob, ann, "leave")
	}).unlike("it does not compare levels to unban"),
	no("5.5.5", "an administrator removes a creator", by(ann, alice, "leave")),
	yes("5.5.5", "a creator removes an administrator", by(alice, ann, "leave")).in(12, 0),

	yes("5.6.1", "bob bans carol", by(bob, carol, "ban")),
	yes("5.6.1", "bob bans a stranger", by(bob, dan, "ban")),
	no("5.6.1", "a stranger bans", by(dan, carol, "ban")),
	no("5.6.1", "an administrator who left bans", by(ann, carol, "ban", was(ann, "leave"))),
	yes("5.6.3", "bob bans again", by(bob, dan, "ban", was(dan, "ban"))),
	no("5.6.3", "carol bans", by(carol, dan, "ban")),
	no("5.6.3", "bob bans himself", by(bob, bob, "ban")),
	no("5.6.3", "bob bans who is above", by(bob, ann, "ban")),
	no("5.6.3", "an administrator bans a creator", by(ann, alice, "ban")),
	no("5.6.3", "one creator bans another", func(r *rig) *event.Event {
		r.begin(`{"additional_creators":["` + ann + `"],"room_version":"12"}`)
		r.member(alice, "join")
		r.member(ann, "join")
		return r.membership(ann, alice, "ban")
	}).in(12, 0),

	yes("5.7.1", "a stranger knocks", by(dan, dan, "knock", joinable("knock"))).in(7, 0),
	yes("5.7.1", "a stranger knocks at a restricted room", by(dan, dan, "knock", joinable("knock_restricted"))).in(10, 0),
	no("5.7.1", "a room for the invited", by(dan, dan, "knock")).in(7, 0),
	no("5.7.1", "a public room", by(dan, dan, "knock", joinable("public"))).in(7, 0),
	no("5.7.1", "a restricted room", by(dan, dan, "knock", joinable("restricted"))).in(7, 0),
	no("5.7.1", "knock_restricted means nothing yet", by(dan, dan, "knock", joinable("knock_restricted"))).in(7, 9).
		unlike("it takes both rules from version 7 on"),
	yes("5.7.2", "dan knocks for himself", by(dan, dan, "knock", joinable("knock"))).in(7, 0),
	no("5.7.2", "alice knocks for dan", by(alice, dan, "knock", joinable("knock"))).in(7, 0),
	no("5.7.2", "erin knocks for dan", by(erin, dan, "knock", joinable("knock"))).in(7, 0),
	yes("5.7.4", "who left knocks", by(dan, dan, "knock", was(dan, "leave"), joinable("knock"))).in(7, 0),
	yes("5.7.4", "who knocked knocks again", by(dan, dan, "knock", was(dan, "knock"), joinable("knock"))).in(7, 0),
	no("5.7.4", "who is banned knocks", by(dan, dan, "knock", was(dan, "ban"), joinable("knock"))).in(7, 0),
	no("5.7.4", "who is invited knocks", by(dan, dan, "knock", was(dan, "invite"), joinable("knock"))).in(7, 0),
	no("5.7.4", "a member knocks", by(bob, bob, "knock", joinable("knock"))).in(7, 0),

	yes("5.8", "a known membership", by(bob, bob, "leave")),
	no("5.8", "an unknown membership", by(bob, bob, "owner")),
	no("5.8", "a membership of another case", by(bob, bob, "Join")),
	no("5.8", "knocking before version 7", by(dan, dan, "knock", joinable("knock"))).in(1, 6),
}

func sayNothing(r *rig) { r.put("m.room.join_rules", "", alice, `{}`) }

// creatorJoins is a join right after the create event.
func creatorJoins(sender, target string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.begin(`{"room_version":"` + string(r.v) + `"}`)
		return r.membership(sender, target, "join")
	}
}

// vouchedFor is a join for which voucher stands. It is signed by the joiner's
// server alone, which is the voucher's too where both are of one server.
func vouchedFor(voucher, joiner string, stage ...func(r *rig)) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		for _, s := range stage {
			s(r)
		}
		return r.build("m.room.member", &joiner, joiner, `{"join_authorised_via_users_server":"`+voucher+`","membership":"join"}`)
	}
}

// By the letter of 5.3.1 a creator who was banned could come back with an event
// that hangs below the create event. It is not rejected, as others do not reject
// it; but it is soft-failed, and we do not build it.
func TestABannedCreatorDoesNotComeBackThroughTheFirstJoin(t *testing.T) {
	for _, v := range versionsFrom(1, 11) {
		r := newRig(t, v)
		r.member(alice, "ban")
		again := r.build("m.room.member", str(alice), alice, `{"displayname":"back","membership":"join"}`, func(t *event.Template) {
			t.PrevEvents = []event.EventRef{r.create.Ref()}
			t.AuthEvents = []event.EventRef{r.create.Ref()}
		})
		j := Accept(again, []*event.Event{r.create}, nil, MapState{{"m.room.create", ""}: r.create}, r.state)
		if j.Rejected() || !j.SoftFailed() {
			t.Errorf("v%s: rejected %t, soft-failed %t", v, j.Rejected(), j.SoftFailed())
		}
		if !AcceptOwn(again, r.state, nil).Rejected() {
			t.Errorf("v%s: we would build it", v)
		}
	}
}
