package userserver

import (
	"container/heap"
	"context"
	"time"

	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/storage"
)

// touch changes a user's presence, and tells of it when there is something to tell.
func (s *Server) touch(user string, fn func(p *present, now int64)) {
	ps := &s.presence
	now := s.now()
	ps.mu.Lock()
	p := ps.get(user)
	status := p.status
	fn(p, now)
	told := s.settle(p, now, p.status != status)
	wake := p.due > 0 && p.due < ps.asleep
	unsaved := ps.take()
	ps.mu.Unlock()
	if wake {
		select {
		case ps.sooner <- struct{}{}:
		default:
		}
	}
	if told {
		s.ring(user)
	}
	s.saveActive(unsaved)
}

// settle brings a user's state up to date under the lock, and reports whether others
// are to be told.
func (s *Server) settle(p *present, now int64, told bool) bool {
	ps := &s.presence
	st, due := p.judge(now)
	if st != p.state {
		if (st == online || p.state == online) && p.active > p.saved {
			ps.unsaved = append(ps.unsaved, p)
		}
		p.state, told = st, true
	}
	ps.plan(p, due)
	if !told {
		return false
	}
	p.changed = s.count.Next()
	if p.place == nil {
		p.place = ps.changed.PushFront(p)
	} else {
		ps.changed.MoveToFront(p.place)
	}
	if p.loud() {
		ps.loud[p.user] = p
	} else {
		delete(ps.loud, p.user)
	}
	return true
}

func (s *Server) ring(users ...string) {
	if s.bell != nil && len(users) > 0 {
		s.bell.Ring(notify.Ring{Presence: users})
	}
}

// take are the users whose last activity is to be saved.
func (ps *presences) take() (rows []storage.Presence) {
	for _, p := range ps.unsaved {
		p.saved = p.active
		rows = append(rows, storage.Presence{User: p.user, LastActive: p.active})
	}
	ps.unsaved = ps.unsaved[:0]
	return rows
}

// saveActive does not wait for the disk: what it writes is nobody's acknowledgement.
func (s *Server) saveActive(rows []storage.Presence) *storage.Pending {
	if len(rows) == 0 {
		return nil
	}
	return s.db.Commit(&storage.Set{Do: []func(*storage.Tx) error{func(tx *storage.Tx) error {
		for _, r := range rows {
			if err := tx.WasActive(r.User, r.LastActive); err != nil {
				return err
			}
		}
		return nil
	}}})
}

// Lapse does what time has made due: who idles is unavailable, who is gone is offline.
// It returns how long nothing more is due. The core calls it by itself once it is
// started; a test that moves the clock calls it as well.
func (s *Server) Lapse() time.Duration {
	ps := &s.presence
	now := s.now()
	var told []string
	ps.mu.Lock()
	for len(ps.due) > 0 && ps.due[0].due <= now {
		if p := ps.due[0]; s.settle(p, now, false) {
			told = append(told, p.user)
		}
	}
	wait := idleAfter.Milliseconds()
	if len(ps.due) > 0 {
		wait = ps.due[0].due - now
	}
	// What is due at nearly the same time is done together.
	wait = max(wait, 1000)
	ps.asleep = now + wait
	unsaved := ps.take()
	ps.mu.Unlock()
	s.ring(told...)
	s.saveActive(unsaved)
	return time.Duration(wait) * time.Millisecond
}

// Start reads what is kept of people's presence, and lets time pass for it until
// Close.
func (s *Server) Start(ctx context.Context) error {
	ps := &s.presence
	if ps.off {
		return nil
	}
	var rows []storage.Presence
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		rows, err = tx.Presences()
		return err
	})
	if err != nil {
		return err
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, r := range rows {
		p := ps.get(r.User)
		p.status, p.active, p.saved = r.Status, r.LastActive, r.LastActive
		if p.loud() {
			ps.loud[p.user] = p
		}
	}
	ps.stop, ps.stopped = make(chan struct{}), make(chan struct{})
	go s.keepTime(ps.stop, ps.stopped)
	return nil
}

func (s *Server) keepTime(stop, stopped chan struct{}) {
	defer close(stopped)
	timer := time.NewTimer(s.Lapse())
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		case <-s.presence.sooner:
		}
		timer.Reset(s.Lapse())
	}
}

// Close saves when people were active last. Nobody may ask anything after it.
func (s *Server) Close() error {
	ps := &s.presence
	ps.mu.Lock()
	stop := ps.stop
	ps.stop = nil
	for _, p := range ps.loud {
		if p.active > p.saved {
			ps.unsaved = append(ps.unsaved, p)
		}
	}
	rows := ps.take()
	ps.mu.Unlock()
	if stop != nil {
		close(stop)
		<-ps.stopped
	}
	if wait := s.saveActive(rows); wait != nil {
		return wait.Wait(context.Background())
	}
	return nil
}

// forgetPresence makes nobody of a user whose account ended.
func (s *Server) forgetPresence(user string) {
	if s.presence.off {
		return
	}
	s.touch(user, func(p *present, _ int64) {
		clear(p.devices)
		p.status, p.active = "", 0
	})
}

// dueHeap has the user on top for whom something is due next.
type dueHeap []*present

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueHeap) Push(x any) {
	p := x.(*present)
	p.index = len(*h)
	*h = append(*h, p)
}
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	last.index = -1
	*h = (*h)[:len(*h)-1]
	return last
}

// plan sets when something is due for a user; 0: never.
func (ps *presences) plan(p *present, due int64) {
	p.due = due
	switch {
	case due == 0 && p.index >= 0:
		heap.Remove(&ps.due, p.index)
	case due > 0 && p.index < 0:
		heap.Push(&ps.due, p)
	case due > 0:
		heap.Fix(&ps.due, p.index)
	}
}
