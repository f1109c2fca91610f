package authrules

import (
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// creation is a create event with this content; the version's creator is added.
func creation(content string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.begin(content)
		return r.create
	}
}

// whole is a create event written as text, as no signer would.
func whole(middle string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		return r.loaded(`{"auth_events":[],` + middle + `,"sender":"@alice:a.test","state_key":"","type":"m.room.create"}`)
	}
}

var createVectors = []vector{
	yes("1.1", "the first event", creation(`{"room_version":"1"}`)).in(1, 1),
	yes("1.1", "the first event", func(r *rig) *event.Event { return r.create }),
	no("1.1", "a second create event after another", func(r *rig) *event.Event {
		return r.loaded(`{"auth_events":[],"content":{"creator":"@alice:a.test"},"prev_events":["` + r.last.ID() + `"],"room_id":"` + r.room + `","sender":"@alice:a.test","state_key":"","type":"m.room.create"}`)
	}).in(3, 0),
	no("1.1", "a create event after two others", func(r *rig) *event.Event {
		return r.loaded(`{"auth_events":[],"content":{"creator":"@alice:a.test"},"prev_events":["$x","$y"],"room_id":"` + r.room + `","sender":"@alice:a.test","state_key":"","type":"m.room.create"}`)
	}).in(3, 0),
	no("1", "a create event with a state key", func(r *rig) *event.Event {
		return r.loaded(`{"auth_events":[],"content":{"creator":"@alice:a.test"},"prev_events":[],"room_id":"` + r.room + `","sender":"@alice:a.test","state_key":"x","type":"m.room.create"}`)
	}).in(3, 0),
	no("1.2", "a room of somebody else's domain", whole(`"content":{"creator":"@alice:a.test"},"prev_events":[],"room_id":"!r:b.test"`)).in(3, 11),
	no("1.2", "a room of no domain", whole(`"content":{"creator":"@alice:a.test"},"prev_events":[],"room_id":"!r"`)).in(3, 11).
		unlike("it cannot read such a room id and panics"),
	yes("1.3", "no version is named", creation(`{}`)),
	yes("1.3", "its version is known", func(r *rig) *event.Event { return creation(`{"room_version":"` + string(r.v) + `"}`)(r) }),
	no("1.3", "a version that nobody knows", creation(`{"room_version":"nobody's"}`)).unlike("it reads none in version 11"),
	no("1.3", "a version that is a number", creation(`{"room_version":9}`)).unlike("it reads none in version 11"),
	no("1.3", "a version that it does not have", creation(`{"room_version":"7"}`)).in(8, 0).unlike("it does not compare"),
	no("1.4", "nobody is the creator", whole(`"content":{},"prev_events":[],"room_id":"!r:a.test"`)).in(3, 10),
	yes("1.4", "more creators", creation(`{"additional_creators":["@ann:a.test","@Old Style!:b.test:8448"],"room_version":"12"}`)).in(12, 0).
		unlike("it wants new user ids"),
	yes("1.4", "an empty list of more creators", creation(`{"additional_creators":[],"room_version":"12"}`)).in(12, 0),
	no("1.4", "more creators that are one text", creation(`{"additional_creators":"@ann:a.test","room_version":"12"}`)).in(12, 0),
	no("1.4", "more creators that are null", creation(`{"additional_creators":null,"room_version":"12"}`)).in(12, 0).unlike("it reads null as nothing"),
	no("1.4", "a number among more creators", creation(`{"additional_creators":["@ann:a.test",1],"room_version":"12"}`)).in(12, 0),
	no("1.4", "no user id among more creators", creation(`{"additional_creators":["ann"],"room_version":"12"}`)).in(12, 0),
	no("1.4", "a user id without a server among more creators", creation(`{"additional_creators":["@ann"],"room_version":"12"}`)).in(12, 0),

	yes("2", "an event of its room", func(r *rig) *event.Event { return r.message(bob) }),
	no("2", "an event of another room", func(r *rig) *event.Event {
		return r.build("m.room.message", nil, bob, `{}`, func(t *event.Template) { t.RoomID = otherRoom(r) })
	}),
	no("2", "an event of a room without a create event", func(r *rig) *event.Event {
		e := r.message(bob)
		delete(r.state, Tuple{"m.room.create", ""})
		return e
	}),

	yes("4", "another server where m.federate is true", federating("true", bob)),
	yes("4", "another server where m.federate is not a truth", federating(`"false"`, bob)).unlike("it cannot read the create event"),
	yes("4", "the own server where m.federate is false", federating("false", ann)),
	no("4", "another server where m.federate is false", federating("false", bob)),
	no("4", "a join from another server where m.federate is false", func(r *rig) *event.Event {
		federating("false", bob)(r)
		r.joinRule("public")
		return r.membership(dan, dan, "join")
	}),
}

func otherRoom(r *rig) string {
	if r.r.RoomIDFromCreate {
		return "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"
	}
	return "!other:a.test"
}

func federating(value, sender string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.begin(`{"m.federate":` + value + `,"room_version":"` + string(r.v) + `"}`)
		for _, u := range []string{alice, ann, bob} {
			r.member(u, "join")
		}
		return r.message(sender)
	}
}

var sendVectors = []vector{
	yes("6", "a member speaks", func(r *rig) *event.Event { return r.message(carol) }),
	no("6", "a stranger speaks", func(r *rig) *event.Event { return r.message(dan) }),
	no("6", "who left speaks", func(r *rig) *event.Event { r.member(bob, "leave"); return r.message(bob) }),
	no("6", "who is invited speaks", func(r *rig) *event.Event { r.member(bob, "invite"); return r.message(bob) }),
	no("6", "who is banned speaks", func(r *rig) *event.Event { r.member(bob, "ban"); return r.message(bob) }),
	no("6", "who knocks speaks", func(r *rig) *event.Event { r.member(bob, "knock"); return r.message(bob) }),

	yes("7", "a member invites an address", addressed(carol, `{}`)),
	yes("7", "bob may where 50 is needed", addressed(bob, `{"invite":50,"users":{"`+bob+`":50}}`)),
	no("7", "carol may not where 1 is needed", addressed(carol, `{"invite":1}`)),
	no("7", "events do not count for it", addressed(carol, `{"events":{"m.room.third_party_invite":0},"invite":1}`)),

	yes("8", "a message needs nothing", func(r *rig) *event.Event { return r.message(carol) }),
	yes("8", "state needs 50", func(r *rig) *event.Event { return r.build("m.room.topic", str(""), bob, `{"topic":"x"}`) }),
	yes("8", "a type that is opened to all", spoken(carol, "m.room.topic", `{"events":{"m.room.topic":0}}`)),
	no("8", "state by a user without a level", func(r *rig) *event.Event { return r.build("m.room.topic", str(""), carol, `{"topic":"x"}`) }),
	no("8", "a type that needs 51", spoken(bob, "m.room.topic", `{"events":{"m.room.topic":51},"users":{"`+bob+`":50}}`)),
	no("8", "state where the default is raised", spoken(bob, "m.room.topic", `{"state_default":51,"users":{"`+bob+`":50}}`)),
	no("8", "a message where the default is raised", func(r *rig) *event.Event { r.levels(`{"events_default":1}`); return r.message(carol) }),
	yes("8", "a message of a type that is lowered", func(r *rig) *event.Event {
		r.levels(`{"events":{"m.room.message":0},"events_default":1}`)
		return r.message(carol)
	}),
	no("8", "everybody is demoted", func(r *rig) *event.Event { r.levels(`{"users_default":-1}`); return r.message(carol) }),
	no("8", "the levels of a redaction, not the redact level", func(r *rig) *event.Event {
		r.levels(`{"events":{"m.room.redaction":1},"redact":0}`)
		return r.build("m.room.redaction", nil, carol, `{}`, func(t *event.Template) { t.Redacts = "$x:c.test" })
	}),

	yes("9", "one's own key", keyed(bob, bob)),
	yes("9", "a key that is nobody", keyed(bob, "bob")),
	no("9", "another user's key", keyed(bob, carol)),
	no("9", "a key that only begins like a user", keyed(bob, "@")),
	no("9", "even by the creator", keyed(alice, bob)),
	yes("9", "without a key", func(r *rig) *event.Event { return r.build("m.test", nil, bob, `{}`) }),

	yes("11", "aliases of the own server, by whoever", func(r *rig) *event.Event {
		return r.build("m.room.aliases", str("d.test"), dan, `{"aliases":[]}`)
	}).in(1, 5),
	no("11", "aliases of another server", func(r *rig) *event.Event {
		return r.build("m.room.aliases", str("a.test"), bob, `{"aliases":[]}`)
	}).in(1, 5),
	no("11", "aliases of no server", func(r *rig) *event.Event {
		return r.build("m.room.aliases", str(""), alice, `{"aliases":[]}`)
	}).in(1, 5),
	no("11", "aliases without a key", func(r *rig) *event.Event {
		return r.build("m.room.aliases", nil, alice, `{"aliases":[]}`)
	}).in(1, 5),
	no("8", "aliases are state like any other", func(r *rig) *event.Event {
		return r.build("m.room.aliases", str("c.test"), carol, `{"aliases":[]}`)
	}).in(6, 0).unlike("it keeps the rule that version 6 took away"),

	yes("11", "a redaction with the redact level", redacting(bob, "$x:elsewhere.test")).in(1, 2),
	yes("11", "a redaction of an event of one's own server", redacting(carol, "$x:c.test")).in(1, 2),
	no("11", "a redaction of another server's event", redacting(carol, "$x:a.test")).in(1, 2),
	no("11", "a redaction of an event of no server", redacting(carol, "$x")).in(1, 2),
	yes("11", "a redaction of whatever, whose effect is judged later", redacting(carol, "$x:a.test")).in(3, 0),
}

func addressed(sender, levels string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.levels(levels)
		return r.build("m.room.third_party_invite", str("token"), sender, `{}`)
	}
}

func spoken(sender, kind, levels string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		r.levels(levels)
		return r.build(kind, str(""), sender, `{}`)
	}
}

func keyed(sender, key string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event { return r.build("m.test", &key, sender, `{}`) }
}

func redacting(sender, target string) func(r *rig) *event.Event {
	return func(r *rig) *event.Event {
		return r.build("m.room.redaction", nil, sender, `{}`, func(t *event.Template) { t.Redacts = target })
	}
}

// In versions 1 and 2 the ids of both events are compared, not the sender: an
// event id is of the server that sent it, and only there.
func TestARedactionIsComparedByTheIDOfTheRedaction(t *testing.T) {
	r := newRig(t, "1")
	for own, target := range map[string]string{"$forged:evil.test": "$x:c.test", "$nowhere": "$x"} {
		e, err := event.Load("1", own, redacting(carol, target)(r).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if Check(e, r.state, nil) == nil {
			t.Errorf("%s redacts %s", own, target)
		}
	}
}
