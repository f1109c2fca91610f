package storage

import (
	"encoding/binary"
	"errors"
)

// rows gathers the rows of a batch of sets, table by table, so that the number of
// statements does not grow with the number of events.
type rows struct {
	tx      *Tx
	sets    []*Pending // with events
	rooms   map[int64]*roomRows
	order   []int64
	tables  map[*table][][]any
	upserts map[*table]map[string]int // last one wins, within one statement
	gone    map[stateKey]bool         // entries of current_state to delete
	uninv   map[serverKey]bool        // invites to delete, by user
	servers map[serverKey][]serverStep
	prune   []PruneRow
}

type serverKey struct {
	room   int64
	server string
}

type stateKey struct {
	room      int64
	kind, key string
}

// roomRows are the sets of one room in the batch: a chain of revisions.
type roomRows struct {
	sets  []*Pending
	rev   int64
	isNew bool
}

func newRows(tx *Tx) *rows {
	return &rows{tx: tx, rooms: map[int64]*roomRows{}, tables: map[*table][][]any{}, upserts: map[*table]map[string]int{},
		servers: map[serverKey][]serverStep{}, gone: map[stateKey]bool{}, uninv: map[serverKey]bool{}}
}

// errNoRev is a mistake of who made the set.
var errNoRev = errors.New("storage: a set of a room must move it to a new revision")

// claim puts a set into its room's chain, or tells it that the room moved on.
func (r *rows) claim(p *Pending) {
	s := p.set
	if s.Rev == 0 || s.Rev == s.ExpectRev {
		p.err = errNoRev
		return
	}
	rm := r.rooms[s.RoomNID]
	if rm == nil {
		rm = &roomRows{rev: s.ExpectRev, isNew: s.NewRoom != nil}
		r.rooms[s.RoomNID] = rm
		r.order = append(r.order, s.RoomNID)
	}
	if rm.rev != s.ExpectRev {
		p.err = ErrMoved
		return
	}
	rm.rev = s.Rev
	rm.sets = append(rm.sets, p)
	r.sets = append(r.sets, p)
}

// compareAndSet takes the positions and moves all rooms on with one statement.
// Sets of a room that is no longer where they expect it get ErrMoved.
func (r *rows) compareAndSet() error {
	if err := r.positions(); err != nil {
		return err
	}
	var updates []roomUpdate
	for _, nid := range r.order {
		rm := r.rooms[nid]
		u := r.update(rm)
		if rm.isNew {
			first := rm.sets[0].set
			r.put(tableRooms, nid, first.RoomID, first.NewRoom.Version, u.rev, u.root, u.ext, u.topo, u.pos, u.bump, u.joined, u.invited, u.counts.Notify, u.counts.Highlight, u.thread)
			continue
		}
		updates = append(updates, u)
	}
	if len(updates) == 0 {
		return nil
	}
	won, err := r.tx.c.d.updateRooms(r.tx, updates)
	if err != nil {
		return err
	}
	for _, u := range updates {
		if won[u.nid] {
			continue
		}
		for _, p := range r.rooms[u.nid].sets {
			p.err = ErrMoved
		}
	}
	return nil
}

// positions gives every new event its place in the stream: one statement, whatever
// the number of events. It also locks the row that orders commits, before any other.
func (r *rows) positions() error {
	n := int64(0)
	for _, p := range r.sets {
		n += p.set.positions()
	}
	if n == 0 {
		return nil
	}
	if err := r.tx.reserve(n); err != nil {
		return err
	}
	for _, p := range r.sets {
		if n := p.set.positions(); n > 0 {
			r.tx.next += n
			p.pos = r.tx.next
		}
	}
	return nil
}

// positions is how many places in the stream the set takes: one for each new event,
// and one for a change that comes without any: of the current state by resolution, or
// of a membership by an invite from afar.
func (s *Set) positions() int64 {
	n := s.newEvents()
	if n == 0 && (s.LogRoot || len(s.Members) > 0) {
		return 1
	}
	return n
}

func (s *Set) newEvents() (n int64) {
	for i := range s.Events {
		if s.Events[i].New {
			n++
		}
	}
	return n
}

func (r *rows) update(rm *roomRows) roomUpdate {
	first, last := rm.sets[0].set, rm.sets[len(rm.sets)-1].set
	u := roomUpdate{nid: first.RoomNID, expect: first.ExpectRev, rev: last.Rev, root: last.Room.StateRoot,
		ext: packNIDs(last.Room.Extremities), topo: last.Room.LastTopo, joined: last.Room.Joined, invited: last.Room.Invited,
		counts: last.Room.Counts}
	for _, p := range rm.sets {
		u.pos = max(u.pos, p.pos)
		if p.set.Room.Bump {
			u.bump = max(u.bump, p.pos)
		}
		if len(p.set.Threads) > 0 {
			u.thread = max(u.thread, p.pos)
		}
	}
	return u
}

func (r *rows) put(t *table, row ...any) { r.tables[t] = append(r.tables[t], row) }

// upsert keeps only the last row of a key: one statement may not touch a row twice.
func (r *rows) upsert(t *table, key string, row ...any) {
	m := r.upserts[t]
	if m == nil {
		m = map[string]int{}
		r.upserts[t] = m
	}
	if i, ok := m[key]; ok {
		r.tables[t][i] = row
		return
	}
	m[key] = len(r.tables[t])
	r.put(t, row...)
}

// add gathers one set's rows. Its positions were taken in the order of sets, the
// last one is p.pos.
func (r *rows) add(p *Pending) {
	s := p.set
	r.events(p)
	for _, n := range s.Nodes {
		r.upsert(tableNodes, key(s.RoomNID, n.ID), s.RoomNID, n.ID, n.Body)
	}
	for _, c := range s.State {
		r.state(s.RoomNID, c)
	}
	for _, m := range s.Members {
		r.member(p, m)
	}
	for _, c := range s.Servers {
		r.server(serverKey{s.RoomNID, c.Server}, serverStep{c.Delta, p.pos})
	}
	for _, c := range s.Chain {
		r.put(tableChain, c.Event, s.RoomNID, c.Chain, c.Seq)
	}
	for _, l := range s.Links {
		r.put(tableLinks, l.FromChain, l.FromSeq, l.ToChain, l.ToSeq, s.RoomNID)
	}
	for _, t := range s.Txns {
		r.put(tableTxns, append([]byte(nil), t.Key[:]...), t.Event, t.TS, append([]byte(nil), t.Device[:]...), t.TxnID)
	}
	for _, red := range s.Redactions {
		r.put(tableRedactions, s.RoomNID, red.TargetID, red.Event)
	}
	r.prune = append(r.prune, s.Prune...)
	r.pushing(p)
	if s.LogRoot && p.pos > 0 {
		r.upsert(tableStateLog, key(s.RoomNID, p.pos), s.RoomNID, p.pos, s.Room.StateRoot)
	}
	if p.pos > 0 {
		p.ring.Rooms = append(p.ring.Rooms, s.RoomID)
		p.ring.Pos = p.pos
	}
	p.ring.Users = append(p.ring.Users, s.RingUsers...)
	p.ring.Servers = append(p.ring.Servers, s.RingServers...)
}

func (r *rows) events(p *Pending) {
	pos := p.pos - p.set.newEvents()
	for _, e := range p.set.Events {
		ev := e.Judged.Event()
		var stateKey, topo, at, thread, threadNotify, threadHighlight any
		if k, ok := ev.Key(); ok {
			stateKey = k
		}
		if e.Topo > 0 {
			topo = e.Topo
		}
		if e.New {
			pos++
			at = pos
			if len(p.set.Notes) > 0 {
				p.placed(e.NID, pos)
			}
		}
		if e.Thread != 0 {
			thread, threadNotify, threadHighlight = e.Thread, e.ThreadCounts.Notify, e.ThreadCounts.Highlight
		}
		// The same number again: an outlier that gets its place in the same batch.
		r.upsert(tableEvents, key(0, e.NID), e.NID, p.set.RoomNID, ev.ID(), ev.Kind(), stateKey, ev.From(), ev.Timestamp(), ev.Height(), topo, at, e.Flags, e.StateBefore,
			e.Push, e.Counts.Notify, e.Counts.Highlight, thread, threadNotify, threadHighlight)
		r.upsert(tableJSON, key(0, e.NID), e.NID, e.JSON)
	}
}

func (r *rows) state(room int64, c StateChange) {
	at, k := key(room, 0)+c.Type+"\x00"+c.Key, stateKey{room, c.Type, c.Key}
	if c.Event == 0 {
		r.drop(tableState, at)
		r.gone[k] = true
		return
	}
	delete(r.gone, k)
	r.upsert(tableState, at, room, c.Type, c.Key, c.Event)
}

func (r *rows) member(p *Pending, m MemberChange) {
	room := p.set.RoomNID
	if m.Membership == "" {
		// Resolution took the member event away: who has none has left.
		m.Membership = "leave"
	}
	r.upsert(tableMembers, key(room, 0)+m.User, room, m.User, m.Membership, m.Event, p.pos, int64(0))
	if !m.Local {
		return
	}
	p.ring.Members = append(p.ring.Members, m.User)
	r.upsert(tableMemberLog, key(room, p.pos)+m.User, m.User, p.pos, room, m.Membership, m.Event)
	at, k := key(room, 0)+m.User, serverKey{room, m.User}
	if m.InviteState == nil {
		r.drop(tableInvites, at)
		r.uninv[k] = true
		return
	}
	delete(r.uninv, k)
	r.upsert(tableInvites, at, m.User, room, m.InviteState)
}

// drop takes back an upsert of an earlier set in the batch.
func (r *rows) drop(t *table, key string) {
	if i, ok := r.upserts[t][key]; ok {
		r.tables[t][i] = nil
		delete(r.upserts[t], key)
	}
}

func key(a, b int64) string {
	var k [16]byte
	binary.BigEndian.PutUint64(k[:8], uint64(a))
	binary.BigEndian.PutUint64(k[8:], uint64(b))
	return string(k[:])
}
