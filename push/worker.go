// Package push sends notifications to push gateways ("Push Gateway API"), and by mail.
// It goes through new events in the order of the stream, writes down for each pusher
// what it has to send, and sends it: one notification of a pusher at a time, many
// pushers at once. It owns the queue of what is still to be sent, and its cursor.
//
// It decides neither what notifies whom, which is in the rows that roomserver wrote,
// nor where may be sent, which is egress's.
package push

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// Rooms is what pushing needs of rooms; roomserver satisfies it.
type Rooms interface {
	ModesOf(tx *storage.ReadTx, users []string, room string) (map[string]pushrules.Mode, error)
	Notice(ctx context.Context, tx *storage.ReadTx, user string, room, event int64) (*roomserver.Notice, error)
	Badge(tx *storage.ReadTx, user string) (int64, error)
}

// Users is what pushing needs of people; userserver satisfies it. Pushers are theirs.
type Users interface {
	// PusherWorked notes how an attempt to send went.
	PusherWorked(tx *storage.Tx, p storage.Pusher, well bool) error
	// PusherRejected removes a pusher that the gateway does not know any more.
	PusherRejected(tx *storage.Tx, p storage.Pusher) error
}

// Options are all that a Worker needs.
type Options struct {
	DB    *storage.DB
	Rooms Rooms
	Users Users
	Bell  *notify.Bell
	Clock func() time.Time
	Rand  io.Reader
	Log   *logrus.Entry
	// Client reaches gateways by https, Plain those that do without.
	Client, Plain *http.Client
	// Off: gateways are not told of anything, and what happens meanwhile is not made
	// up for.
	Off  bool
	Mail *Mail // nil: no mails are sent
}

// Worker pushes. It is made by Start.
type Worker struct {
	o       Options
	ctx     context.Context
	end     context.CancelFunc
	silence func() // stops the bell
	running sync.WaitGroup
	woken   chan struct{}

	// Of the planner alone.
	cursor, saved int64

	mu      sync.Mutex
	changed map[string]bool // users whose pushers are to be read again
	refs    refs
	lines   lines
}

// Start begins where the last run ended: with what is still queued, and what has
// come since its cursor. At the first start it begins now.
func Start(ctx context.Context, o Options) (*Worker, error) {
	w := &Worker{o: o, woken: make(chan struct{}, 1), changed: map[string]bool{}, refs: newRefs(), lines: newLines()}
	// Before anything is read: what is missed by neither.
	w.silence = o.Bell.Listen(w.hear)
	if err := w.load(ctx); err != nil {
		w.silence()
		return nil, err
	}
	w.ctx, w.end = context.WithCancel(context.Background())
	w.running.Add(1)
	go w.run()
	return w, nil
}

// Close ends all sending. What was not answered yet is sent again at the next start.
func (w *Worker) Close() {
	w.silence()
	w.end()
	w.running.Wait()
}

// hear wakes the worker. It runs on the committer's goroutine.
func (w *Worker) hear(r notify.Ring) {
	if len(r.Pushers) > 0 {
		w.mu.Lock()
		for _, u := range r.Pushers {
			w.changed[u] = true
		}
		w.mu.Unlock()
	}
	w.wake()
}

func (w *Worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

func (w *Worker) load(ctx context.Context) error {
	first := false
	err := w.o.DB.Read(ctx, func(tx *storage.ReadTx) (err error) {
		if w.cursor, err = tx.Cursor(cursorName); errors.Is(err, storage.ErrNotFound) {
			first = true
			w.cursor, err = tx.Position()
		}
		if err != nil {
			return err
		}
		w.saved = w.cursor
		list, err := tx.EnabledPushers()
		if err != nil {
			return err
		}
		w.refs.replace(nil, w.reachable(list))
		backlogs, err := tx.Backlogs()
		for _, b := range backlogs {
			if r := w.refs.byID[b.Pusher]; r != nil {
				w.lines.add(r, int(b.Count), w.o.Clock())
			}
		}
		return err
	})
	if err == nil && first {
		err = w.o.DB.Write(ctx, func(tx *storage.Tx) error { return tx.SetCursor(cursorName, w.cursor) })
	}
	return err
}

// reachable leaves out the pushers that nothing may be sent to.
func (w *Worker) reachable(list []storage.PusherRef) []storage.PusherRef {
	return slices.DeleteFunc(list, func(p storage.PusherRef) bool {
		switch p.Kind {
		case httpKind:
			return w.o.Off
		case emailKind:
			return w.o.Mail == nil
		}
		return true
	})
}

const cursorName = "push"

// retryPlan is how long a failed look at new events waits for the next.
const retryPlan = time.Second

// run plans what is new, starts what is due, and waits for a ring or the next due
// time.
func (w *Worker) run() {
	defer w.running.Done()
	for {
		wait, err := w.turn()
		if err != nil {
			if w.ctx.Err() != nil {
				return
			}
			w.o.Log.WithError(err).Error("pushing failed; it is tried again")
			wait = retryPlan
		}
		timer := time.NewTimer(wait)
		select {
		case <-w.ctx.Done():
			timer.Stop()
			return
		case <-w.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// turn does all there is to do now, and tells how long nothing will be due.
func (w *Worker) turn() (time.Duration, error) {
	for {
		// In this order: a pusher that was set before an event hears of it.
		upto, err := w.o.DB.Position(w.ctx)
		if err != nil {
			return 0, err
		}
		if err := w.refresh(); err != nil {
			return 0, err
		}
		more, err := w.plan(upto)
		if err != nil {
			return 0, err
		}
		if wait := w.dispatch(); !more {
			return wait, nil
		}
	}
}

// refresh reads the pushers of users again whose pushers changed.
func (w *Worker) refresh() error {
	w.mu.Lock()
	changed := w.changed
	// What changes from here on is read again, whether this reading saw it or not.
	w.changed = map[string]bool{}
	w.mu.Unlock()
	if len(changed) == 0 {
		return nil
	}
	err := w.readAgain(slices.Collect(maps.Keys(changed)))
	if err != nil {
		w.mu.Lock()
		maps.Copy(w.changed, changed)
		w.mu.Unlock()
	}
	return err
}

func (w *Worker) readAgain(users []string) error {
	// A pusher hears nothing of what was before it: the cursor is kept with it.
	if err := w.save(); err != nil {
		return err
	}
	var list []storage.PusherRef
	err := w.o.DB.Read(w.ctx, func(tx *storage.ReadTx) (err error) {
		list, err = tx.EnabledPushersOf(users)
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.refs.replace(users, w.reachable(list)) {
		w.lines.forget(id)
	}
	return nil
}
