package roomserver

import (
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// Unread is what a user has not read in a room: in the main timeline, and in threads by
// their root. Threads with nothing unread are left out.
type Unread struct {
	Main    storage.Counts
	Threads map[string]storage.Counts
}

// All is the unread of the room with its threads.
func (u *Unread) All() storage.Counts {
	c := u.Main
	for _, t := range u.Threads {
		c.Notify += t.Notify
		c.Highlight += t.Highlight
	}
	return c
}

// maxThreads bounds the threads of a room whose unread are told: the newest.
const maxThreads = 1000

// UnreadIn are the unread counts of a joined user in some rooms, by the room's number.
// They are derived: what the room had counted at its head, less what it had counted
// where the user has read up to, and the user's own notes.
func (s *Server) UnreadIn(tx *storage.ReadTx, user string, rooms []storage.RoomRow) (map[int64]*Unread, error) {
	p, err := s.personOf(tx, user)
	if err != nil {
		return nil, err
	}
	nids := make([]int64, len(rooms))
	for i, r := range rooms {
		nids[i] = r.NID
	}
	markers, err := tx.Markers(user, nids)
	if err != nil {
		return nil, err
	}
	notes, err := tx.UnreadNotes(user, nids)
	if err != nil {
		return nil, err
	}
	count := counting{tx: tx, marks: map[int64]marks{}, notes: map[int64][]storage.Note{}}
	for _, m := range markers {
		count.marks[m.RoomNID] = append(count.marks[m.RoomNID], m)
	}
	for _, n := range notes {
		count.notes[n.RoomNID] = append(count.notes[n.RoomNID], n)
	}
	out := make(map[int64]*Unread, len(rooms))
	for _, r := range rooms {
		mode := pushrules.Normal
		if p != nil {
			mode = p.rules.ModeOf(r.ID)
		}
		if out[r.NID], err = count.room(r, mode); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// counting is the count of one user's unread in one snapshot.
type counting struct {
	tx    *storage.ReadTx
	marks map[int64]marks
	notes map[int64][]storage.Note
}

// marks are a user's markers in one room.
type marks []storage.Marker

func (m marks) of(thread string) storage.Marker {
	for _, k := range m {
		if k.Thread == thread {
			return k
		}
	}
	return storage.Marker{}
}

// base is where counting begins.
type base struct {
	pos    int64
	counts storage.Counts
}

func (b base) or(pos int64, c storage.Counts) base {
	if pos > b.pos {
		return base{pos, c}
	}
	return b
}

func (c *counting) room(r storage.RoomRow, mode pushrules.Mode) (*Unread, error) {
	m := c.marks[r.NID]
	all, mainOnly := m.of(""), m.of(mainThread)
	start := base{max(all.Pos, all.From), all.Counts}
	main := start.or(mainOnly.Pos, mainOnly.Counts)
	u := &Unread{Main: told(less(r.Counts, main.counts), mode)}
	threads := map[int64]*threadUnread{}
	if r.ThreadPos > start.pos {
		if err := c.threads(r, m, start.pos, mode, threads); err != nil {
			return nil, err
		}
	}
	if r.WithdrawnPos > start.pos {
		gone, err := c.tx.WithdrawnSince(r.NID, start.pos)
		if err != nil {
			return nil, err
		}
		for _, w := range gone {
			t := Told(w.Push, mode)
			switch th := threads[w.Thread]; {
			case w.Thread == 0 && w.Pos > main.pos:
				u.Main = less(u.Main, t)
			case th != nil && w.Pos > th.from:
				th.counts = less(th.counts, t)
			}
		}
	}
	readTo := max(all.Pos, mainOnly.Pos)
	for _, n := range c.notes[r.NID] {
		t := storage.Counts{Notify: n.Notify, Highlight: n.Highlight}
		switch th := threads[n.Thread]; {
		case n.Thread == 0 && n.Pos > readTo:
			u.Main = plus(u.Main, t)
		case th != nil && n.Pos > th.read:
			th.counts = plus(th.counts, t)
		}
	}
	u.Main = atLeastNone(u.Main)
	for _, th := range threads {
		if th.counts = atLeastNone(th.counts); th.counts != (storage.Counts{}) {
			if u.Threads == nil {
				u.Threads = map[string]storage.Counts{}
			}
			u.Threads[th.root] = th.counts
		}
	}
	return u, nil
}

// threadUnread is a thread that may have something unread: counted from a position on,
// and read up to one.
type threadUnread struct {
	root       string
	from, read int64
	counts     storage.Counts
}

func (c *counting) threads(r storage.RoomRow, m marks, start int64, mode pushrules.Mode, out map[int64]*threadUnread) error {
	list, err := c.tx.ThreadsSince(r.NID, start, maxThreads)
	if err != nil {
		return err
	}
	for _, th := range list {
		own := m.of(th.RootID)
		b := base{own.Pos, own.Counts}
		if own.Pos <= start {
			b.pos = start
			if b.counts, err = c.tx.ThreadCountsAt(th.NID, start); err != nil {
				return err
			}
		}
		out[th.NID] = &threadUnread{root: th.RootID, from: b.pos, read: max(m.of("").Pos, own.Pos), counts: told(less(th.Counts, b.counts), mode)}
	}
	return nil
}

// told is what counts of events mean for a member in a mode.
func told(c storage.Counts, mode pushrules.Mode) storage.Counts {
	n, h := Told(pushNotify, mode), Told(pushHighlight, mode)
	return storage.Counts{Notify: c.Notify*n.Notify + c.Highlight*h.Notify, Highlight: c.Highlight * h.Highlight}
}

func less(a, b storage.Counts) storage.Counts {
	return storage.Counts{Notify: a.Notify - b.Notify, Highlight: a.Highlight - b.Highlight}
}

func plus(a, b storage.Counts) storage.Counts {
	return storage.Counts{Notify: a.Notify + b.Notify, Highlight: a.Highlight + b.Highlight}
}

func atLeastNone(c storage.Counts) storage.Counts {
	return storage.Counts{Notify: max(c.Notify, 0), Highlight: max(c.Highlight, 0)}
}

// RulesChanged begins to count anew where a user's new rules are louder than the old
// ones: what was quiet when it came stays so. It runs in the transaction that stores
// the rules.
func (s *Server) RulesChanged(tx *storage.Tx, user string, before, after *pushrules.Compiled) error {
	rooms, err := tx.JoinedRooms(user)
	if err != nil {
		return err
	}
	now := int64(0)
	for _, r := range rooms {
		if after.ModeOf(r.ID) >= before.ModeOf(r.ID) {
			continue
		}
		if now == 0 {
			now = tx.NextPos()
		}
		if err := tx.CountFrom(user, r.NID, now); err != nil {
			return err
		}
	}
	return nil
}
