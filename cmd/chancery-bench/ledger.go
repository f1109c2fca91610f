package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// attempt is one message that a client tried to send.
type attempt struct {
	client *client
	room   string
	txn    string
	text   string
	id     string // once acknowledged
}

// ledger is what the clients know: every attempt, and what was acknowledged.
type ledger struct {
	mu       sync.Mutex
	attempts []*attempt
	doubtful []*attempt
	byText   map[string]*attempt
	repeated int
	checked  map[string]map[string]bool // room → event ids of earlier rounds
	newest   map[string]string          // room → newest event id that was checked
}

func newLedger() *ledger {
	return &ledger{byText: map[string]*attempt{}, checked: map[string]map[string]bool{}, newest: map[string]string{}}
}

func (l *ledger) begin(a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, a)
	l.doubtful = append(l.doubtful, a)
	l.byText[a.text] = a
}

func (l *ledger) ack(a *attempt, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.id = id
	if i := slices.Index(l.doubtful, a); i >= 0 {
		l.doubtful = slices.Delete(l.doubtful, i, i+1)
	}
}

func (l *ledger) acked() int {
	n := 0
	for _, a := range l.attempts {
		if a.id != "" {
			n++
		}
	}
	return n
}

// check repeats what was in doubt and some of what was not, with their transaction
// ids, and compares every room's new history with the ledger.
func (r *crashRun) check(ctx context.Context) error {
	if err := r.repeat(ctx); err != nil {
		return err
	}
	for _, room := range r.names {
		if err := r.checkRoom(ctx, room); err != nil {
			return err
		}
	}
	return nil
}

func (r *crashRun) repeat(ctx context.Context) error {
	doubtful := append([]*attempt(nil), r.ledger.doubtful...)
	for _, a := range doubtful {
		id, err := a.client.send(ctx, a.room, a.txn, a.text)
		if err != nil {
			return fmt.Errorf("repeating %s: %w", a.txn, err)
		}
		r.ledger.ack(a, id)
		r.ledger.repeated++
	}
	n := len(r.ledger.attempts)
	for range min(n, 10) {
		a := r.ledger.attempts[max(0, n-1-r.rand.IntN(min(n, 300)))]
		id, err := a.client.send(ctx, a.room, a.txn, a.text)
		if err != nil {
			return fmt.Errorf("repeating %s: %w", a.txn, err)
		}
		if id != a.id {
			return fmt.Errorf("DOUBLED: %s was %s and is now %s", a.txn, a.id, id)
		}
	}
	return nil
}

// checkRoom reads the history back to what earlier rounds saw. Every acknowledged
// message must be in it once, and nothing else.
func (r *crashRun) checkRoom(ctx context.Context, room string) error {
	l := r.ledger
	stop := l.newest[room]
	seen := map[string]string{} // text → event id
	newest, met := "", false
	var bad error
	err := r.people[0].history(ctx, room, func(m message) bool {
		if newest == "" {
			newest = m.ID
		}
		if m.ID == stop {
			met = true
			return false
		}
		if m.Type != "m.room.message" {
			return true
		}
		if other, twice := seen[m.Content.Body]; twice {
			bad = fmt.Errorf("DOUBLED: %q is in %s as %s and %s", m.Content.Body, room, other, m.ID)
			return false
		}
		seen[m.Content.Body] = m.ID
		return true
	})
	if err = first(bad, err); err != nil {
		return err
	}
	if stop != "" && !met {
		return fmt.Errorf("LOST: %s, which an earlier round saw, is gone from %s", stop, room)
	}
	if l.checked[room] == nil {
		l.checked[room] = map[string]bool{}
	}
	for text, id := range seen {
		a := l.byText[text]
		if a == nil || a.id != id {
			return fmt.Errorf("DOUBLED: %q stands as %s, and its sender knows %v", text, id, a)
		}
		l.checked[room][id] = true
	}
	for i := len(l.attempts) - 1; i >= 0; i-- {
		if a := l.attempts[i]; a.room == room && a.id != "" && !l.checked[room][a.id] {
			return fmt.Errorf("LOST: %s (%q) was acknowledged and is not in %s", a.id, a.text, room)
		}
	}
	if newest != "" {
		l.newest[room] = newest
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// final reads everything once more from the start, and compares it with what the
// following clients saw.
func (r *crashRun) final(ctx context.Context) error {
	for _, t := range r.tails {
		if err := t.catchUp(ctx); err != nil {
			return err
		}
	}
	for _, room := range r.names {
		all := map[string]bool{}
		var bad error
		err := r.people[0].history(ctx, room, func(m message) bool {
			if all[m.ID] {
				bad = fmt.Errorf("DOUBLED: %s comes twice when %s is paged", m.ID, room)
			}
			all[m.ID] = true
			return bad == nil
		})
		if err = first(bad, err); err != nil {
			return err
		}
		for id := range r.ledger.checked[room] {
			if !all[id] {
				return fmt.Errorf("LOST: %s is gone from %s", id, room)
			}
		}
		for _, t := range r.tails {
			if err := t.compare(room, all, r.ledger.checked[room]); err != nil {
				return err
			}
		}
	}
	return nil
}

// tail is a client that follows its rooms by /sync, across accidents.
type tail struct {
	c     *client
	since string
	seen  map[string]map[string]bool
}

func newTail(c *client, rooms []string) *tail {
	t := &tail{c: c, seen: map[string]map[string]bool{}}
	for _, r := range rooms {
		t.seen[r] = map[string]bool{}
	}
	return t
}

// follow syncs until the server is gone.
func (t *tail) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.step(ctx, 200*time.Millisecond); err != nil {
			if bad, ok := err.(*violation); ok {
				return bad
			}
			return nil
		}
	}
	return nil
}

// violation is a broken promise, unlike an error of a dying server.
type violation struct{ text string }

func (v *violation) Error() string { return v.text }

// step is one sync. A gap is filled by paging, as clients do.
func (t *tail) step(ctx context.Context, wait time.Duration) error {
	ans, err := t.c.sync(ctx, t.since, wait)
	if err != nil {
		return err
	}
	fresh := map[string][]string{}
	for room, data := range ans.Rooms.Join {
		for _, m := range data.Timeline.Events {
			fresh[room] = append(fresh[room], m.ID)
		}
		if data.Timeline.Limited {
			more, err := t.fill(ctx, room, data.Timeline.Prev)
			if err != nil {
				return err
			}
			fresh[room] = append(fresh[room], more...)
		}
	}
	for room, ids := range fresh {
		for _, id := range ids {
			if t.seen[room][id] {
				return &violation{fmt.Sprintf("DOUBLED: %s got %s twice by /sync in %s", t.c.user, id, room)}
			}
			t.seen[room][id] = true
		}
	}
	t.since = ans.Next
	return nil
}

func (t *tail) fill(ctx context.Context, room, from string) ([]string, error) {
	var out []string
	for {
		var page struct {
			Chunk []message `json:"chunk"`
			End   string    `json:"end"`
		}
		path := fmt.Sprintf("/_matrix/client/v3/rooms/%s/messages?dir=b&limit=500&from=%s", room, from)
		if err := t.c.do(ctx, "GET", path, nil, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Chunk {
			if t.seen[room][m.ID] {
				return out, nil
			}
			out = append(out, m.ID)
		}
		if page.End == "" {
			return out, nil
		}
		from = page.End
	}
}

// catchUp syncs until there is nothing new.
func (t *tail) catchUp(ctx context.Context) error {
	for {
		before := t.since
		if err := t.step(ctx, 0); err != nil {
			return err
		}
		if t.since == before {
			return nil
		}
	}
}

// compare: the union of what a client was told is the room.
func (t *tail) compare(room string, all, messages map[string]bool) error {
	for id := range messages {
		if !t.seen[room][id] {
			return fmt.Errorf("LOST: %s never got %s of %s by /sync", t.c.user, id, room)
		}
	}
	for id := range t.seen[room] {
		if !all[id] {
			return fmt.Errorf("LOST: %s got %s by /sync, and it is not in %s", t.c.user, id, room)
		}
	}
	return nil
}
