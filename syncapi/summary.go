package syncapi

import (
	"slices"

	"github.com/chancery-im/chancery/storage"
)

// heroes is how many members a summary names.
const heroes = 5

// summary is given when memberships changed, and whenever the room is new to the
// client. Heroes are named only when the room has no name of its own.
func (g *gathering) summary(r storage.SyncRoom, b *block) (*summary, error) {
	if !b.members && !g.fresh(r) && !g.q.full {
		return nil, nil
	}
	s := &summary{Joined: &r.Room.Joined, Invited: &r.Room.Invited}
	for _, kind := range []string{"m.room.name", "m.room.canonical_alias"} {
		v, err := g.a.rooms.StateEntry(g.ctx, g.tx, r.Room.NID, r.Room.StateRoot, kind, "")
		if err != nil || v.Event != nil && len(v.Body()) > 2 {
			return s, err
		}
	}
	for _, m := range []string{"join", "invite", "leave"} {
		if m == "leave" && len(s.Heroes) > 0 {
			break
		}
		rows, err := g.tx.SomeMembers(r.Room.NID, m, g.q.user, heroes-len(s.Heroes))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			s.Heroes = append(s.Heroes, row.UserID)
		}
		if len(s.Heroes) >= heroes {
			break
		}
	}
	slices.Sort(s.Heroes)
	return s, nil
}
