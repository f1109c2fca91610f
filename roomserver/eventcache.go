package roomserver

import (
	"container/list"
	"sync"

	"github.com/chancery-im/chancery/internal/event"
)

// eventCache keeps recently used events by number, bounded by their bytes. A
// redaction removes its target and moves the generation on, so that a read that
// began before cannot put the old content back.
type eventCache struct {
	mu    sync.Mutex
	max   int
	size  int
	gen   uint64
	byNID map[int64]*list.Element
	order *list.List // front: used last
}

type cachedEvent struct {
	nid int64
	ev  *event.Event
}

// eventOverhead is what an event costs beside its JSON, in bytes: the struct, the
// parsed strings, the list element and the map entry.
const eventOverhead = 700

func newEventCache(maxBytes int) *eventCache {
	return &eventCache{max: maxBytes, byNID: map[int64]*list.Element{}, order: list.New()}
}

// generation is to be taken before the read whose result is put.
func (c *eventCache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen
}

func (c *eventCache) get(nid int64) *event.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.byNID[nid]
	if el == nil {
		return nil
	}
	c.order.MoveToFront(el)
	return el.Value.(cachedEvent).ev
}

// put keeps ev unless something was dropped since generation gen.
func (c *eventCache) put(nid int64, ev *event.Event, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen || c.byNID[nid] != nil {
		return
	}
	c.byNID[nid] = c.order.PushFront(cachedEvent{nid, ev})
	c.size += len(ev.Bytes()) + eventOverhead
	for c.size > c.max {
		c.remove(c.order.Back())
	}
}

func (c *eventCache) drop(nid int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if el := c.byNID[nid]; el != nil {
		c.remove(el)
	}
}

func (c *eventCache) remove(el *list.Element) {
	ce := c.order.Remove(el).(cachedEvent)
	delete(c.byNID, ce.nid)
	c.size -= len(ce.ev.Bytes()) + eventOverhead
}
