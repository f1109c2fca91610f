package userserver

import (
	"context"
	"strings"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// maxStatus is the longest status message, in bytes: some sentences. It goes out to
// everybody in the user's rooms, with every change.
const maxStatus = 512

var errNoPresence = matrixerr.Forbidden("You are not allowed to see their presence")

// SetPresence says where a user stands at one of their devices, and what they say of
// themselves; "" is nothing. The message is kept before this returns.
func (s *Server) SetPresence(ctx context.Context, sess Session, state, status string) error {
	st, ok := presenceOf(state)
	switch {
	case !ok:
		return matrixerr.InvalidParam("presence is online, unavailable or offline")
	case len(status) > maxStatus:
		return matrixerr.New(400, "M_TOO_LARGE", "A status message is at most 512 bytes long")
	case strings.ContainsRune(status, 0):
		return matrixerr.InvalidParam("status_msg has a character that is no text")
	case s.presence.off:
		return nil
	}
	// One after the other: what is kept is what was said last.
	defer s.turns.take("presence of " + sess.User)()
	if was := s.Presence(sess.User); was.Status != status {
		p := storage.Presence{User: sess.User, Status: status, LastActive: was.LastActive}
		if err := s.write(ctx, func(tx *storage.Tx) error { return tx.SaysPresence(p) }); err != nil {
			return err
		}
	}
	s.touch(sess.User, func(p *present, now int64) {
		p.status = status
		d := p.at(deviceOf(sess))
		// "The activity time is updated", whatever was said.
		d.state, d.seen, d.active, p.active = st, now, now, now
	})
	return nil
}

// BeginSync notes that a device asks what is new, and is there until the function that
// it returns is called, and a little longer. With "offline" it asks unseen.
func (s *Server) BeginSync(sess Session, state string) (end func(), err error) {
	if state == "" {
		state = "online"
	}
	st, ok := presenceOf(state)
	if !ok {
		return nil, matrixerr.InvalidParam("set_presence is online, unavailable or offline")
	}
	if st == offline || s.presence.off {
		return func() {}, nil
	}
	var d *atDevice
	s.touch(sess.User, func(p *present, now int64) {
		d = p.at(deviceOf(sess))
		d.polls++
		d.state, d.seen = st, now
		if st == online {
			d.active, p.active = now, now
		}
	})
	return func() {
		s.touch(sess.User, func(p *present, now int64) {
			d.polls--
			d.seen = now
		})
	}, nil
}

// Active notes that somebody did something at a device: sent a message, read one. Who
// idled is online by it; who is not there, or does not want to be seen, stays so.
func (s *Server) Active(sess Session) {
	if s.presence.off || !s.presence.there(sess.User) {
		return
	}
	s.touch(sess.User, func(p *present, now int64) {
		d := p.devices[deviceOf(sess)]
		if d == nil || d.state == offline {
			return
		}
		d.state, d.seen, d.active, p.active = online, now, now, now
	})
}

func deviceOf(sess Session) string {
	if sess.Device == "" {
		return "session " + itoa(sess.ID)
	}
	return sess.Device
}

// PresenceFor is a user's presence as a reader may see it, who must be in a room with
// them. 403 is the same for users who are not there at all.
func (s *Server) PresenceFor(ctx context.Context, reader, user string) (Presence, error) {
	if reader == user {
		return s.Presence(user), nil
	}
	var shared bool
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		shared, err = tx.ShareRoom(reader, user)
		return err
	})
	if err == nil && !shared {
		err = errNoPresence
	}
	return s.Presence(user), err
}

// Presence is a user's presence now; offline of who is not known.
func (s *Server) Presence(user string) Presence {
	s.presence.mu.RLock()
	defer s.presence.mu.RUnlock()
	if p := s.presence.users[user]; p != nil {
		return p.shown()
	}
	return Presence{User: user}
}

// PresenceChanges are the users whose presence changed after a number of the count, up
// to another, the newest first.
func (s *Server) PresenceChanges(after, upto int64) []Presence {
	s.presence.mu.RLock()
	defer s.presence.mu.RUnlock()
	var out []Presence
	for e := s.presence.changed.Front(); e != nil; e = e.Next() {
		p := e.Value.(*present)
		if p.changed <= after {
			break
		}
		if p.changed <= upto {
			out = append(out, p.shown())
		}
	}
	return out
}

// PresenceOfAll are the users of whom there is something to say: who are there, and
// who left a message.
func (s *Server) PresenceOfAll() []Presence {
	s.presence.mu.RLock()
	defer s.presence.mu.RUnlock()
	out := make([]Presence, 0, len(s.presence.loud))
	for _, p := range s.presence.loud {
		out = append(out, p.shown())
	}
	return out
}

// PresenceSince is PresenceOfAll with those who have been active since a time, in ms:
// for a reader who saw them there before this start of the server.
func (s *Server) PresenceSince(ms int64) []Presence {
	s.presence.mu.RLock()
	defer s.presence.mu.RUnlock()
	var out []Presence
	for _, p := range s.presence.users {
		if p.loud() || p.active >= ms {
			out = append(out, p.shown())
		}
	}
	return out
}
