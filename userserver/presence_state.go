package userserver

import (
	"container/list"
	"sync"
	"time"
)

const (
	// idleAfter makes who is online unavailable: the specification's own example
	// ("Idle timeout"). An online user is currently active until then, so that no
	// activity in between is news to anybody.
	idleAfter = 5 * time.Minute
	// goneAfter is how long a device counts that does not sync: a client reads the
	// answer and asks again, over a bad network too, without going and coming.
	goneAfter = 30 * time.Second
)

// presenceState says how much somebody is there. The highest of a user's devices is
// the user's.
type presenceState uint8

const (
	offline presenceState = iota
	unavailable
	online
)

var presenceNames = [...]string{"offline", "unavailable", "online"}

func presenceOf(name string) (presenceState, bool) {
	for i, n := range presenceNames {
		if n == name {
			return presenceState(i), true
		}
	}
	return offline, false
}

// Presence is what others see of a user.
type Presence struct {
	User   string
	Status string // "": none
	// LastActive is in ms since the epoch; 0: never.
	LastActive int64
	state      presenceState
	changed    int64
}

// Known reports whether there is something to say of the user, or was in this run of
// the server.
func (p Presence) Known() bool { return p.state != offline || p.Status != "" || p.changed > 0 }

// PresenceContent is the content of m.presence.
type PresenceContent struct {
	Presence        string `json:"presence"`
	LastActiveAgo   *int64 `json:"last_active_ago,omitempty"`
	CurrentlyActive bool   `json:"currently_active,omitempty"`
	Status          string `json:"status_msg,omitempty"`
}

// Content is what is told of the presence at a time, in ms since the epoch.
func (p Presence) Content(now int64) PresenceContent {
	c := PresenceContent{Presence: presenceNames[p.state], Status: p.Status}
	if p.LastActive > 0 {
		ago := max(now-p.LastActive, 0)
		c.LastActiveAgo = &ago
		c.CurrentlyActive = p.state == online && ago < idleAfter.Milliseconds()
	}
	return c
}

// presences is who is there. Nothing of it is stored but what people say, and when
// they were active: after a restart, nobody is there until they ask for something.
type presences struct {
	off     bool
	mu      sync.RWMutex
	users   map[string]*present // everybody who ever was there
	loud    map[string]*present // those of whom there is something to say
	changed *list.List          // of *present, whose presence changed in this run, the newest first
	due     dueHeap
	unsaved []*present // who was active, and stopped or began being online
	asleep  int64      // until when Lapse need not be called, in ms
	sooner  chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

// present is one user's presence.
type present struct {
	user    string
	devices map[string]*atDevice // where they are
	state   presenceState
	status  string
	active  int64         // ms since the epoch; 0: never
	saved   int64         // what the database has of it
	changed int64         // the number of the last change that others are told of
	place   *list.Element // in presences.changed
	due     int64         // when time alone changes something; 0: never
	index   int           // in presences.due; -1: not there
}

// atDevice is a user's presence at one device.
type atDevice struct {
	state  presenceState
	polls  int   // requests of /sync that run
	seen   int64 // when it was there last
	active int64 // when somebody did something at it last
}

func newPresences(off bool) presences {
	return presences{off: off, users: map[string]*present{}, loud: map[string]*present{}, changed: list.New(), sooner: make(chan struct{}, 1)}
}

// there reports whether a user is known to be anywhere.
func (ps *presences) there(user string) bool {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	p := ps.users[user]
	return p != nil && p.state != offline
}

func (ps *presences) get(user string) *present {
	p := ps.users[user]
	if p == nil {
		p = &present{user: user, devices: map[string]*atDevice{}, index: -1}
		ps.users[user] = p
	}
	return p
}

func (p *present) at(device string) *atDevice {
	d := p.devices[device]
	if d == nil {
		d = &atDevice{}
		p.devices[device] = d
	}
	return d
}

func (p *present) loud() bool { return p.state != offline || p.status != "" }

func (p *present) shown() Presence {
	return Presence{User: p.user, Status: p.status, LastActive: p.active, state: p.state, changed: p.changed}
}

// judge says how much the user is there, and when time alone may change that; 0:
// never. Devices that no longer count are forgotten.
func (p *present) judge(now int64) (st presenceState, due int64) {
	at := func(t int64) {
		if due == 0 || t < due {
			due = t
		}
	}
	for id, d := range p.devices {
		gone := d.seen + goneAfter.Milliseconds()
		if d.polls == 0 && (d.state == offline || now >= gone) {
			delete(p.devices, id)
			continue
		}
		if d.polls == 0 {
			at(gone)
		}
		has := d.state
		if idle := d.active + idleAfter.Milliseconds(); has == online && now >= idle {
			has = unavailable
		} else if has == online {
			at(idle)
		}
		st = max(st, has)
	}
	return st, due
}
