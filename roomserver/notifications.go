package roomserver

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// NotificationsRequest is what GET /notifications asks for. From is a token that an
// earlier answer gave.
type NotificationsRequest struct {
	From       string
	Limit      int
	Highlights bool
}

// Notification is an event that a user was notified of.
type Notification struct {
	Visible
	RoomID  string
	Actions []json.RawMessage
	Read    bool
}

// Notifications are the events that a user was notified of in the rooms that they are
// in, the newest first, and a token of where to go on; "" when there is nothing more.
func (s *Server) Notifications(ctx context.Context, r Reader, q NotificationsRequest) (list []Notification, next string, err error) {
	before := int64(math.MaxInt64)
	if q.From != "" {
		if before, err = strconv.ParseInt(q.From, 10, 64); err != nil || before < 0 {
			return nil, "", matrixerr.InvalidParam("from is not a token of this server")
		}
	}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		m := &merge{s: s, tx: tx, user: r.UserID, highlights: q.Highlights, rooms: map[int64]*noticeRoom{}, upto: before}
		if err := m.begin(); err != nil {
			return err
		}
		for looked := 0; len(list) < q.Limit; looked++ {
			if looked == scanBudget {
				break
			}
			one, more, err := m.next()
			if err != nil || !more {
				next = ""
				return err
			}
			next = strconv.FormatInt(m.upto, 10)
			if one == nil {
				continue
			}
			n, err := s.notification(ctx, tx, r, m, one)
			if err != nil {
				return err
			}
			list = append(list, n...)
		}
		return nil
	})
	return list, next, err
}

// noticeRoom is a room of the user, and what in it notified everybody.
type noticeRoom struct {
	row   storage.RoomRow
	mode  pushrules.Mode
	since int64 // when the user's stay began
	marks marks
	head  []storage.Notified
	done  bool
}

// merge goes through the notifications of all rooms of a user at once, the newest
// first. A room is only looked into when the way back has come to its last event.
type merge struct {
	s          *Server
	tx         *storage.ReadTx
	user       string
	highlights bool
	upto       int64 // what is at it or after it has been told
	rooms      map[int64]*noticeRoom
	closed     []*noticeRoom // not looked into yet, the newest first
	opened     []*noticeRoom
	notes      []storage.UserNote
	noted      bool // there are no more notes
}

// found is an event that notified the user.
type found struct {
	storage.Notified
	room      *noticeRoom
	highlight bool
}

const mergeChunk = 30

func (m *merge) begin() error {
	rows, err := m.tx.JoinedRooms(m.user)
	if err != nil {
		return err
	}
	p, err := m.s.personOf(m.tx, m.user)
	if err != nil {
		return err
	}
	nids := make([]int64, len(rows))
	for i, row := range rows {
		r := &noticeRoom{row: row}
		if p != nil {
			r.mode = p.rules.ModeOf(row.ID)
		}
		nids[i], m.rooms[row.NID] = row.NID, r
		m.closed = append(m.closed, r)
	}
	slices.SortFunc(m.closed, func(a, b *noticeRoom) int { return int(min(1, max(-1, b.row.LastPos-a.row.LastPos))) })
	list, err := m.tx.Markers(m.user, nids)
	for _, k := range list {
		m.rooms[k.RoomNID].marks = append(m.rooms[k.RoomNID].marks, k)
	}
	return err
}

// next is the next event that somebody was notified of; nil when it was not the user.
func (m *merge) next() (one *found, more bool, err error) {
	if err := m.fill(); err != nil {
		return nil, false, err
	}
	newest := int64(0)
	var from *noticeRoom
	for _, r := range m.opened {
		if len(r.head) > 0 && r.head[0].Pos > newest {
			newest, from = r.head[0].Pos, r
		}
	}
	var note *storage.UserNote
	if len(m.notes) > 0 && m.notes[0].Pos >= newest {
		note = &m.notes[0]
		m.notes = m.notes[1:]
		if note.Pos > newest {
			newest, from = note.Pos, nil
		}
	}
	if newest == 0 {
		return nil, false, nil
	}
	m.upto = newest
	one, err = m.judge(from, note)
	return one, true, err
}

// judge takes an event from its room, from the user's notes or from both, and says
// whether it notified the user.
func (m *merge) judge(from *noticeRoom, note *storage.UserNote) (*found, error) {
	f := &found{room: from}
	if from != nil {
		f.Notified, from.head = from.head[0], from.head[1:]
	} else {
		if f.room = m.rooms[note.RoomNID]; f.room == nil {
			return nil, nil
		}
		list, err := m.tx.NotifiedAt(note.RoomNID, []int64{note.Event})
		if err != nil || len(list) == 0 {
			return nil, err
		}
		f.Notified = list[0]
	}
	c := Told(f.Push, f.room.mode)
	if note != nil {
		c = plus(c, storage.Counts{Notify: note.Notify, Highlight: note.Highlight})
	}
	f.highlight = c.Highlight > 0
	if c.Notify <= 0 || m.highlights && !f.highlight || f.Redacted || f.Sender == m.user {
		return nil, nil
	}
	return f, nil
}

// fill makes sure that the newest event which is left is at a head.
func (m *merge) fill() (err error) {
	if len(m.notes) == 0 && !m.noted {
		if m.notes, err = m.tx.NotedFor(m.user, m.upto, mergeChunk); err != nil {
			return err
		}
		m.noted = len(m.notes) < mergeChunk
	}
	newest := int64(0)
	for _, r := range m.opened {
		if err := m.refill(r); err != nil {
			return err
		}
		if len(r.head) > 0 {
			newest = max(newest, r.head[0].Pos)
		}
	}
	for len(m.closed) > 0 && m.closed[0].row.LastPos > newest {
		r := m.closed[0]
		m.closed = m.closed[1:]
		if r.since, err = m.tx.StaySince(r.row.NID, m.user); err != nil {
			return err
		}
		// Who wants nothing of the room has notes at most.
		r.done = r.mode == pushrules.Mute
		if err := m.refill(r); err != nil {
			return err
		}
		if len(r.head) > 0 {
			m.opened = append(m.opened, r)
			newest = max(newest, r.head[0].Pos)
		}
	}
	return nil
}

func (m *merge) refill(r *noticeRoom) (err error) {
	if len(r.head) > 0 || r.done {
		return nil
	}
	r.head, err = m.tx.NotifiedIn(r.row.NID, r.since, m.upto, m.highlights || r.mode == pushrules.Quiet, mergeChunk)
	r.done = len(r.head) < mergeChunk
	return err
}

// notification is what a client is told of one event, or nothing when it may not see
// it.
func (s *Server) notification(ctx context.Context, tx *storage.ReadTx, r Reader, m *merge, f *found) ([]Notification, error) {
	evs, err := tx.EventsByNID(f.Room, []int64{f.Event})
	if err != nil {
		return nil, err
	}
	list, err := s.Filter(ctx, tx, r, f.room.row, []storage.StoredEvent{evs[f.Event]})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	n := Notification{Visible: list[0], RoomID: f.room.row.ID}
	o, err := s.outcome(ctx, tx, r.UserID, f.room.row, n.Event)
	if err != nil {
		return nil, err
	}
	if n.Actions = o.Actions; !o.Notify || o.Highlight != f.highlight {
		// The rules were others then.
		n.Actions = []json.RawMessage{json.RawMessage(`"notify"`)}
		if f.highlight {
			n.Actions = append(n.Actions, json.RawMessage(`{"set_tweak":"highlight"}`))
		}
	}
	n.Read, err = s.markedRead(tx, f.room.marks, f.Pos, f.Thread)
	return []Notification{n}, err
}
