package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// batch is one set of rows being built under the room lock, and the head that the
// room will have with it. Dropped, it leaves no trace.
type batch struct {
	s              *Server
	rm             *room
	v              *view
	set            *storage.Set
	head           head
	auth           map[authrules.Tuple]entry
	levels         *authrules.PowerLevels
	newRows        []entry
	placed         []int64 // events that got a position in the auth-chain index
	readErr        error   // the first error of a reader that cannot return one
	rooted         bool    // the current state changed
	fl             *flight
	rev            int64   // of the room after the set
	outlier        int64   // number of the event that is here as an outlier, 0: none
	waitFor        *flight // a set in flight that holds the answer already
	closedToGuests bool    // the set may close the room to guests
	threads        map[string]*thread
	read           map[reading]bool // who has read to the end of the set, by sending or joining
}

func (s *Server) begin(rm *room) *batch {
	b := &batch{s: s, rm: rm, head: rm.head, auth: map[authrules.Tuple]entry{}, levels: rm.levels, fl: &flight{done: make(chan struct{})}}
	b.head.tips = append([]tip(nil), rm.head.tips...)
	b.v = &view{s: s, nid: rm.nid, over: &rm.over}
	b.set = &storage.Set{RoomNID: rm.nid, RoomID: rm.id, ExpectRev: rm.head.rev}
	return b
}

// get is the current state event of (kind, key); its zero value: there is none.
func (b *batch) get(ctx context.Context, kind, key string) (entry, error) {
	t := authrules.Tuple{Kind: kind, Key: key}
	if e, ok := b.auth[t]; ok {
		return e, nil
	}
	if e, ok := b.rm.auth[t]; ok {
		return e, nil
	}
	e, err := b.v.lookup(ctx, b.head.root, kind, key)
	if err == nil && !b.rooted {
		// Of the room's own root: true until the room's state moves.
		b.rm.remember(t, e)
	}
	return e, err
}

// rememberedState bounds the parts of the current state that a room keeps parsed.
const rememberedState = 128

func (rm *room) remember(t authrules.Tuple, e entry) {
	if len(rm.auth) >= rememberedState {
		for k := range rm.auth {
			rm.drop(k)
			if len(rm.auth) < rememberedState/2 {
				break
			}
		}
	}
	rm.drop(t)
	rm.auth[t] = e
	if e.ev != nil {
		rm.nids[e.ev.ID()] = e.nid
	}
}

func (rm *room) drop(t authrules.Tuple) {
	if e := rm.auth[t]; e.ev != nil {
		delete(rm.nids, e.ev.ID())
	}
	delete(rm.auth, t)
}

// reader is a state as the auth rules read it.
type reader struct {
	ctx  context.Context
	b    *batch
	root statetrie.Root
}

func (b *batch) stateReader(ctx context.Context, root statetrie.Root) authrules.State {
	return reader{ctx, b, root}
}

// Get implements authrules.State. A failed read is kept in the batch, which is
// then never enqueued.
func (r reader) Get(kind, key string) *event.Event {
	var e entry
	var err error
	if r.root == r.b.head.root {
		e, err = r.b.get(r.ctx, kind, key)
	} else {
		e, err = r.b.v.lookup(r.ctx, r.root, kind, key)
	}
	if err != nil && r.b.readErr == nil {
		r.b.readErr = err
	}
	return e.ev
}

// powerLevels are those of the current state, parsed once.
func (b *batch) powerLevels(ctx context.Context) *authrules.PowerLevels {
	if b.levels != nil {
		return b.levels
	}
	st := b.stateReader(ctx, b.head.root)
	pl, err := authrules.ParsePowerLevels(st.Get("m.room.power_levels", ""), st.Get("m.room.create", ""))
	if err != nil {
		return nil
	}
	b.levels = pl
	return pl
}

// know makes an event readable for what is built after it.
func (b *batch) know(e entry, row storage.EventRow) {
	b.newRows = append(b.newRows, e)
	b.rm.over.events[e.nid] = e.ev
	b.rm.over.rows[e.ev.ID()] = storage.StoredEvent{NID: e.nid, RoomNID: b.rm.nid, ID: e.ev.ID(),
		Flags: row.Flags, StateBefore: row.StateBefore, Push: row.Push, Thread: row.Thread, Event: e.ev}
}

// pendingRow is an event that is built and perhaps not committed yet.
func (b *batch) pendingRow(id string) (storage.StoredEvent, bool) {
	st, ok := b.rm.over.rows[id]
	return st, ok
}

func (b *batch) tip(id string) *tip {
	for i := range b.head.tips {
		if b.head.tips[i].ref.ID == id {
			return &b.head.tips[i]
		}
	}
	return nil
}

// stateChanged records that one entry of the current state is now cur.
func (b *batch) stateChanged(ctx context.Context, t authrules.Tuple, old, cur entry) error {
	b.rooted = true
	b.auth[t] = cur
	if t.Kind == "m.room.power_levels" || t.Kind == "m.room.create" {
		b.levels = nil
	}
	b.closedToGuests = b.closedToGuests || t == guestAccess && guestsMayJoin(old.ev)
	b.set.State = append(b.set.State, storage.StateChange{Type: t.Kind, Key: t.Key, Event: cur.nid})
	if t.Kind == "m.room.member" {
		return b.memberChanged(ctx, t.Key, old, cur)
	}
	return nil
}

// moveState changes the current state to root, which resolution found.
func (b *batch) moveState(ctx context.Context, root statetrie.Root) error {
	if root == b.head.root {
		return nil
	}
	type delta struct{ before, after int64 }
	var deltas []delta
	err := b.v.trie().Diff(ctx, b.head.root, root, func(_ uint64, before, after int64) error {
		deltas = append(deltas, delta{before, after})
		return nil
	})
	if err != nil {
		return err
	}
	b.head.root = root
	for _, d := range deltas {
		var old, cur entry
		var t authrules.Tuple
		for _, side := range []struct {
			nid int64
			to  *entry
		}{{d.before, &old}, {d.after, &cur}} {
			if side.nid == 0 {
				continue
			}
			ev, err := b.v.event(ctx, side.nid)
			if err != nil {
				return err
			}
			*side.to = entry{side.nid, ev}
			key, _ := ev.Key()
			t = authrules.Tuple{Kind: ev.Kind(), Key: key}
		}
		if err := b.stateChanged(ctx, t, old, cur); err != nil {
			return err
		}
	}
	return nil
}

// memberChanged keeps the rows that are derived from member events.
func (b *batch) memberChanged(ctx context.Context, user string, old, cur entry) error {
	was, is := membership(old.ev), membership(cur.ev)
	b.head.joined += count(is == "join") - count(was == "join")
	b.head.invited += count(is == "invite") - count(was == "invite")
	local := id.ServerOf(user) == b.s.name
	mc := storage.MemberChange{User: user, Membership: is, Event: cur.nid, Local: local}
	if local && (is == "invite" || is == "knock") {
		st, err := b.strippedState(ctx, cur.ev)
		if err != nil {
			return err
		}
		mc.InviteState = st
	}
	b.set.Members = append(b.set.Members, mc)
	if local {
		b.set.RingUsers = append(b.set.RingUsers, user)
		b.fl.members = append(b.fl.members, user)
		if is == "join" && was != "join" {
			b.hasRead(user, "")
			if err := b.carryOver(ctx, user); err != nil {
				return err
			}
		}
	}
	if (was == "join") != (is == "join") {
		d := 1
		if was == "join" {
			d = -1
		}
		b.set.Servers = append(b.set.Servers, storage.ServerChange{Server: id.ServerOf(user), Delta: d})
	}
	return nil
}

func membership(e *event.Event) string {
	if e == nil {
		return ""
	}
	return e.MembershipOf()
}

func count(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// enqueue hands the set to the committer and moves the room on. The caller holds
// the room lock, and waits for the flight after letting it go.
func (b *batch) enqueue() *flight {
	set := b.set
	// Event numbers never repeat, so that a revision is never met again by chance.
	set.Rev = b.rev
	b.head.rev = set.Rev
	set.Room = storage.RoomHead{StateRoot: int64(b.head.root), LastTopo: b.head.topo,
		Joined: b.head.joined, Invited: b.head.invited, Bump: b.bumps(), Counts: b.head.counts}
	for _, t := range b.head.tips {
		set.Room.Extremities = append(set.Room.Extremities, t.nid)
	}
	set.LogRoot = b.rooted
	b.setMarkers()
	for nodeID, body := range b.v.more {
		set.Nodes = append(set.Nodes, storage.NodeRow{ID: nodeID, Body: body})
		b.rm.over.nodes[nodeID] = body
		b.fl.nodes = append(b.fl.nodes, nodeID)
	}
	b.fl.events = b.newRows
	b.fl.placed = b.placed
	b.adopt()
	for _, t := range set.Txns {
		b.rm.over.txns[t.Key] = b.fl
		b.fl.txns = append(b.fl.txns, t.Key)
		b.fl.txnEvents = append(b.fl.txnEvents, b.eventID(t.Event))
	}
	b.fl.gen = b.s.events.generation()
	b.fl.pending = b.s.db.Commit(set)
	b.rm.flight = append(b.rm.flight, b.fl)
	return b.fl
}

func (b *batch) eventID(nid int64) string {
	for _, e := range b.newRows {
		if e.nid == nid {
			return e.ev.ID()
		}
	}
	return ""
}

// adopt makes the batch's view of the room the room's own.
func (b *batch) adopt() {
	b.rm.head = b.head
	b.rm.levels = b.levels
	b.rm.adoptThreads(b.threads)
	b.rm.audience.changed(b.fl.members)
	for t, e := range b.auth {
		b.rm.remember(t, e)
	}
}

// abandon takes back what know put into the room's overlay.
func (b *batch) abandon() {
	if len(b.placed) > 0 {
		b.rm.chains.clear()
	}
	b.rm.forget(&flight{events: b.newRows, placed: b.placed})
}

// bumps: the room rises in a list of rooms by these (sliding sync's default
// bump_event_types), and by nothing else.
func (b *batch) bumps() bool {
	for _, row := range b.set.Events {
		switch row.Judged.Event().Kind() {
		case "m.room.create", "m.room.message", "m.room.encrypted", "m.sticker",
			"m.call.invite", "m.poll.start", "m.beacon_info":
			if row.New {
				return true
			}
		}
	}
	return false
}
