package syncapi

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// AppendJSON writes the answer as its json tags say. Its events are JSON already and
// make nearly all of it: encoding/json would go through each of them once more, byte by
// byte.
func (a *answer) AppendJSON(dst []byte) []byte {
	o := open(slices.Grow(dst, a.size()))
	o.text("next_batch", a.NextBatch)
	o.events("account_data", a.AccountData)
	if a.Rooms != nil {
		o.key("rooms")
		o.dst = a.Rooms.append(o.dst)
	}
	o.events("to_device", a.ToDevice)
	if a.DeviceLists != nil {
		o.other("device_lists", a.DeviceLists)
	}
	if len(a.KeyCounts) > 0 {
		o.other("device_one_time_keys_count", a.KeyCounts)
	}
	o.other("device_unused_fallback_key_types", a.Fallback)
	o.events("presence", a.Presence)
	return o.close()
}

// size is about how long the answer will be: large ones should not be copied as they
// grow.
func (a *answer) size() int {
	n := 512 + a.AccountData.size() + a.ToDevice.size() + a.Presence.size()
	if a.Rooms == nil {
		return n
	}
	const each = 400 // of a room without its events
	for _, r := range a.Rooms.Join {
		n += each + r.State.size() + r.StateAfter.size() + r.StateAfterU.size() + r.Timeline.size() + r.Ephemeral.size() + r.AccountData.size()
	}
	for _, r := range a.Rooms.Leave {
		n += each + r.State.size() + r.StateAfter.size() + r.StateAfterU.size() + r.Timeline.size() + r.AccountData.size()
	}
	return n
}

func (l *eventList) size() (n int) {
	if l == nil {
		return 0
	}
	for _, e := range l.Events {
		n += len(e) + 1
	}
	return n
}

func (t *timeline) size() int {
	if t == nil {
		return 0
	}
	return (&eventList{t.Events}).size()
}

func (l *roomLists) append(dst []byte) []byte {
	o := open(dst)
	rooms(&o, "join", l.Join, (*joinedRoom).append)
	rooms(&o, "invite", l.Invite, func(r *strippedRoom, dst []byte) []byte { return r.State.wrap(dst, "invite_state") })
	rooms(&o, "knock", l.Knock, func(r *knockedRoom, dst []byte) []byte { return r.State.wrap(dst, "knock_state") })
	rooms(&o, "leave", l.Leave, (*leftRoom).append)
	return o.close()
}

// rooms writes the rooms of one list.
func rooms[T any](o *object, key string, list map[string]T, write func(T, []byte) []byte) {
	if len(list) == 0 {
		return
	}
	o.key(key)
	in := open(o.dst)
	for id, r := range list {
		in.key(id)
		in.dst = write(r, in.dst)
	}
	o.dst = in.close()
}

func (r *joinedRoom) append(dst []byte) []byte {
	o := open(dst)
	if r.Summary != nil {
		o.other("summary", r.Summary)
	}
	o.events("state", r.State)
	o.events("state_after", r.StateAfter)
	o.events("org.matrix.msc4222.state_after", r.StateAfterU)
	o.timeline(r.Timeline)
	o.events("ephemeral", r.Ephemeral)
	o.events("account_data", r.AccountData)
	if r.Unread != nil {
		o.key("unread_notifications")
		o.dst = r.Unread.append(o.dst)
	}
	if len(r.UnreadThreads) > 0 {
		o.other("unread_thread_notifications", r.UnreadThreads)
	}
	return o.close()
}

func (r *leftRoom) append(dst []byte) []byte {
	o := open(dst)
	o.events("state", r.State)
	o.events("state_after", r.StateAfter)
	o.events("org.matrix.msc4222.state_after", r.StateAfterU)
	o.timeline(r.Timeline)
	o.events("account_data", r.AccountData)
	return o.close()
}

func (u *unreadCounts) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"highlight_count":`...), u.Highlight, 10)
	dst = strconv.AppendInt(append(dst, `,"notification_count":`...), u.Notify, 10)
	return append(dst, '}')
}

// wrap writes the events as the only member of an object.
func (l *eventList) wrap(dst []byte, key string) []byte {
	o := open(dst)
	o.events(key, l)
	return o.close()
}

// object is a JSON object being written.
type object struct {
	dst  []byte
	some bool
}

func open(dst []byte) object { return object{dst: append(dst, '{')} }

func (o *object) close() []byte { return append(o.dst, '}') }

func (o *object) key(k string) {
	if o.some {
		o.dst = append(o.dst, ',')
	}
	o.some = true
	o.dst = append(canonicaljson.AppendString(o.dst, k), ':')
}

func (o *object) text(k, v string) {
	o.key(k)
	o.dst = canonicaljson.AppendString(o.dst, v)
}

func (o *object) events(k string, l *eventList) {
	if l == nil {
		return
	}
	o.key(k)
	o.dst = append(o.dst, `{"events":[`...)
	for i, e := range l.Events {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, e...)
	}
	o.dst = append(o.dst, `]}`...)
}

func (o *object) timeline(t *timeline) {
	if t == nil {
		return
	}
	o.events("timeline", &eventList{t.Events})
	o.dst = o.dst[:len(o.dst)-1]
	o.dst = strconv.AppendBool(append(o.dst, `,"limited":`...), t.Limited)
	if t.PrevBatch != "" {
		o.dst = canonicaljson.AppendString(append(o.dst, `,"prev_batch":`...), t.PrevBatch)
	}
	o.dst = append(o.dst, '}')
}

// other writes small things that are no events.
func (o *object) other(k string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte("null") // numbers, strings and maps of them: it cannot fail
	}
	o.key(k)
	o.dst = append(o.dst, raw...)
}
