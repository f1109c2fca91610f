package push

import (
	"context"
	"errors"
	"time"

	"github.com/chancery-im/chancery/internal/mailer"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// Mail is what notifications by mail need.
type Mail struct {
	Send func(context.Context, mailer.Message) error
	// Unsubscribe is the link that ends the mails of a pusher.
	Unsubscribe func(pusher int64) string
	Server      string // its name
}

// When mails are sent. A message waits ten minutes to be read; then a room is silent
// for ten minutes, twice as long after each mail, until it has been quiet for half a
// day.
const (
	mailDelay  = 10 * time.Minute
	firstPause = 10 * time.Minute
	lastPause  = 24 * time.Hour
	quietAfter = 12 * time.Hour
	// mailAge is when a message is too old to be told: it outlasts the longest pause.
	mailAge = 72 * time.Hour
	// mailHost stands for the mail server among the gateways, which takes perMail at a
	// time.
	mailHost = "the mail server"
	perMail  = 2
)

// unread is a message that a mail is to tell.
type unread struct {
	queued storage.Queued
	notice *roomserver.Notice
}

// letter is the work of a pusher that sends mail.
type letter struct {
	work
	pauses map[int64]storage.MailPause
	unread []unread
}

// attemptMail sends one mail with all that is unread, when a room's time has come, and
// else tells when it will.
func (w *Worker) attemptMail(ref *ref) (r result, err error) {
	r.shown = -1
	var l *letter
	err = w.o.DB.Read(w.ctx, func(tx *storage.ReadTx) error {
		l, err = w.readMail(tx, ref)
		return err
	})
	if err != nil || l.gone {
		return r, err
	}
	now := w.o.Clock()
	a := answer{}
	switch due := l.due(); {
	case len(l.unread) == 0:
	case now.Before(due):
		r.until = due
	default:
		if a = w.mail(l); w.ctx.Err() != nil {
			return r, w.ctx.Err()
		}
		r.err, r.down, r.asked = a.err, a.down, a.asked
		for _, u := range l.unread {
			l.drop = append(l.drop, u.queued)
		}
	}
	if a.err != nil {
		l.drop = nil
	}
	r.done = len(l.drop)
	return r, w.storeMail(l, a, now)
}

func (w *Worker) readMail(tx *storage.ReadTx, ref *ref) (*letter, error) {
	l := &letter{pauses: map[int64]storage.MailPause{}}
	var err error
	if l.pusher, err = tx.Pusher(ref.id); errors.Is(err, storage.ErrNotFound) || err == nil && !l.pusher.Enabled {
		l.gone = true
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	pauses, err := tx.MailPauses(ref.id)
	if err != nil {
		return nil, err
	}
	for _, p := range pauses {
		l.pauses[p.Room] = p
	}
	list, err := tx.NextPushes(ref.id, maxQueue+slack)
	for _, q := range list {
		var n *roomserver.Notice
		if w.o.Clock().UnixMilli()-q.At <= mailAge.Milliseconds() {
			if n, err = w.o.Rooms.Notice(w.ctx, tx, ref.user, q.Room, q.Event); err != nil {
				return nil, err
			}
		}
		if n == nil {
			l.drop = append(l.drop, q)
		} else {
			l.unread = append(l.unread, unread{q, n})
		}
	}
	return l, err
}

// due is when the first room may be written about.
func (l *letter) due() (due time.Time) {
	for _, u := range l.unread {
		at := time.UnixMilli(u.queued.At).Add(mailDelay)
		if p, ok := l.pauses[u.queued.Room]; ok && !l.restful(p, u.queued) {
			if end := time.UnixMilli(p.Sent + p.Pause); end.After(at) {
				at = end
			}
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// restful: the room was quiet for long enough before the message.
func (l *letter) restful(p storage.MailPause, q storage.Queued) bool {
	return q.At-p.Sent > quietAfter.Milliseconds()
}

// mail sends it.
func (w *Worker) mail(l *letter) answer {
	list := make([]*roomserver.Notice, 0, len(l.unread))
	for _, u := range l.unread {
		list = append(list, u.notice)
	}
	m := w.o.Mail
	msg, err := newDigest(list, l.pusher.User, m.Server, m.Unsubscribe(l.pusher.ID)).message(l.pusher.Key)
	if err == nil {
		err = m.Send(w.ctx, msg)
	}
	switch {
	case err == nil:
		return answer{asked: true}
	case errors.Is(err, mailer.ErrRefused):
		w.o.Log.WithError(err).WithField("user", l.pusher.User).Warn("the mail server refused a mail")
		return answer{asked: true}
	}
	return answer{err: err, down: true}
}

func (w *Worker) storeMail(l *letter, a answer, now time.Time) error {
	if a.err != nil && l.pusher.FailingSince != 0 || a.err == nil && len(l.drop) == 0 {
		return nil
	}
	return w.o.DB.Write(w.ctx, func(tx *storage.Tx) error {
		if a.err != nil || a.asked {
			if err := w.o.Users.PusherWorked(tx, l.pusher, a.err == nil); err != nil {
				return err
			}
		}
		if a.asked {
			for _, p := range l.after(now) {
				if err := tx.PutMailPause(l.pusher.ID, p); err != nil {
					return err
				}
			}
		}
		if len(l.drop) == 0 {
			return nil
		}
		return tx.DropPushes(l.pusher.ID, l.drop)
	})
}

// after are the pauses that follow a mail.
func (l *letter) after(now time.Time) (out []storage.MailPause) {
	seen := map[int64]bool{}
	for _, u := range l.unread {
		room := u.queued.Room
		if seen[room] {
			continue
		}
		seen[room] = true
		p, ok := l.pauses[room]
		pause := firstPause.Milliseconds()
		if ok && !l.restful(p, u.queued) {
			pause = min(2*p.Pause, lastPause.Milliseconds())
		}
		out = append(out, storage.MailPause{Room: room, Sent: now.UnixMilli(), Pause: pause})
	}
	return out
}
