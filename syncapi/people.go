package syncapi

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/chancery-im/chancery/storage"
)

// toDeviceLimit is how many to-device messages one answer carries; the rest come
// with the next.
const toDeviceLimit = 100

// toDevice adds messages for the device. When there are more than fit, the answer
// ends at the position of the last one, so that the client's next token fetches on.
func (g *gathering) toDevice() error {
	if g.news.known && !g.news.own {
		return nil
	}
	since := g.q.since
	msgs, err := g.tx.ToDevice(g.q.user, g.q.device, since, g.upto, toDeviceLimit)
	if err != nil || len(msgs) == 0 {
		return err
	}
	if len(msgs) == toDeviceLimit {
		g.upto = msgs[len(msgs)-1].Pos
	}
	g.a.handed.given(g.q.user, g.q.device, msgs[len(msgs)-1].Pos)
	out := make([]json.RawMessage, 0, len(msgs))
	for _, m := range msgs {
		out = append(out, m.JSON())
	}
	g.ans.ToDevice = list(out)
	return nil
}

// accountData adds the user's own settings that changed.
func (g *gathering) accountData() error {
	if g.news.known && !g.news.own {
		return nil
	}
	rows, err := g.a.users.AccountDataSince(g.tx, g.q.user, g.q.initial, g.q.since, g.upto)
	if err != nil {
		return err
	}
	var out []json.RawMessage
	for _, d := range rows {
		if d.Room == "" && g.q.filter.AccountData.MatchType(d.Type) {
			out = append(out, settingJSON(d.Type, d.Content))
		}
	}
	g.ans.AccountData = list(out)
	return nil
}

// roomSettings gathers the user's settings of all rooms that changed since the token.
func (g *gathering) roomSettings() error {
	if g.news.known && !g.news.own {
		return nil
	}
	since := g.q.since
	if g.q.initial {
		since = 0
	}
	rows, err := g.tx.AllRoomAccountDataSince(g.q.user, since, g.upto)
	g.settings = map[string][]storage.Setting{}
	for _, s := range rows {
		g.settings[s.Room] = append(g.settings[s.Room], s)
	}
	return err
}

// roomAccountData are the user's settings of one room: all of them when the room
// is new to the client.
func (g *gathering) roomAccountData(r storage.SyncRoom, fresh bool) ([]json.RawMessage, error) {
	rows := g.settings[r.Room.ID]
	if fresh && !g.q.initial {
		var err error
		if rows, err = g.tx.RoomAccountDataSince(g.q.user, r.Room.ID, 0, g.upto); err != nil {
			return nil, err
		}
	}
	var out []json.RawMessage
	for _, d := range rows {
		if g.q.filter.Room.AccountData.MatchType(d.Type) {
			out = append(out, settingJSON(d.Type, d.Content))
		}
	}
	return out, nil
}

func settingJSON(kind string, content json.RawMessage) json.RawMessage {
	b, err := json.Marshal(struct {
		Type    string          `json:"type"`
		Content json.RawMessage `json:"content"`
	}{kind, content})
	if err != nil {
		return json.RawMessage("{}")
	}
	return b
}

// deviceLists says whose devices to ask for again: people of shared rooms whose
// devices changed, people with whom a room is newly shared; and whom to forget.
func (g *gathering) deviceLists() error {
	if g.q.initial {
		return nil
	}
	var changed []string
	var err error
	if !g.news.known || g.news.devices || g.news.own {
		if changed, err = g.tx.DeviceChangesFor(g.q.user, g.q.since, g.upto); err != nil {
			return err
		}
	}
	g.met = map[string]bool{}
	gone := map[string]bool{}
	if err := g.metAndLeft(g.met, gone); err != nil {
		return err
	}
	set := maps.Clone(g.met)
	for _, u := range changed {
		if !gone[u] {
			set[u] = true
		}
	}
	if len(set) == 0 && len(gone) == 0 {
		return nil
	}
	g.ans.DeviceLists = &deviceLists{Changed: sorted(set), Left: sorted(gone)}
	return nil
}

// metAndLeft follows joins and leaves since the token: the user's own, which
// concern everybody in the room, and those of others in rooms of the user.
func (g *gathering) metAndLeft(met, gone map[string]bool) error {
	for _, r := range g.came {
		members, err := g.tx.Members(r.Room.NID, "join", "")
		if err != nil {
			return err
		}
		for _, m := range members {
			met[m.UserID] = true
		}
	}
	lost := map[string]bool{}
	for _, r := range g.went {
		members, err := g.tx.Members(r.Room.NID, "join", "")
		if err != nil {
			return err
		}
		for _, m := range members {
			lost[m.UserID] = true
		}
	}
	moved, err := g.memberMoves()
	if err != nil {
		return err
	}
	for _, m := range moved {
		if m.Membership == "join" {
			met[m.UserID] = true
		} else {
			lost[m.UserID] = true
		}
	}
	for u := range lost {
		if u == g.q.user {
			continue
		}
		shared, err := g.tx.ShareRoom(g.q.user, u)
		if err != nil {
			return err
		}
		if !shared {
			gone[u] = true
			delete(met, u)
		}
	}
	return nil
}

// memberMoves are changes of others' memberships in rooms of the user.
func (g *gathering) memberMoves() ([]storage.MemberRow, error) {
	if g.news.known {
		// Where the state was compared, it was seen whether members changed.
		rooms := slices.DeleteFunc(slices.Clone(g.news.rooms), func(nid int64) bool { return g.sameMembers[nid] })
		return g.tx.MemberMovesIn(rooms, g.q.user, g.q.since, g.upto)
	}
	return g.tx.MemberMoves(g.q.user, g.q.since, g.upto)
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// keyCounts tells the device how many one-time keys are left, and which fallback
// keys are unused.
func (g *gathering) keyCounts() (err error) {
	if g.q.device == "" {
		return nil
	}
	k, ok := g.a.marks.keyCounts(g.q.user, g.q.device)
	if !ok {
		if k.left, err = g.tx.OneTimeKeyCounts(g.q.user, g.q.device); err != nil {
			return err
		}
		if k.fallback, err = g.tx.UnusedFallbackTypes(g.q.user, g.q.device); err != nil {
			return err
		}
		if k.fallback == nil {
			k.fallback = []string{}
		}
		g.a.marks.keepKeyCounts(g.q.user, g.q.device, g.keyNumber, k)
	}
	g.ans.KeyCounts, g.ans.Fallback = k.left, k.fallback
	return nil
}
