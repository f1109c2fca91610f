package push

import (
	"container/heap"
	"time"
)

// Bounds of sending.
const (
	maxSending = 128 // notifications under way
	// PerHost is how many of them go to one gateway.
	PerHost = 32
	// whenDown is how many attempts a gateway gets at a time that did not answer the
	// last one, so that dead gateways hold up nobody else.
	whenDown = 1
	// maxGateways bounds the hosts that are known not to work.
	maxGateways = 4096

	maxQueue = 200 // notifications that wait for a pusher
	slack    = 50  // more of them, before the oldest are removed

	// badgeWait is how long a lower number of unread waits for the next: who reads
	// moves many receipts.
	badgeWait = 2 * time.Second
)

// line is a pusher with something to send.
type line struct {
	ref      *ref
	queued   int // notifications, about
	due      time.Time
	failures int
	index    int  // in the heap; -1: waiting for its gateway, or being sent
	fresh    bool // something was added since the last look
	badge    bool // of that, the number of unread
	gone     bool
}

// job is a line that is being sent for, with what it was when it was taken.
type job struct {
	line *line
	ref  *ref
	host string
}

// gateway is what is known of a host.
type gateway struct {
	sending int
	down    bool
	waiting []*line
}

// lines are all pushers with something to send, by when they are due.
type lines struct {
	byID     map[int64]*line
	heap     byDue
	gateways map[string]*gateway
	sending  int
	shown    map[int64]int64 // by pusher, the number of unread that was sent last
}

func newLines() lines {
	return lines{byID: map[int64]*line{}, gateways: map[string]*gateway{}, shown: map[int64]int64{}}
}

// add notes that a pusher has n more notifications to send, and reports whether there
// are too many.
func (ls *lines) add(r *ref, n int, now time.Time) (full bool) {
	due := now
	if r.mail {
		due = now.Add(mailDelay)
	}
	l := ls.line(r, due)
	l.queued += n
	if !r.mail && l.failures == 0 && l.index >= 0 && l.due.After(now) {
		l.due = now // it waited to tell a number
		heap.Fix(&ls.heap, l.index)
	}
	if l.queued <= maxQueue+slack {
		return false
	}
	l.queued = maxQueue
	return true
}

// addBadge notes that a pusher may have to tell a lower number of unread.
func (ls *lines) addBadge(r *ref, now time.Time) {
	ls.line(r, now.Add(badgeWait)).badge = true
}

func (ls *lines) line(r *ref, due time.Time) *line {
	l := ls.byID[r.id]
	if l == nil {
		l = &line{due: due}
		ls.byID[r.id] = l
		heap.Push(&ls.heap, l)
	}
	l.ref, l.fresh = r, true
	return l
}

// wantsBadge: the app may show a number, and none is about to be told.
func (ls *lines) wantsBadge(r *ref) bool {
	if l := ls.byID[r.id]; l != nil {
		return !l.badge
	}
	n, known := ls.shown[r.id]
	return !known || n > 0
}

// forget drops a pusher that is gone.
func (ls *lines) forget(id int64) {
	delete(ls.shown, id)
	l := ls.byID[id]
	if l == nil {
		return
	}
	delete(ls.byID, id)
	l.gone = true
	if l.index >= 0 {
		heap.Remove(&ls.heap, l.index)
	}
}

// next takes the lines that are due and may be sent now, and tells how long no other
// will be due.
func (ls *lines) next(now time.Time) (start []job, wait time.Duration) {
	for len(ls.heap) > 0 && !ls.heap[0].due.After(now) {
		l := heap.Pop(&ls.heap).(*line)
		g := ls.gateway(l.ref.host)
		g.waiting = append(g.waiting, l)
	}
	for host, g := range ls.gateways {
		if ls.sending >= maxSending {
			break
		}
		start = append(start, ls.take(host, g)...)
		if g.sending == 0 && len(g.waiting) == 0 && (!g.down || len(ls.gateways) > maxGateways) {
			delete(ls.gateways, host)
		}
	}
	wait = time.Hour
	if len(ls.heap) > 0 {
		wait = min(wait, ls.heap[0].due.Sub(now))
	}
	return start, wait
}

func (ls *lines) gateway(host string) *gateway {
	g := ls.gateways[host]
	if g == nil {
		g = &gateway{}
		ls.gateways[host] = g
	}
	return g
}

// take is what a gateway may be sent now.
func (ls *lines) take(host string, g *gateway) (out []job) {
	most := PerHost
	if host == mailHost {
		most = perMail
	}
	if g.down {
		most = whenDown
	}
	for len(g.waiting) > 0 && g.sending < most && ls.sending < maxSending {
		l := g.waiting[0]
		g.waiting = g.waiting[1:]
		if l.gone {
			continue
		}
		l.fresh, l.badge = false, false
		g.sending++
		ls.sending++
		out = append(out, job{l, l.ref, host})
	}
	return out
}

// result is how an attempt ended.
type result struct {
	err   error         // of the gateway; nil: it went well, or there was nothing to do
	down  bool          // the gateway as a whole does not work
	after time.Duration // when to try again, if the gateway said so
	done  int           // notifications that are dealt with
	more  bool          // there is more to send
	asked bool          // the gateway answered
	until time.Time     // when it is to be looked at again, if that was too early
	shown int64         // the number of unread that was sent; -1: none
}

// settle puts a line back after an attempt, and reports whether its gateway changed
// between working and not.
func (ls *lines) settle(j job, r result, now time.Time, backoff func(failures int) time.Duration) (changed bool) {
	l, g := j.line, ls.gateway(j.host)
	g.sending--
	ls.sending--
	if r.asked || r.down {
		changed = g.down != r.down
		g.down = r.down
	}
	if changed && !r.down {
		ls.revive(j.host, now)
	}
	if l.gone {
		return changed
	}
	l.queued = max(0, l.queued-r.done)
	switch {
	case r.err != nil:
		l.failures++
		l.due = now.Add(max(backoff(l.failures), r.after))
	case !r.until.IsZero():
		l.failures, l.due = 0, r.until
	case r.more || l.fresh:
		l.failures, l.due = 0, now
	default:
		delete(ls.byID, l.ref.id)
		l.index = -1
	}
	if r.err == nil && r.shown >= 0 {
		ls.shown[l.ref.id] = r.shown
	}
	if ls.byID[l.ref.id] == l {
		heap.Push(&ls.heap, l)
	}
	return changed
}

// revive makes due what waited because a gateway did not answer.
func (ls *lines) revive(host string, now time.Time) {
	for _, l := range ls.byID {
		if l.ref.host == host && l.index >= 0 && l.failures > 0 && l.due.After(now) {
			l.due = now
			heap.Fix(&ls.heap, l.index)
		}
	}
}

// byDue is a heap.
type byDue []*line

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h byDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *byDue) Push(x any) {
	l := x.(*line)
	l.index = len(*h)
	*h = append(*h, l)
}

// Pop implements heap.Interface.
func (h *byDue) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h, l.index = old[:len(old)-1], -1
	return l
}
