package syncapi

import (
	"encoding/json"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// ignoredUsers reads whom the user does not want to hear ("Ignoring Users",
// client-server API).
func (g *gathering) ignoredUsers() error {
	raw, err := g.tx.AccountData(g.q.user, "", "m.ignored_user_list")
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	gjson.GetBytes(raw, "ignored_users").ForEach(func(user, _ gjson.Result) bool {
		if g.ignored == nil {
			g.ignored = map[string]bool{}
		}
		g.ignored[user.Str] = true
		return true
	})
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
