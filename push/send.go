package push

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

const (
	// maxAge is when a notification is too old to be sent.
	maxAge = 24 * time.Hour
	// lookedAt is how many notifications are looked at to find one worth sending.
	lookedAt = 50

	firstRetry = time.Second
	lastRetry  = time.Hour
)

// dispatch starts what is due, and tells how long nothing else will be.
func (w *Worker) dispatch() time.Duration {
	w.mu.Lock()
	start, wait := w.lines.next(w.o.Clock())
	w.running.Add(len(start))
	w.mu.Unlock()
	for _, j := range start {
		go w.send(j)
	}
	return wait
}

// send makes one attempt for a pusher.
func (w *Worker) send(j job) {
	defer w.running.Done()
	attempt := w.attempt
	if j.ref.mail {
		attempt = w.attemptMail
	}
	r, err := attempt(j.ref)
	if err != nil && w.ctx.Err() == nil {
		w.o.Log.WithError(err).WithField("user", j.ref.user).Error("a notification was not sent")
	}
	if r.err == nil {
		r.err = err
	}
	w.mu.Lock()
	changed := w.lines.settle(j, r, w.o.Clock(), w.backoff)
	w.mu.Unlock()
	if changed && w.ctx.Err() == nil {
		log := w.o.Log.WithField("gateway", j.host)
		if r.down {
			log.WithError(r.err).Warn("notifications cannot be sent there; it is tried again")
		} else {
			log.Info("notifications can be sent there again")
		}
	}
	w.wake()
}

// backoff doubles with each failure; half of it is left to chance, so that pushers of
// one gateway do not come back together.
func (w *Worker) backoff(failures int) time.Duration {
	d := lastRetry
	if failures < 13 {
		d = min(d, firstRetry<<(failures-1))
	}
	var b [4]byte
	if _, err := io.ReadFull(w.o.Rand, b[:]); err != nil {
		return d
	}
	return d/2 + time.Duration(uint64(d/2)*uint64(binary.LittleEndian.Uint32(b[:]))>>32)
}

// work is what a pusher has to send next.
type work struct {
	pusher storage.Pusher
	gone   bool             // there is no such pusher
	drop   []storage.Queued // not worth sending, or sent
	body   []byte           // nil: nothing to send
	badge  int64            // that it tells; -1: none
	more   bool
}

// attempt sends the next notification of a pusher, and stores how it went. Nothing is
// read while the gateway is waited for.
func (w *Worker) attempt(ref *ref) (r result, err error) {
	r.shown = -1
	var next *work
	err = w.o.DB.Read(w.ctx, func(tx *storage.ReadTx) error {
		next, err = w.look(w.ctx, tx, ref)
		return err
	})
	if err != nil || next.gone {
		return r, err
	}
	r.more = next.more
	a := answer{}
	if next.body != nil {
		a = w.post(w.ctx, next.pusher, next.body)
		if w.ctx.Err() != nil {
			return r, w.ctx.Err()
		}
		r.err, r.down, r.after, r.asked = a.err, a.down, a.after, a.asked
		if a.err == nil {
			r.shown = next.badge
		}
	} else {
		r.shown = next.badge
	}
	if a.err == nil {
		r.done = len(next.drop)
	}
	return r, w.store(next, a)
}

// store writes down how an attempt went: what was sent is not sent again.
func (w *Worker) store(next *work, a answer) error {
	if a.err != nil && next.pusher.FailingSince != 0 {
		return nil
	}
	return w.o.DB.Write(w.ctx, func(tx *storage.Tx) error {
		if a.rejected {
			return w.o.Users.PusherRejected(tx, next.pusher)
		}
		if next.body != nil {
			if err := w.o.Users.PusherWorked(tx, next.pusher, a.err == nil); err != nil {
				return err
			}
		}
		if a.err != nil || len(next.drop) == 0 {
			return nil
		}
		return tx.DropPushes(next.pusher.ID, next.drop)
	})
}

// look finds the next notification that is worth sending.
func (w *Worker) look(ctx context.Context, tx *storage.ReadTx, ref *ref) (*work, error) {
	next := &work{badge: -1}
	var err error
	if next.pusher, err = tx.Pusher(ref.id); errors.Is(err, storage.ErrNotFound) || err == nil && !next.pusher.Enabled {
		next.gone = true
		return next, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := tx.NextPushes(ref.id, lookedAt)
	if err != nil {
		return nil, err
	}
	for i, q := range list {
		if q.Event == 0 {
			// The last ones, and one number answers all.
			next.drop = append(next.drop, list[i:]...)
			next.more = len(list) == lookedAt
			return next, w.onlyBadge(tx, ref, next)
		}
		next.drop = append(next.drop, q)
		n, err := w.worth(ctx, tx, ref, q)
		if err != nil {
			return nil, err
		}
		if n != nil {
			next.more = i+1 < len(list) || len(list) == lookedAt
			return next, w.full(tx, ref, next, n)
		}
	}
	next.more = len(list) == lookedAt
	return next, nil
}

// worth is what there is to tell of a queued notification, nil when nothing is.
func (w *Worker) worth(ctx context.Context, tx *storage.ReadTx, ref *ref, q storage.Queued) (*roomserver.Notice, error) {
	if w.o.Clock().UnixMilli()-q.At > maxAge.Milliseconds() {
		return nil, nil
	}
	return w.o.Rooms.Notice(ctx, tx, ref.user, q.Room, q.Event)
}

func (w *Worker) full(tx *storage.ReadTx, ref *ref, next *work, n *roomserver.Notice) error {
	if err := w.count(tx, ref, next); err != nil {
		return err
	}
	var err error
	next.body, err = notification(next.pusher, n, next.badge)
	return err
}

// onlyBadge tells a number that the app does not know.
func (w *Worker) onlyBadge(tx *storage.ReadTx, ref *ref, next *work) error {
	if err := w.count(tx, ref, next); err != nil || next.badge < 0 {
		return err
	}
	w.mu.Lock()
	shown, known := w.lines.shown[ref.id]
	w.mu.Unlock()
	if known && shown == next.badge {
		return nil
	}
	var err error
	next.body, err = notification(next.pusher, nil, next.badge)
	return err
}

func (w *Worker) count(tx *storage.ReadTx, ref *ref, next *work) (err error) {
	if noBadge(gjson.ParseBytes(next.pusher.Data)) {
		return nil
	}
	next.badge, err = w.o.Rooms.Badge(tx, ref.user)
	return err
}

// Tidy removes what is too old to be sent.
func (w *Worker) Tidy(ctx context.Context) error {
	now := w.o.Clock()
	return w.o.DB.Write(ctx, func(tx *storage.Tx) error {
		if err := tx.PrunePushes(now.Add(-maxAge).UnixMilli(), now.Add(-mailAge).UnixMilli()); err != nil {
			return err
		}
		return tx.PruneMail(now.Add(-mailAge).UnixMilli())
	})
}
