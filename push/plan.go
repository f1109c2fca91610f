package push

import (
	"slices"

	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// Bounds of one pass over new events.
const (
	planEvents = 500
	planRows   = 2000 // of the queue, in one commit
	// saveEvery is how many positions may be gone through twice after a crash, when
	// nothing in them was for any pusher.
	saveEvery = 1000
)

// plan writes down who is to be told of the next new events up to a position, in one
// commit with the cursor, and reports whether there is more.
func (w *Worker) plan(upto int64) (more bool, err error) {
	if upto <= w.cursor {
		return false, nil
	}
	w.mu.Lock()
	users := w.refs.users()
	w.mu.Unlock()
	p := &pass{w: w, after: w.cursor, upto: upto, users: users, rooms: map[int64]*room{}, badges: map[int64]storage.Queued{}}
	if len(users) > 0 {
		if err := w.o.DB.Read(w.ctx, p.read); err != nil {
			return false, err
		}
	}
	if err := p.write(); err != nil {
		return false, err
	}
	w.cursor = p.upto
	return p.upto < upto, nil
}

// pass is one look at new events.
type pass struct {
	w           *Worker
	after, upto int64
	users       []string // who have pushers
	rooms       map[int64]*room
	rows        []storage.Queued
	badges      map[int64]storage.Queued // by pusher
}

// room is who is told of events in a room.
type room struct {
	users map[string]bool // joined, with pushers
	modes map[string]pushrules.Mode
}

func (p *pass) read(tx *storage.ReadTx) error {
	events, err := tx.HeardSince(p.after, p.upto, planEvents)
	if err != nil {
		return err
	}
	if len(events) == planEvents {
		p.upto = events[planEvents-1].Pos
	}
	list, err := tx.NotesSince(p.after, p.upto)
	if err != nil {
		return err
	}
	notes := map[int64]map[string]int64{}
	for _, n := range list {
		if notes[n.Pos] == nil {
			notes[n.Pos] = map[string]int64{}
		}
		notes[n.Pos][n.User] = n.Notify
	}
	for _, e := range events {
		if err := p.event(tx, e, notes[e.Pos]); err != nil {
			return err
		}
		if len(p.rows) >= planRows {
			p.upto = e.Pos
			break
		}
	}
	return p.readings(tx, events)
}

// event adds a row for each pusher of those for whom it notifies: by what it is for
// everybody in their mode, and by their note.
func (p *pass) event(tx *storage.ReadTx, e storage.Heard, notes map[string]int64) error {
	var r *room
	if e.Push > 0 {
		var err error
		if r, err = p.room(tx, e.Room); err != nil {
			return err
		}
		for u := range r.users {
			if _, noted := notes[u]; !noted && u != e.Sender {
				p.tell(u, e, roomserver.Told(e.Push, r.modes[u]).Notify)
			}
		}
	}
	for u, n := range notes {
		if u == e.Sender {
			continue
		}
		if r != nil && r.users[u] {
			n += roomserver.Told(e.Push, r.modes[u]).Notify
		}
		p.tell(u, e, n)
	}
	return nil
}

func (p *pass) tell(user string, e storage.Heard, notify int64) {
	if notify <= 0 {
		return
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	for _, r := range p.w.refs.byUser[user] {
		p.rows = append(p.rows, storage.Queued{Pusher: r.id, Pos: e.Pos, Room: e.Room, Event: e.Event})
	}
}

// room finds who of a room has pushers, from the shorter side.
func (p *pass) room(tx *storage.ReadTx, nid int64) (*room, error) {
	if r := p.rooms[nid]; r != nil {
		return r, nil
	}
	row, err := tx.RoomByNID(nid)
	if err != nil {
		return nil, err
	}
	var here []string
	if row.Joined < int64(len(p.users)) {
		here, err = tx.JoinedUsers(nid)
		here = p.w.withPushers(here)
	} else {
		here, err = tx.JoinedAmong(nid, p.users)
	}
	if err != nil {
		return nil, err
	}
	r := &room{users: make(map[string]bool, len(here))}
	for _, u := range here {
		r.users[u] = true
	}
	r.modes, err = p.w.o.Rooms.ModesOf(tx, here, row.ID)
	p.rooms[nid] = r
	return r, err
}

func (w *Worker) withPushers(users []string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(users, func(u string) bool { return len(w.refs.byUser[u]) == 0 })
}

// readings: who has read, or written, may have less unread than their apps show.
func (p *pass) readings(tx *storage.ReadTx, events []storage.Heard) error {
	list, err := tx.ReadingsSince(p.after, p.upto)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Pos <= p.upto {
			list = append(list, storage.Reading{User: e.Sender, Pos: e.Pos})
		}
	}
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rd := range list {
		for _, r := range w.refs.byUser[rd.User] {
			if !r.noBadge && w.lines.wantsBadge(r) {
				p.badges[r.id] = storage.Queued{Pusher: r.id, Pos: rd.Pos}
			}
		}
	}
	return nil
}

// write stores the rows with the cursor, and then sets the pushers in motion.
func (p *pass) write() error {
	w := p.w
	for _, q := range p.badges {
		p.rows = append(p.rows, q)
	}
	if len(p.rows) == 0 {
		if p.upto-w.saved < saveEvery {
			return nil
		}
		w.cursor = p.upto
		return w.save()
	}
	// The cursor moves with the last rows: after a crash between two commits rows are
	// written again, and at most sent again.
	for list := p.rows; len(list) > 0; {
		n := min(planRows, len(list))
		err := w.o.DB.Write(w.ctx, func(tx *storage.Tx) error {
			if err := tx.QueuePushes(list[:n]); err != nil || n < len(list) {
				return err
			}
			return tx.SetCursor(cursorName, p.upto)
		})
		if err != nil {
			return err
		}
		list = list[n:]
	}
	w.saved = p.upto
	return w.trim(p.start())
}

// start sets pushers in motion, and tells which have too much to send.
func (p *pass) start() (full []int64) {
	w := p.w
	now := w.o.Clock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range p.rows {
		r := w.refs.byID[q.Pusher]
		switch {
		case r == nil:
		case q.Event == 0:
			w.lines.addBadge(r, now)
		case w.lines.add(r, 1, now):
			full = append(full, q.Pusher)
		}
	}
	return full
}

// trim leaves pushers that cannot send the newest of what they have.
func (w *Worker) trim(full []int64) error {
	if len(full) == 0 {
		return nil
	}
	return w.o.DB.Write(w.ctx, func(tx *storage.Tx) error {
		for _, id := range full {
			if err := tx.TrimPushes(id, maxQueue); err != nil {
				return err
			}
		}
		return nil
	})
}

// save notes how far the worker is, when that is not noted yet.
func (w *Worker) save() error {
	if w.saved == w.cursor {
		return nil
	}
	err := w.o.DB.Write(w.ctx, func(tx *storage.Tx) error { return tx.SetCursor(cursorName, w.cursor) })
	if err == nil {
		w.saved = w.cursor
	}
	return err
}
