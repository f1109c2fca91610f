package push

import (
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/storage"
)

// ref is what is kept in memory of a pusher that sends.
type ref struct {
	id      int64
	user    string
	host    string // of the gateway
	mail    bool   // it sends mail
	noBadge bool   // nobody shows the number of unread, or the app counts for itself (MSC4076)
}

// refs are all pushers that send.
type refs struct {
	byID   map[int64]*ref
	byUser map[string][]*ref
}

func newRefs() refs { return refs{byID: map[int64]*ref{}, byUser: map[string][]*ref{}} }

// Kinds of pushers.
const (
	httpKind  = "http"
	emailKind = "email"
)

func (r *refs) add(p storage.PusherRef) {
	if p.Kind == emailKind {
		one := &ref{id: p.ID, user: p.User, host: mailHost, mail: true, noBadge: true}
		r.byID[p.ID] = one
		r.byUser[p.User] = append(r.byUser[p.User], one)
		return
	}
	data := gjson.ParseBytes(p.Data)
	one := &ref{id: p.ID, user: p.User, noBadge: noBadge(data)}
	if u, err := url.Parse(data.Get("url").Str); err == nil {
		one.host = strings.ToLower(u.Host)
	}
	r.byID[p.ID] = one
	r.byUser[p.User] = append(r.byUser[p.User], one)
}

func noBadge(data gjson.Result) bool {
	return data.Get(`org\.matrix\.msc4076\.disable_badge_count`).Type == gjson.True
}

// replace takes the pushers of some users anew, and tells which are gone.
func (r *refs) replace(users []string, list []storage.PusherRef) (gone []int64) {
	var before []int64
	for _, u := range users {
		for _, one := range r.byUser[u] {
			before = append(before, one.id)
			delete(r.byID, one.id)
		}
		delete(r.byUser, u)
	}
	for _, p := range list {
		r.add(p)
	}
	for _, id := range before {
		if r.byID[id] == nil {
			gone = append(gone, id)
		}
	}
	return gone
}

// users are all who have a pusher.
func (r *refs) users() []string {
	out := make([]string, 0, len(r.byUser))
	for u := range r.byUser {
		out = append(out, u)
	}
	return out
}
