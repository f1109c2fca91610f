package syncapi

import (
	"encoding/json"
	"slices"

	"github.com/chancery-im/chancery/userserver"
)

// beforeStart, in ms: who was told to be there at the end of another run of the server
// may have been active a little before that run began.
const beforeStart = 10 * 60 * 1000

// presenceEvent is m.presence.
type presenceEvent struct {
	Type    string                     `json:"type"`
	Sender  string                     `json:"sender"`
	Content userserver.PresenceContent `json:"content"`
}

// presence tells who is there, of the people who share a room with the user: all of
// whom there is something to say at first; later whose presence changed since the
// token, and whom the user has newly met in a room.
func (g *gathering) presence() error {
	f := g.q.filter.Presence
	if !f.MatchType("m.presence") {
		return nil
	}
	told, err := g.sharing(g.changedPresence())
	if err != nil {
		return err
	}
	if f.Limit != nil && len(told) > *f.Limit {
		slices.SortStableFunc(told, func(a, b userserver.Presence) int { return int(b.LastActive - a.LastActive) })
		told = told[:max(*f.Limit, 0)]
	}
	var out []json.RawMessage
	for _, p := range told {
		raw, err := json.Marshal(presenceEvent{"m.presence", p.User, p.Content(g.now)})
		if err != nil {
			return err
		}
		out = append(out, raw)
	}
	g.ans.Presence = list(out)
	return nil
}

// changedPresence is whose presence may be news to the client, wherever they are.
func (g *gathering) changedPresence() []userserver.Presence {
	switch {
	case g.q.initial:
		return g.a.users.PresenceOfAll()
	case g.q.epoch != g.a.epoch:
		return g.a.users.PresenceSince(g.q.epoch - beforeStart)
	}
	return g.a.users.PresenceChanges(g.q.count, g.count)
}

// sharing are those of the list whom the user may and wants to hear of, and those whom
// they have met.
func (g *gathering) sharing(list []userserver.Presence) (out []userserver.Presence, err error) {
	wanted := func(user string) bool { return !g.ignored[user] && g.q.filter.Presence.MatchSender(user) }
	list = slices.DeleteFunc(list, func(p userserver.Presence) bool { return !wanted(p.User) || g.met[p.User] })
	var ask []string
	for _, p := range list {
		ask = append(ask, p.User)
	}
	share, err := g.neighbours(ask)
	if err != nil {
		return nil, err
	}
	tell := make(map[string]bool, len(share))
	for _, u := range share {
		tell[u] = true
	}
	for _, p := range list {
		if tell[p.User] {
			out = append(out, p)
		}
	}
	for u := range g.met {
		if p := g.a.users.Presence(u); p.Known() && wanted(u) {
			out = append(out, p)
		}
	}
	return out, nil
}

// neighbours are those of some users who share a room with the user, and perhaps
// others who do. Who is in many rooms with few people is asked for all of them: each of
// so many others would be looked for in every room.
func (g *gathering) neighbours(of []string) ([]string, error) {
	if int64(len(of)) > g.people {
		return g.tx.Neighbours(g.q.user)
	}
	return g.tx.WhoShares(g.q.user, of)
}
