package syncapi

import (
	"slices"
	"sync"
	"unique"

	"github.com/chancery-im/chancery/internal/notify"
)

// marks remember at which position each room and each user was last rung for, so that
// an answer reads the rooms in which something happened and not all that the user is
// in, and nothing at all when nothing happened. What they say of the time before the
// server began is that nothing is known of it.
type marks struct {
	mu    sync.Mutex
	floor int64 // what was committed up to here may not be marked
	upto  int64 // what was committed up to here, and after floor, is
	// rooms by id, and users by id with their memberships apart.
	rooms, users, members map[string]int64
	receipts              map[string]int64                // rooms, where a receipt moved
	devices               int64                           // anybody's devices changed
	keys                  map[string]map[string]keyCounts // by user and device
	keyed                 map[string]int64                // the last change of a user's, in numbers of changes
	rung                  map[string]int64                // users by the number of the last ring for them
	rings, rungFloor      int64                           // the last number; what is not in rung is not after rungFloor
	keySeq, keyFloor      int64                           // the last number; what is not in keyed is not after keyFloor
	lists                 map[string]*roomList
	listed                int
}

// keyCounts are the one-time keys that a device has left, and its unused fallback
// keys.
type keyCounts struct {
	left     map[string]int
	fallback []string
}

// roomList are the rooms that a user was in at a position.
type roomList struct {
	pos    int64
	people int64 // members of all the rooms together, about
	rooms  []listedRoom
	ids    []string
}

type listedRoom struct {
	id  string
	nid int64
}

// Bounds of what is remembered: rooms and users, and entries of all lists of rooms.
const (
	maxMarks  = 500_000
	maxListed = 1_000_000
)

func newMarks(pos int64) *marks {
	m := &marks{floor: pos, upto: pos}
	m.clear()
	return m
}

func (m *marks) clear() {
	m.rooms, m.users, m.members = map[string]int64{}, map[string]int64{}, map[string]int64{}
	m.receipts = map[string]int64{}
	m.keys, m.keyed, m.keyFloor = map[string]map[string]keyCounts{}, map[string]int64{}, m.keySeq
	m.lists, m.listed = map[string]*roomList{}, 0
	m.rung, m.rungFloor = map[string]int64{}, m.rings
}

// number numbers the rings for anybody.
func (m *marks) number() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rings
}

// rungSince reports whether there may have been a ring for a user after one of a number.
func (m *marks) rungSince(user string, number int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rung[user] > number || number < m.rungFloor
}

// ring runs on the committer's goroutine, before who waits is woken. What is not
// stored rings without a position, and has marks of its own.
func (m *marks) ring(r notify.Ring) {
	if r.Pos == 0 && len(r.Users)+len(r.Keys) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rooms)+len(m.rung)+len(m.keyed) > maxMarks {
		m.floor = max(m.floor, m.upto)
		m.clear()
	}
	m.rings++
	for _, u := range r.Users {
		m.rung[u] = m.rings
	}
	for _, u := range r.Keys {
		m.keySeq++
		m.keyed[u] = m.keySeq
		delete(m.keys, u)
	}
	if r.Pos == 0 {
		return
	}
	for _, set := range []struct {
		ids []string
		to  map[string]int64
	}{{r.Rooms, m.rooms}, {r.Users, m.users}, {r.Members, m.members}, {r.Receipts, m.receipts}} {
		for _, id := range set.ids {
			set.to[id] = r.Pos
		}
	}
	if len(r.Devices) > 0 {
		m.devices = r.Pos
	}
	m.upto = max(m.upto, r.Pos)
}

// news is what may have happened for a user since a token.
type news struct {
	known bool // false: anything may have happened
	upto  int64
	own   bool // something of the user's own
	// receipts: some moved in a room of the user; devices: somebody's changed.
	receipts, devices bool
	rooms             []int64
	all               []string // all rooms that the user is in
	people            int64    // members of all of them together, about
}

// nothing: neither the user nor a room of theirs was rung for.
func (n news) nothing() bool { return n.known && !n.own && len(n.rooms) == 0 }

// since is what may have happened since a position; typing are rooms of which the
// caller knows that something did.
func (m *marks) since(user string, pos int64, typing []string) news {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lists[user]
	// A membership that changed after the token is of a room that may not be in the list.
	if l == nil || pos < m.floor || m.members[user] > min(pos, l.pos) {
		return news{}
	}
	n := news{known: true, upto: max(m.upto, pos), own: m.users[user] > pos, all: l.ids, people: l.people,
		devices: m.devices > pos}
	n.receipts = n.own // private ones ring for their user
	for _, r := range l.rooms {
		if m.rooms[r.id] > pos || len(typing) > 0 && slices.Contains(typing, r.id) {
			n.rooms = append(n.rooms, r.nid)
			n.receipts = n.receipts || m.receipts[r.id] > pos
		}
	}
	return n
}

// list remembers the rooms that a user is in at a position.
func (m *marks) list(user string, pos, people int64, rooms []listedRoom) {
	l := &roomList{pos: pos, people: people, rooms: rooms, ids: make([]string, len(rooms))}
	for i := range rooms {
		// Many users are in one room: its name is kept once.
		rooms[i].id = unique.Make(rooms[i].id).Value()
		l.ids[i] = rooms[i].id
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.lists[user]; old != nil {
		m.listed -= len(old.rooms)
	}
	if m.listed+len(rooms) > maxListed {
		m.lists, m.listed = map[string]*roomList{}, 0
	}
	m.lists[user] = l
	m.listed += len(rooms)
}

// keyCounts are those of a device, when they are known.
func (m *marks) keyCounts(user, device string) (keyCounts, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[user][device]
	return k, ok
}

// keepKeyCounts remembers what was read after keyNumber was asked for, unless they
// changed since.
func (m *marks) keepKeyCounts(user, device string, number int64, k keyCounts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if number < m.keyFloor || m.keyed[user] > number {
		return
	}
	if m.keys[user] == nil {
		m.keys[user] = map[string]keyCounts{}
	}
	m.keys[user][device] = k
}

// keyNumber numbers the changes of anybody's keys.
func (m *marks) keyNumber() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keySeq
}
