package syncapi

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/chancery-im/chancery/internal/filter"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/userserver"
)

// maxWait bounds the timeout that a client may ask for.
const maxWait = 5 * time.Minute

// request is a /sync request, parsed.
type request struct {
	session      userserver.Session
	user, device string
	guest        bool
	since        int64 // position; 0: initial
	epoch        int64 // the run of the server that the token is of
	count        int64 // the newest change, of what is not stored, that the client knows
	initial      bool
	full         bool
	stateAfter   bool
	stateAfterU  bool // asked for by its name of before it was in the specification
	timeout      time.Duration
	filter       *filter.Sync
}

func (q *request) reader() roomserver.Reader {
	return roomserver.Reader{UserID: q.user, Device: q.device, Guest: q.guest}
}

// GET /_matrix/client/v3/sync: what is new since a token. With nothing new it
// waits until there is, or until the timeout.
func (a *API) serveSync(r *http.Request) (any, error) {
	rings := a.marks.number()
	var q *request
	end := func() {}
	err := a.deep.run(r.Context(), func() (err error) {
		if q, err = a.parse(r); err != nil {
			return err
		}
		if err = a.delivered(r.Context(), q); err != nil {
			return err
		}
		end, err = a.users.BeginSync(q.session, r.URL.Query().Get("set_presence"))
		return err
	})
	if err != nil {
		return nil, err
	}
	defer end()
	w := a.hub.join(q.user, q.filter.Presence.MatchType("m.presence"))
	defer a.hub.leave(w)
	// The session may have ended before the waiter was there to be woken.
	if a.marks.rungSince(q.user, rings) {
		w.own.Store(true)
	}
	return a.wait(r, q, w)
}

// wait gathers an answer, until there is something in it or the time is over.
func (a *API) wait(r *http.Request, q *request, w *waiter) (any, error) {
	deadline := a.timer(q.timeout)
	defer deadline.Stop()
	for {
		var ans *answer
		var rooms []string
		err := a.deep.run(r.Context(), func() (err error) {
			ans, rooms, err = a.gather(r.Context(), q)
			return err
		})
		if err != nil {
			return nil, err
		}
		if !ans.nothing() || q.initial || q.full || q.timeout == 0 {
			return ans, nil
		}
		if a.hub.listen(w, rooms) {
			again, err := a.missed(r.Context(), q, ans)
			if err != nil {
				return nil, err
			}
			if again {
				continue
			}
		}
		if err := a.still(r, w); err != nil {
			return nil, err
		}
		select {
		case <-w.wake:
			if err := a.still(r, w); err != nil {
				return nil, err
			}
		case <-deadline.C:
			return ans, nil
		case <-a.stop:
			return ans, nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// missed: rooms are listened to only after the read that named them; what was
// committed in between is marked, or shows in the position. What is listened to already
// wakes.
func (a *API) missed(ctx context.Context, q *request, ans *answer) (bool, error) {
	n, presence := a.newsSince(q, ans.pos, ans.count)
	if n.known || presence {
		return presence || !n.nothing(), nil
	}
	now, err := a.db.Position(ctx)
	return now > ans.pos, err
}

// newsSince is what may have happened for the user since an answer, and whether
// somebody's presence changed that the client wants to know of.
func (a *API) newsSince(q *request, pos, count int64) (n news, presence bool) {
	typing, known := a.rooms.TypingSince(count)
	if !known {
		return news{}, true
	}
	n = a.marks.since(q.user, pos, typing)
	presence = q.filter.Presence.MatchType("m.presence") && len(a.users.PresenceChanges(count, math.MaxInt64)) > 0
	return n, presence
}

func (a *API) parse(r *http.Request) (*request, error) {
	sess, err := a.authenticate(r)
	if err != nil {
		return nil, err
	}
	q := &request{session: sess, user: sess.User, device: sess.Device, guest: sess.Guest}
	v := r.URL.Query()
	if q.timeout, err = waitOf(v.Get("timeout")); err != nil {
		return nil, err
	}
	q.full = v.Get("full_state") == "true"
	q.stateAfter = v.Get("use_state_after") == "true"
	if !q.stateAfter && v.Get("org.matrix.msc4222.use_state_after") == "true" {
		q.stateAfter, q.stateAfterU = true, true
	}
	if q.filter, err = a.filterOf(r.Context(), q.user, v.Get("filter")); err != nil {
		return nil, err
	}
	s := v.Get("since")
	if s == "" {
		q.initial = true
		return q, nil
	}
	t, err := token.Parse(s)
	if err != nil || t.IsPage() {
		return nil, matrixerr.InvalidParam("since is not a token of /sync")
	}
	q.since, q.epoch = t.Pos, t.Epoch
	if t.Epoch == a.epoch {
		// Of another run, a count means nothing: everything is told again.
		q.count = t.N
	}
	return q, nil
}

func waitOf(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil || ms < 0 {
		return 0, matrixerr.InvalidParam("timeout must be a number of milliseconds")
	}
	return min(time.Duration(min(ms, maxWait.Milliseconds()))*time.Millisecond, maxWait), nil
}

// delivered drops the to-device messages that the client has: it came back with
// the token that followed them.
func (a *API) delivered(ctx context.Context, q *request) error {
	if q.initial || q.since == 0 || !a.handed.may(q.user, q.device) {
		return nil
	}
	var some bool
	err := a.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		some, err = tx.HasToDevice(q.user, q.device, q.since)
		return err
	})
	if err == nil && some {
		err = a.db.Write(ctx, func(tx *storage.Tx) error { return tx.DeleteToDevice(q.user, q.device, q.since) })
	}
	if err == nil {
		a.handed.dropped(q.user, q.device, q.since)
	}
	return err
}
