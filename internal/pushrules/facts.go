package pushrules

import (
	"strings"
	"sync"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/filter"
)

// property is a path into an event, with a number under which Facts remembers what it
// found there. Paths are numbered once for the process, so that many users' rules look
// each property up once.
type property struct {
	n    int // -1: not remembered
	path []string
}

// maxProperties bounds the paths that are numbered: users choose them.
const maxProperties = 4096

var properties = struct {
	sync.RWMutex
	byKey map[string]property
}{byKey: map[string]property{}}

// propertyOf reads a dot-separated property path ("Dot-separated property paths",
// appendices).
func propertyOf(key string) property {
	properties.RLock()
	p, ok := properties.byKey[key]
	properties.RUnlock()
	if ok {
		return p
	}
	properties.Lock()
	defer properties.Unlock()
	if p, ok := properties.byKey[key]; ok {
		return p
	}
	p = property{n: len(properties.byKey), path: filter.SplitPath(key)}
	if p.n >= maxProperties {
		p.n = -1
		return p
	}
	properties.byKey[key] = p
	return p
}

// Facts is an event and what the rules may ask of its room. It remembers what it
// looked up: make one for an event, and apply all users' rules to it. It is not safe
// for concurrent use.
type Facts struct {
	Event   *event.Event
	Members int64
	// MayNotify tells whether the sender has the power for a kind of notification.
	MayNotify func(kind string) bool
	// DisplayName is a user's name in the room.
	DisplayName func(user string) string

	values []lookup
	may    map[string]bool
}

type lookup struct {
	done  bool
	value gjson.Result
	lower string // of a string
}

// get is the property; Exists is false when it is absent.
func (f *Facts) get(p property) *lookup {
	l := &lookup{}
	if p.n >= 0 {
		for p.n >= len(f.values) {
			f.values = append(f.values, lookup{})
		}
		l = &f.values[p.n]
	}
	if !l.done {
		l.done = true
		l.value = f.find(p.path)
		if l.value.Type == gjson.String {
			l.lower = strings.ToLower(l.value.Str)
		}
	}
	return l
}

func (f *Facts) find(path []string) gjson.Result {
	e := f.Event
	if len(path) == 1 {
		switch path[0] {
		case "type":
			return text(e.Kind())
		case "sender":
			return text(e.From())
		case "room_id":
			return text(e.Room())
		case "event_id":
			return text(e.ID())
		case "state_key":
			if k, ok := e.Key(); ok {
				return text(k)
			}
			return gjson.Result{}
		}
	}
	v := gjson.ParseBytes(e.Bytes())
	if path[0] == "content" {
		v, path = gjson.ParseBytes(e.Body()), path[1:]
	}
	for _, name := range path {
		if !v.IsObject() {
			return gjson.Result{}
		}
		v = member(v, name)
	}
	return v
}

// member is an object's value of exactly this name: gjson's own paths have a language
// of their own.
func member(object gjson.Result, name string) (found gjson.Result) {
	object.ForEach(func(k, v gjson.Result) bool {
		if k.Str == name {
			found = v
			return false
		}
		return true
	})
	return found
}

func text(s string) gjson.Result { return gjson.Result{Type: gjson.String, Str: s, Raw: `""`} }

// words is content.body in lower case, and whether there is one.
func (f *Facts) words() (string, bool) {
	l := f.get(bodyText)
	return l.lower, l.value.Type == gjson.String
}

var (
	bodyText = propertyOf("content.body")
	mentions = propertyOf(`content.m\.mentions`)
	roomID   = propertyOf("room_id")
	sender   = propertyOf("sender")
)

func (f *Facts) mayNotify(kind string) bool {
	if may, ok := f.may[kind]; ok {
		return may
	}
	if f.may == nil {
		f.may = map[string]bool{}
	}
	f.may[kind] = f.MayNotify != nil && f.MayNotify(kind)
	return f.may[kind]
}

// Outcome is what the user's rules say of the event: of the first rule that matches.
// The caller leaves out a user's own events.
func (c *Compiled) Outcome(f *Facts) Outcome {
	for i := range c.rules {
		if c.rules[i].matches(f, c) {
			return c.rules[i].outcome
		}
	}
	return Outcome{}
}

// SaysWho reports whether the event names whom it mentions, so that its body is not
// searched for names (m.mentions).
func (f *Facts) SaysWho() bool { return f.get(mentions).value.Exists() }

func (r *compiledRule) matches(f *Facts, c *Compiled) bool {
	if r.bodyMention && f.SaysWho() {
		return false
	}
	for _, cond := range r.conds {
		if !cond.holds(f, c) {
			return false
		}
	}
	return true
}
