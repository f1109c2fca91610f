package roomserver

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/chancery-im/chancery/internal/notify"
)

// maxTyping is the longest that somebody types without saying so again.
const maxTyping = 2 * time.Minute

// typing is who types where. It is not stored: after a restart nobody types, and a
// client's token tells that it was of another run.
type typing struct {
	mu    sync.Mutex
	rooms map[string]*typists
	log   []typed // the last changes, oldest first
	since int64   // the log has all changes after this one
}

// typed is a change of who types in a room.
type typed struct {
	n    int64
	room string
}

// typingLog bounds the changes that are remembered one by one.
const typingLog = 2048

// typists are the people who type in a room.
type typists struct {
	changed int64 // the number of the last change
	until   map[string]*time.Timer
}

// SetTyping notes that a member types, for so long, or no longer.
func (s *Server) SetTyping(ctx context.Context, user, room string, on bool, d time.Duration) error {
	if err := s.CheckMember(ctx, user, room); err != nil {
		return err
	}
	t := &s.typing
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rooms[room]
	if r == nil {
		r = &typists{until: map[string]*time.Timer{}}
		t.rooms[room] = r
	}
	old := r.until[user]
	if old != nil {
		old.Stop()
		delete(r.until, user)
	}
	if on {
		r.until[user] = time.AfterFunc(min(d, maxTyping), func() { s.typingEnds(user, room) })
	}
	if on != (old != nil) {
		s.typingChanged(r, room)
	}
	return nil
}

func (s *Server) typingEnds(user, room string) {
	s.typing.mu.Lock()
	defer s.typing.mu.Unlock()
	if r := s.typing.rooms[room]; r != nil && r.until[user] != nil {
		delete(r.until, user)
		s.typingChanged(r, room)
	}
}

// typingChanged runs under the lock. The bell's listeners do not block.
func (s *Server) typingChanged(r *typists, room string) {
	r.changed = s.count.Next()
	t := &s.typing
	if len(t.log) == typingLog {
		half := typingLog / 2
		t.since = t.log[half-1].n
		t.log = append(t.log[:0], t.log[half:]...)
	}
	t.log = append(t.log, typed{r.changed, room})
	if s.bell != nil {
		s.bell.Ring(notify.Ring{Rooms: []string{room}})
	}
}

// TypingSince are the rooms in which somebody's typing changed after the change of a
// number; known is false when that is too long ago to tell. What was numbered before
// the call is among them.
func (s *Server) TypingSince(after int64) (rooms []string, known bool) {
	t := &s.typing
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.log) - 1; i >= 0 && t.log[i].n > after; i-- {
		rooms = append(rooms, t.log[i].room)
	}
	return rooms, after >= t.since
}

// Typing tells who types in a room, when that changed after the change of a number.
func (s *Server) Typing(room string, after int64) (users []string, changed bool) {
	s.typing.mu.Lock()
	defer s.typing.mu.Unlock()
	r := s.typing.rooms[room]
	if r == nil || r.changed <= after {
		return nil, false
	}
	users = []string{}
	for u := range r.until {
		users = append(users, u)
	}
	slices.Sort(users)
	return users, true
}
