package syncapi

import (
	"context"

	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/storage"
)

// gathering is the work of one read: everything in it comes from one snapshot, up
// to one position.
type gathering struct {
	a    *API
	q    *request
	ctx  context.Context
	tx   *storage.ReadTx
	upto int64
	// count is the newest change, of what is not stored, when the answer was begun.
	count int64
	now   int64
	ans   *answer
	// came and went are the rooms that the user joined or left since the token.
	came, went []storage.SyncRoom
	rooms      []string // joined rooms
	news       news     // what may have happened since the token
	ignored    map[string]bool
	people     int64                        // members of all the joined rooms together
	met        map[string]bool              // users with whom a room is newly shared
	receipts   map[int64][]storage.Receipt  // by room
	settings   map[string][]storage.Setting // by room
	has        map[int64]bool               // member events that the client has had
	carries    []int64                      // member events in the answer
	// sameMembers are rooms in which no membership changed since the token.
	sameMembers map[int64]bool
	keyNumber   int64             // of the last change of keys when the answer was begun
	counted     []storage.RoomRow // joined rooms in the answer, whose unread are told
}

// gather reads everything new for the user, in one snapshot, and the rooms that
// the user is in. When nothing was rung for since the token, it reads nothing.
func (a *API) gather(ctx context.Context, q *request) (*answer, []string, error) {
	g := &gathering{a: a, q: q, ctx: ctx, now: a.clock().UnixMilli(), keyNumber: a.marks.keyNumber()}
	// Before the rooms are read: what changes meanwhile is the next answer's.
	g.count = a.count.Now()
	if !q.initial && !q.full && q.epoch == a.epoch {
		var presence bool
		if g.news, presence = a.newsSince(q, q.since, q.count); g.news.nothing() && !presence {
			if ans, ok := g.quiet(); ok {
				return ans, g.news.all, nil
			}
		}
	}
	if g.lazy() {
		since := q.since
		if q.initial {
			since = 0
		}
		g.has = a.told.begin(q.user, q.device, since)
	}
	err := a.db.Read(ctx, func(tx *storage.ReadTx) error {
		g.tx = tx
		return g.all()
	})
	if err == nil {
		a.told.add(q.user, q.device, g.carries, g.upto)
	}
	return g.ans, g.rooms, err
}

func (g *gathering) all() (err error) {
	if g.news.known {
		// No further than what is marked: a commit that has not rung yet may have
		// happened in any room.
		g.upto = g.news.upto
	} else if g.upto, err = g.tx.Position(); err != nil {
		return err
	}
	g.ans = &answer{pos: g.upto}
	if err = g.toDevice(); err != nil {
		return err
	}
	g.ans.NextBatch = token.Sync(g.upto, g.a.epoch, g.count)
	g.ans.pos, g.ans.count = g.upto, g.count
	for _, step := range []func() error{g.ignoredUsers, g.readReceipts, g.roomSettings, g.allRooms, g.accountData, g.deviceLists, g.presence, g.keyCounts} {
		if err = step(); err != nil {
			return err
		}
	}
	return nil
}

// fresh reports whether the room's past is new to the client as well.
func (g *gathering) fresh(r storage.SyncRoom) bool {
	return g.q.initial || r.WasAt != "join"
}

// quiet is the answer when nothing happened.
func (g *gathering) quiet() (*answer, bool) {
	ans := &answer{pos: g.news.upto, count: g.count, NextBatch: token.Sync(g.news.upto, g.a.epoch, g.count)}
	if g.q.device == "" {
		return ans, true
	}
	k, ok := g.a.marks.keyCounts(g.q.user, g.q.device)
	ans.KeyCounts, ans.Fallback = k.left, k.fallback
	return ans, ok
}
