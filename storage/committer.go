package storage

import (
	"context"
	"sync"

	"github.com/chancery-im/chancery/internal/notify"
)

// Pending is a set on its way to the disk.
type Pending struct {
	set  *Set
	done chan struct{}
	err  error
	pos  int64
	ring notify.Ring
	// at are the positions of the set's events, where its notes ask for them.
	at map[int64]int64
}

func (p *Pending) placed(event, pos int64) {
	if p.at == nil {
		p.at = map[int64]int64{}
	}
	p.at[event] = pos
}

// Wait returns when the set is durable and the bell has rung, or when it failed.
// When ctx ends first the set may still be committed.
func (p *Pending) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	default:
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pos is the position of the set's last event, after Wait.
func (p *Pending) Pos() int64 { return p.pos }

// queue holds the sets that wait.
type queue struct {
	mu     sync.Mutex
	cond   *sync.Cond
	sets   []*Pending
	closed bool
}

// Commit hands a set to the committer and returns at once. Nothing of the set may be
// changed until it is answered.
func (db *DB) Commit(s *Set) *Pending {
	p := &Pending{set: s, done: make(chan struct{})}
	q := &db.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		p.err = ErrClosed
		close(p.done)
		return p
	}
	q.sets = append(q.sets, p)
	q.cond.Signal()
	return p
}

func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	q.cond.Broadcast()
	return true
}

// maxBatch bounds a transaction, and with it the wait of the first in it.
const maxBatch = 512

// take waits for sets; nil means that the queue is closed and empty.
func (q *queue) take() []*Pending {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.sets) == 0 {
		if q.closed {
			return nil
		}
		q.cond.Wait()
	}
	n := min(len(q.sets), maxBatch)
	batch := q.sets[:n:n]
	q.sets = q.sets[n:]
	return batch
}

// commitLoop is the committer. While it flushes, new sets gather: the busier the
// server, the more of them share a flush.
func (db *DB) commitLoop() {
	defer close(db.done)
	for {
		batch := db.queue.take()
		if batch == nil {
			return
		}
		db.commitBatch(batch)
		db.keepLogShort()
	}
}

// maxRetries is how often a batch is tried again without the set that spoiled it,
// before each of its sets runs alone.
const maxRetries = 3

// commitBatch commits what can be committed. A set that fails is taken out with what
// was built on it, and the others are tried again; then those run alone, in order,
// to get an error of their own.
func (db *DB) commitBatch(batch []*Pending) {
	var alone []*Pending
	for try := 0; len(batch) > 0; try++ {
		if failed := db.failed.Load(); failed != nil {
			db.answer(append(batch, alone...), *failed)
			return
		}
		spoiler, err := db.transact(batch)
		if err == nil {
			db.finish(batch)
			break
		}
		if len(batch) == 1 {
			db.answer(batch, err)
			break
		}
		if spoiler == nil || try == maxRetries {
			alone = inOrder(batch, alone)
			break
		}
		var out []*Pending
		batch, out = without(batch, spoiler)
		alone = append(alone, out...)
	}
	for _, p := range alone {
		db.commitBatch([]*Pending{p})
	}
}

// without parts a batch into what does not depend on a set, and what does: the set
// itself and the later ones of its room.
func without(batch []*Pending, spoiler *Pending) (rest, out []*Pending) {
	found := false
	for _, p := range batch {
		found = found || p == spoiler
		if p == spoiler || found && p.set.ofRoom() && p.set.RoomNID == spoiler.set.RoomNID {
			out = append(out, p)
		} else {
			rest = append(rest, p)
		}
	}
	return rest, out
}

// inOrder joins what is left of a batch with what was taken out before: sets of one
// room were always taken out together with their successors, so that these come last.
func inOrder(batch, out []*Pending) []*Pending {
	return append(append([]*Pending(nil), batch...), out...)
}

// finish rings and answers, in commit order.
func (db *DB) finish(batch []*Pending) {
	var all notify.Ring
	for _, p := range batch {
		if p.err != nil {
			continue
		}
		all.Rooms = append(all.Rooms, p.ring.Rooms...)
		all.Users = append(all.Users, p.ring.Users...)
		all.Servers = append(all.Servers, p.ring.Servers...)
		all.Rules = append(all.Rules, p.ring.Rules...)
		all.Members = append(all.Members, p.ring.Members...)
		all.Keys = append(all.Keys, p.ring.Keys...)
		all.Receipts = append(all.Receipts, p.ring.Receipts...)
		all.Devices = append(all.Devices, p.ring.Devices...)
		all.Pushers = append(all.Pushers, p.ring.Pushers...)
		all.Pos = max(all.Pos, p.ring.Pos)
	}
	if all.Pos > 0 {
		db.pos.Store(all.Pos)
	} else {
		all.Pos = db.pos.Load()
	}
	if len(all.Rooms)+len(all.Users)+len(all.Servers)+len(all.Rules)+len(all.Members)+len(all.Keys)+len(all.Pushers) > 0 {
		db.bell.Ring(all)
	}
	for _, p := range batch {
		close(p.done)
	}
}

func (db *DB) answer(batch []*Pending, err error) {
	for _, p := range batch {
		if p.err == nil {
			p.err = err
		}
		close(p.done)
	}
}
