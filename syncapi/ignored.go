package syncapi

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/roomserver"
)

// ignoredUsers reads whom the user does not want to hear ("Ignoring Users",
// client-server API).
func (g *gathering) ignoredUsers() error {
	ignored, err := g.a.rooms.IgnoredBy(g.tx, g.q.user)
	g.ignored = ignored
	return err
}

// unheard: what an ignored user says is left out; their state is the room's.
func (g *gathering) unheard(v roomserver.Visible) bool {
	_, isState := v.Key()
	return !isState && g.ignored[v.From()]
}

// inviterIgnored reports whether an ignored user sent the invite.
func (g *gathering) inviterIgnored(stripped []json.RawMessage) bool {
	for _, raw := range stripped {
		e := gjson.ParseBytes(raw)
		if e.Get("type").Str == "m.room.member" && e.Get("state_key").Str == g.q.user {
			return g.ignored[e.Get("sender").Str]
		}
	}
	return false
}
