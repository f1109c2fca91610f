package roomserver

import (
	"context"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// What an event is for everybody.
const (
	pushNothing   int64 = 0
	pushNotify    int64 = 1
	pushHighlight int64 = 2
)

// push applies the push rules to a new event, once for the whole room: what it is for
// everybody goes on its row and into the counts, and members get a row of their own
// only where it is something else for them ("Push Rules", client-server API).
func (b *batch) push(ctx context.Context, ev *event.Event, row *storage.EventRow) error {
	th, err := b.threadOf(ctx, ev, row.NID)
	if err != nil {
		return err
	}
	facts := b.facts(ctx, ev)
	row.Push = weight(b.s.rules.everybody.Outcome(facts))
	b.count(row, th)
	if err := b.notes(ctx, facts, row); err != nil {
		return err
	}
	if sender := ev.From(); ev.Kind() != "m.room.member" && id.ServerOf(sender) == b.s.name {
		// "When the user updates their read receipt (either by using the API or by
		// sending an event), notifications prior to and including that event MUST be
		// marked as read."
		b.hasRead(sender, th.name())
	}
	return nil
}

func weight(o pushrules.Outcome) int64 {
	switch {
	case o.Highlight:
		return pushHighlight
	case o.Notify:
		return pushNotify
	}
	return pushNothing
}

func (b *batch) facts(ctx context.Context, ev *event.Event) *pushrules.Facts {
	return &pushrules.Facts{Event: ev, Members: b.head.joined,
		MayNotify: func(kind string) bool {
			pl := b.powerLevels(ctx)
			return pl != nil && pl.User(ev.From()) >= pl.Notification(kind)
		},
		DisplayName: func(user string) string {
			m, err := b.get(ctx, "m.room.member", user)
			if err != nil || m.ev == nil {
				return ""
			}
			return gjson.GetBytes(m.ev.Body(), "displayname").Str
		}}
}

// count puts the event into the counts of its timeline.
func (b *batch) count(row *storage.EventRow, th *thread) {
	if th == nil {
		add(&b.head.counts, row.Push)
	} else {
		add(&th.counts, row.Push)
		row.Thread, row.ThreadCounts = th.nid, th.counts
		b.set.Threads = append(b.set.Threads, storage.ThreadRow{NID: th.nid, RootID: th.root, Counts: th.counts})
	}
	row.Counts = b.head.counts
}

func add(c *storage.Counts, push int64) {
	switch push {
	case pushNotify:
		c.Notify++
	case pushHighlight:
		c.Highlight++
	}
}

// notes adds a row for each member for whom the event is something else than for
// everybody.
func (b *batch) notes(ctx context.Context, facts *pushrules.Facts, row *storage.EventRow) error {
	people, err := b.unusual(ctx)
	if err != nil {
		return err
	}
	ev := facts.Event
	for user, p := range people {
		if user == ev.From() {
			continue
		}
		o := pushrules.Outcome{}
		if !p.ignores[ev.From()] {
			o = p.rules.Outcome(facts)
		}
		b.note(user, p.rules.ModeOf(ev.Room()), o, row)
	}
	named, err := b.named(ctx, facts)
	if err != nil {
		return err
	}
	for _, user := range named {
		if people[user] == nil && user != ev.From() {
			b.note(user, pushrules.Normal, b.s.rules.usual(user).Outcome(facts), row)
		}
	}
	return b.invited(ctx, facts, row)
}

// note writes what the event is for the user, less what the counts say in their mode.
func (b *batch) note(user string, mode pushrules.Mode, o pushrules.Outcome, row *storage.EventRow) {
	told := Told(row.Push, mode)
	n := storage.NoteRow{User: user, Event: row.NID, Thread: row.Thread,
		Notify: count(o.Notify) - told.Notify, Highlight: count(o.Highlight) - told.Highlight}
	if n.Notify != 0 || n.Highlight != 0 {
		b.set.Notes = append(b.set.Notes, n)
	}
}

// Told is what an event counts for a member by what it is for everybody.
func Told(push int64, mode pushrules.Mode) storage.Counts {
	switch {
	case push == pushHighlight && mode != pushrules.Mute:
		return storage.Counts{Notify: 1, Highlight: 1}
	case push == pushNotify && mode == pushrules.Normal:
		return storage.Counts{Notify: 1}
	}
	return storage.Counts{}
}

// invited: an invite concerns somebody who is not in the room yet.
func (b *batch) invited(ctx context.Context, facts *pushrules.Facts, row *storage.EventRow) error {
	ev := facts.Event
	user, _ := ev.Key()
	if ev.MembershipOf() != "invite" || id.ServerOf(user) != b.s.name {
		return nil
	}
	var p *person
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		p, err = b.s.personOf(tx, user)
		return err
	})
	if err != nil || p != nil && p.ignores[ev.From()] {
		return err
	}
	rules := b.s.rules.usual(user)
	if p != nil {
		rules = p.rules
	}
	b.note(user, pushrules.Mute, rules.Outcome(facts), row)
	return nil
}

// fewMentions may be looked up one by one.
const fewMentions = 16

// named are the joined local members whom the event mentions: by m.mentions, or, where
// the server has such rules, by a name in its body.
func (b *batch) named(ctx context.Context, facts *pushrules.Facts) ([]string, error) {
	if !facts.SaysWho() {
		return b.namedInBody(ctx, facts)
	}
	seen := map[string]bool{}
	gjson.GetBytes(facts.Event.Body(), `m\.mentions.user_ids`).ForEach(func(_, v gjson.Result) bool {
		if id.ServerOf(v.Str) == b.s.name && id.IsUser(v.Str) {
			seen[v.Str] = true
		}
		return true
	})
	users := make([]string, 0, len(seen))
	for u := range seen {
		users = append(users, u)
	}
	if len(users) > fewMentions {
		err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
			users, err = tx.JoinedAmong(b.rm.nid, users)
			return err
		})
		return users, err
	}
	out := users[:0]
	for _, u := range users {
		m, err := b.get(ctx, "m.room.member", u)
		if err != nil {
			return nil, err
		}
		if membership(m.ev) == "join" {
			out = append(out, u)
		}
	}
	return out, nil
}

// reading is a place that a user has read up to: thread is "" for all of the room,
// "main", or the root of a thread.
type reading struct{ user, thread string }

func (b *batch) hasRead(user, thread string) {
	if b.read == nil {
		b.read = map[reading]bool{}
	}
	b.read[reading{user, thread}] = true
}

// setMarkers moves the markers of who sent or joined to the end of the set.
func (b *batch) setMarkers() {
	for r := range b.read {
		c := b.head.counts
		if th := b.threads[r.thread]; th != nil {
			c = th.counts
		}
		b.set.Markers = append(b.set.Markers, storage.MarkerRow{User: r.user, Thread: r.thread, Counts: c})
	}
}
