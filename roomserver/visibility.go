package roomserver

import (
	"context"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// access is what one reader may see of one room, judged once for a request and
// then event by event.
type access struct {
	v      *view
	row    storage.RoomRow
	reader Reader
	member storage.MemberRow // zero: never had a membership
	// until is the last position of the timeline that concerns the reader, 0 when
	// there is no end: who has left sees the room as it was.
	until int64
	// lastJoin is the position of the reader's last join; 0: never joined here.
	lastJoin int64
	byRoot   map[statetrie.Root]scene
}

// scene is what a state says of a reader.
type scene struct {
	visibility string
	membership string
}

// History visibility values, from the narrowest on ("Room History Visibility",
// client-server API).
const (
	seenByJoined  = "joined"
	seenByInvited = "invited"
	seenByMembers = "shared"
	seenByWorld   = "world_readable"
)

// open finds out what the reader may see of the room. It fails with errNotInRoom,
// also for a room that does not exist, when that is nothing.
func (s *Server) open(ctx context.Context, tx *storage.ReadTx, r Reader, room string) (*access, error) {
	row, err := tx.Room(room)
	if err != nil {
		return nil, notFoundAs(err, errNotInRoom)
	}
	a, err := s.accessTo(ctx, tx, r, row)
	if err != nil {
		return nil, err
	}
	if a.member.Membership == "join" && !a.member.Forgotten {
		return a, nil
	}
	if a.lastJoin > 0 && !a.member.Forgotten {
		return a, nil
	}
	now, err := a.sceneAt(ctx, statetrie.Root(row.StateRoot))
	if err != nil {
		return nil, err
	}
	if now.visibility == seenByWorld {
		a.until = 0
		return a, nil
	}
	return nil, errNotInRoom
}

func (s *Server) accessTo(ctx context.Context, tx *storage.ReadTx, r Reader, row storage.RoomRow) (*access, error) {
	a := &access{v: &view{s: s, nid: row.NID, tx: tx}, row: row, reader: r, byRoot: map[statetrie.Root]scene{}}
	m, err := tx.Membership(row.NID, r.UserID)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, err
	}
	a.member = m
	switch m.Membership {
	case "":
	case "join":
		// Who is in the room has joined it by now; when exactly only decides
		// for who has left.
		a.lastJoin = row.LastPos + 1
	default:
		if a.lastJoin, a.until, err = tx.LastStay(row.NID, r.UserID); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// sceneAt looks the reader up in a state.
func (a *access) sceneAt(ctx context.Context, root statetrie.Root) (scene, error) {
	if sc, ok := a.byRoot[root]; ok {
		return sc, nil
	}
	hv, err := a.v.lookup(ctx, root, "m.room.history_visibility", "")
	if err != nil {
		return scene{}, err
	}
	m, err := a.v.lookup(ctx, root, "m.room.member", a.reader.UserID)
	if err != nil {
		return scene{}, err
	}
	sc := scene{visibilityOf(hv.ev), membershipOr(m.ev)}
	if len(a.byRoot) > 4096 {
		clear(a.byRoot)
	}
	a.byRoot[root] = sc
	return sc, nil
}

func membershipOr(e *event.Event) string {
	if m := membership(e); m != "" {
		return m
	}
	return "leave"
}

// visibilityOf: a missing or unknown value means shared.
func visibilityOf(e *event.Event) string {
	if e == nil {
		return seenByMembers
	}
	switch v := gjson.GetBytes(e.Body(), "history_visibility").Str; v {
	case seenByJoined, seenByInvited, seenByWorld:
		return v
	}
	return seenByMembers
}

// sees is the rule for one event, by the state before it. An event that changes
// the visibility, or the reader's own membership, is seen when either side of the
// change lets it be seen. It also tells the reader's membership at the event.
func (a *access) sees(ctx context.Context, st storage.StoredEvent) (bool, string, error) {
	before, err := a.sceneAt(ctx, statetrie.Root(st.StateBefore))
	if err != nil {
		return false, "", err
	}
	after := before
	if st.Event.Is("m.room.history_visibility", "") {
		after.visibility = visibilityOf(st.Event)
	}
	if st.Event.Is("m.room.member", a.reader.UserID) {
		after.membership = st.Event.MembershipOf()
	}
	ok := a.allows(before, st.Pos) || after != before && (a.allows(after, st.Pos) ||
		a.allows(scene{before.visibility, after.membership}, st.Pos))
	return ok, after.membership, nil
}

// allows numbers its cases as the specification does.
func (a *access) allows(sc scene, pos int64) bool {
	switch {
	case sc.visibility == seenByWorld: // 1
		return true
	case sc.membership == "join": // 2
		return true
	case sc.visibility == seenByMembers && a.lastJoin > pos: // 3
		return true
	case sc.visibility == seenByInvited && sc.membership == "invite": // 4
		return true
	}
	return false // 5
}

// Filter leaves of stored events those that the reader may see. syncapi calls it
// inside its own read.
func (s *Server) Filter(ctx context.Context, tx *storage.ReadTx, r Reader, row storage.RoomRow, evs []storage.StoredEvent) ([]Visible, error) {
	a, err := s.accessTo(ctx, tx, r, row)
	if err != nil {
		return nil, err
	}
	return a.filter(ctx, evs)
}

func (a *access) filter(ctx context.Context, evs []storage.StoredEvent) ([]Visible, error) {
	out := make([]Visible, 0, len(evs))
	for _, st := range evs {
		ok, m, err := a.sees(ctx, st)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, Visible{Event: st.Event, NID: st.NID, Topo: st.Topo, Pos: st.Pos, Membership: m,
				before: statetrie.Root(st.StateBefore), redactedBy: st.RedactedBy})
		}
	}
	if err := a.dress(ctx, out); err != nil {
		return nil, err
	}
	return out, a.hideErased(ctx, out)
}
