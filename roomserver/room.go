package roomserver

import (
	"context"
	"errors"
	"sync"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// room is an active room in memory: its head as the next event will see it,
// which is ahead of the database by the sets in flight. Everything below mu is
// guarded by it; the lock covers building and enqueuing, never the flush.
type room struct {
	id string
	mu sync.Mutex

	loaded bool
	dead   bool // a set in flight failed: what we hold never came to be
	nid    int64
	rules  *event.Rules
	head   head
	auth   map[authrules.Tuple]entry // parts of the current state, also its gaps
	levels *authrules.PowerLevels    // of the current power levels event
	flight []*flight
	over   overlay
	recent map[[16]byte]string // transaction ids that were committed lately
	nids   map[string]int64    // of the events in auth
	chains *chainCache         // the auth-chain index, with what is in flight

	threads  map[string]*thread // by root, some of them
	audience audience           // local members whose push rules are unusual
}

// head is what a set of rows changes of a room.
type head struct {
	rev     int64
	root    statetrie.Root
	tips    []tip
	topo    int64
	joined  int64
	invited int64
	counts  storage.Counts // what notified in the main timeline so far
}

// tip is a forward extremity.
type tip struct {
	nid   int64
	ref   event.EventRef
	depth int64
	after statetrie.Root // the state after it
}

type entry struct {
	nid int64
	ev  *event.Event
}

// overlay holds what is built but perhaps not yet committed.
type overlay struct {
	nodes  map[int64][]byte
	events map[int64]*event.Event
	rows   map[string]storage.StoredEvent
	txns   map[[16]byte]*flight
}

// flight is a set on its way to the disk.
type flight struct {
	pending   *storage.Pending
	events    []entry
	nodes     []int64
	txns      [][16]byte
	txnEvents []string
	pruned    []int64
	gen       uint64 // of the event cache when the set was handed over
	placed    []int64
	members   []string      // local users whose member event changed
	done      chan struct{} // closed by the one who waits
	err       error         // valid once done is closed
}

// roomCache holds the active rooms.
type roomCache struct {
	mu    sync.Mutex
	rooms map[string]*room
}

func (s *Server) cachedRoom(id string) *room {
	c := &s.rooms
	c.mu.Lock()
	defer c.mu.Unlock()
	if rm := c.rooms[id]; rm != nil {
		return rm
	}
	if len(c.rooms) >= roomCacheSize {
		c.evict()
	}
	rm := &room{id: id}
	c.rooms[id] = rm
	return rm
}

// evict removes some rooms that nobody is using. A room with sets in flight
// stays: a second copy of it could not see them.
func (c *roomCache) evict() {
	n := 0
	for id, rm := range c.rooms {
		if !rm.mu.TryLock() {
			continue
		}
		rm.reap()
		if len(rm.flight) == 0 {
			rm.dead = true
			delete(c.rooms, id)
			n++
		}
		rm.mu.Unlock()
		if n >= roomCacheSize/8 {
			return
		}
	}
}

func (s *Server) dropRoom(rm *room) {
	s.rooms.mu.Lock()
	if s.rooms.rooms[rm.id] == rm {
		delete(s.rooms.rooms, rm.id)
	}
	s.rooms.mu.Unlock()
}

// errUnknownRoom is what everybody is told of a room that is not here.
var errUnknownRoom = matrixerr.NotFound("Room not found")

// lockRoom returns the room, loaded and locked.
func (s *Server) lockRoom(ctx context.Context, id string) (*room, error) {
	for {
		rm := s.cachedRoom(id)
		rm.mu.Lock()
		if rm.dead {
			rm.mu.Unlock()
			s.dropRoom(rm)
			continue
		}
		if !rm.loaded {
			if err := s.load(ctx, rm); err != nil {
				rm.dead = true
				rm.mu.Unlock()
				s.dropRoom(rm)
				return nil, err
			}
		}
		rm.reap()
		return rm, nil
	}
}

// load reads the room's head. It runs under the room lock, in one short read.
func (s *Server) load(ctx context.Context, rm *room) error {
	return s.db.Read(ctx, func(tx *storage.ReadTx) error {
		row, err := tx.Room(rm.id)
		if errors.Is(err, storage.ErrNotFound) {
			return errUnknownRoom
		}
		if err != nil {
			return err
		}
		tips, err := tx.EventsByNID(row.NID, row.Extremities)
		if err != nil {
			return err
		}
		rm.reset(row.NID, event.RulesOf(event.Version(row.Version)))
		rm.head = head{rev: row.Rev, root: statetrie.Root(row.StateRoot), topo: row.LastTopo,
			joined: row.Joined, invited: row.Invited, counts: row.Counts}
		v := &view{s: s, nid: rm.nid, tx: tx}
		for _, nid := range row.Extremities {
			st, ok := tips[nid]
			if !ok {
				return errors.New("roomserver: an extremity of " + rm.id + " is missing")
			}
			after, err := v.stateAfter(ctx, st)
			if err != nil {
				return err
			}
			rm.head.tips = append(rm.head.tips, tip{nid, st.Event.Ref(), st.Event.Height(), after})
		}
		return nil
	})
}

func (rm *room) reset(nid int64, rules *event.Rules) {
	rm.loaded, rm.nid, rm.rules = true, nid, rules
	rm.auth = map[authrules.Tuple]entry{}
	rm.nids = map[string]int64{}
	rm.recent = map[[16]byte]string{}
	rm.over = newOverlay()
}

func newOverlay() overlay {
	return overlay{nodes: map[int64][]byte{}, events: map[int64]*event.Event{}, rows: map[string]storage.StoredEvent{},
		txns: map[[16]byte]*flight{}}
}

// reap forgets what is committed from the overlay: the database has it. Flights
// finish in order.
func (rm *room) reap() {
	n := 0
	for n < len(rm.flight) && rm.flight[n].finished() {
		rm.forget(rm.flight[n])
		n++
	}
	if n > 0 {
		rm.flight = append(rm.flight[:0:0], rm.flight[n:]...)
	}
}

func (rm *room) forget(f *flight) {
	for _, p := range f.events {
		delete(rm.over.events, p.nid)
		delete(rm.over.rows, p.ev.ID())
	}
	if rm.chains != nil {
		rm.chains.Remove(f.placed)
	}
	for _, id := range f.nodes {
		delete(rm.over.nodes, id)
	}
	for i, k := range f.txns {
		delete(rm.over.txns, k)
		if f.finished() && f.err == nil {
			rm.repeatable(k, f.txnEvents[i])
		}
	}
}

// recentTxns bounds the transaction ids that a room remembers after their commit:
// for requests that looked them up in the database just before it.
const recentTxns = 512

func (rm *room) repeatable(k [16]byte, eventID string) {
	if len(rm.recent) >= recentTxns {
		clear(rm.recent)
	}
	rm.recent[k] = eventID
}

func (f *flight) finished() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}
