package roomserver

import (
	"context"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/storage"
)

// thread is a thread of a room with its counts. Its number is that of its first reply.
type thread struct {
	nid    int64
	root   string
	counts storage.Counts
}

// mainThread is what receipts and markers call the timeline outside of threads.
const mainThread = "main"

// name is what receipts call the thread.
func (t *thread) name() string {
	if t == nil {
		return mainThread
	}
	return t.root
}

// threadOf is the thread that an event is in, nil for the main timeline: it names the
// root, or is related to an event in the thread ("Threaded read receipts"). A parent
// that is here knows its thread, so that the way up is one step.
func (b *batch) threadOf(ctx context.Context, ev *event.Event, nid int64) (*thread, error) {
	if _, isState := ev.Key(); isState {
		return nil, nil
	}
	rel := gjson.GetBytes(ev.Body(), `m\.relates_to`)
	parent, kind := rel.Get("event_id").Str, rel.Get("rel_type").Str
	if parent == "" || kind == "" {
		return nil, nil
	}
	if kind == "m.thread" {
		return b.thread(ctx, parent, nid)
	}
	st, err := b.find(ctx, parent)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil || st.Thread == 0 {
		return nil, err
	}
	return b.threadByNID(ctx, st.Thread)
}

// thread is the thread of a root, made with its first reply.
func (b *batch) thread(ctx context.Context, root string, nid int64) (*thread, error) {
	if th := b.ownThread(root); th != nil {
		return th, nil
	}
	var row storage.ThreadOf
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		row, err = tx.Thread(b.rm.nid, root)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		row, err = storage.ThreadOf{NID: nid, RootID: root}, nil
	}
	if err != nil {
		return nil, err
	}
	return b.useThread(row), nil
}

func (b *batch) threadByNID(ctx context.Context, nid int64) (*thread, error) {
	for _, threads := range []map[string]*thread{b.threads, b.rm.threads} {
		for root, th := range threads {
			if th.nid == nid {
				return b.ownThread(root), nil
			}
		}
	}
	var row storage.ThreadOf
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		row, err = tx.ThreadByNID(nid)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b.useThread(row), nil
}

// ownThread is the batch's own copy of a thread that is in memory.
func (b *batch) ownThread(root string) *thread {
	if th := b.threads[root]; th != nil {
		return th
	}
	th := b.rm.threads[root]
	if th == nil {
		return nil
	}
	return b.useThread(storage.ThreadOf{NID: th.nid, RootID: root, Counts: th.counts})
}

func (b *batch) useThread(row storage.ThreadOf) *thread {
	if b.threads == nil {
		b.threads = map[string]*thread{}
	}
	th := &thread{row.NID, row.RootID, row.Counts}
	b.threads[row.RootID] = th
	return th
}

// rememberedThreads bounds the threads that an active room keeps.
const rememberedThreads = 256

// adoptThreads makes a batch's threads the room's. What is in flight must stay.
func (rm *room) adoptThreads(threads map[string]*thread) {
	if len(threads) == 0 {
		return
	}
	if rm.threads == nil || len(rm.threads) >= rememberedThreads && len(rm.flight) == 0 {
		rm.threads = map[string]*thread{}
	}
	for root, th := range threads {
		rm.threads[root] = th
	}
}
