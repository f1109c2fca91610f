package roomserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/internal/token"
	"github.com/chancery-im/chancery/storage"
)

// State is the room's state as the reader sees it: today's, or that of when they
// left.
func (s *Server) State(ctx context.Context, r Reader, room string) (out []Visible, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		root, err := a.currentRoot(tx)
		if err != nil {
			return err
		}
		if out, err = a.stateAt(ctx, root); err != nil {
			return err
		}
		return a.dress(ctx, out)
	})
	return out, err
}

// StateEvent is one entry of the state that State gives.
func (s *Server) StateEvent(ctx context.Context, r Reader, room, kind, key string) (v Visible, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		root, err := a.currentRoot(tx)
		if err != nil {
			return err
		}
		e, err := a.v.lookup(ctx, root, kind, key)
		if err != nil {
			return err
		}
		if e.ev == nil {
			return matrixerr.NotFound("The room has no such state")
		}
		v = Visible{Event: e.ev, NID: e.nid}
		return nil
	})
	return v, err
}

// Members are the room's member events, as of a token when at is given.
func (s *Server) Members(ctx context.Context, r Reader, room, at, only, not string) (out []Visible, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		root, err := a.rootAt(tx, at)
		if err != nil {
			return err
		}
		if root == statetrie.Root(a.row.StateRoot) {
			out, err = a.membersNow(ctx, tx, only, not)
			return err
		}
		all, err := a.stateAt(ctx, root)
		for _, v := range all {
			m := v.MembershipOf()
			if v.Kind() == "m.room.member" && (only == "" || m == only) && (not == "" || m != not) {
				out = append(out, v)
			}
		}
		return err
	})
	return out, err
}

func (a *access) membersNow(ctx context.Context, tx *storage.ReadTx, only, not string) ([]Visible, error) {
	rows, err := tx.Members(a.row.NID, only, not)
	if err != nil {
		return nil, err
	}
	nids := make([]int64, len(rows))
	for i, m := range rows {
		nids[i] = m.EventNID
	}
	evs, err := a.v.eventsByNID(ctx, nids)
	if err != nil {
		return nil, err
	}
	out := make([]Visible, len(nids))
	for i, nid := range nids {
		out[i] = Visible{Event: evs[nid], NID: nid}
	}
	return out, nil
}

// rootAt is the state at a token, not beyond what the reader may see.
func (a *access) rootAt(tx *storage.ReadTx, at string) (statetrie.Root, error) {
	now, err := a.currentRoot(tx)
	if err != nil || at == "" {
		return now, err
	}
	t, err := token.Parse(at)
	if err != nil {
		return 0, err
	}
	if !t.IsPage() || t.Pos > 0 {
		if t.Pos >= a.row.LastPos || a.until > 0 && t.Pos >= a.until {
			return now, nil
		}
		root, err := tx.StateRootAt(a.row.NID, t.Pos)
		if errors.Is(err, storage.ErrNotFound) {
			return 0, errNoEvent
		}
		return statetrie.Root(root), err
	}
	evs, err := tx.Timeline(a.row.NID, storage.Edge{Topo: t.Topo, NID: t.NID - 1}, nil, false, 1, a.until)
	if err != nil || len(evs) == 0 {
		return now, err
	}
	return statetrie.Root(evs[0].StateBefore), nil
}

// Face is a joined member's name and picture, each nil when there is none.
type Face struct {
	DisplayName *string `json:"display_name"`
	AvatarURL   *string `json:"avatar_url"`
}

// JoinedMembers are the users in the room. Only who is in it may ask.
func (s *Server) JoinedMembers(ctx context.Context, r Reader, room string) (map[string]Face, error) {
	out := map[string]Face{}
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		if a.member.Membership != "join" {
			return errNotInRoom
		}
		members, err := a.membersNow(ctx, tx, "join", "")
		for _, v := range members {
			key, _ := v.Key()
			out[key] = Face{stringAt(v.Body(), "displayname"), stringAt(v.Body(), "avatar_url")}
		}
		return err
	})
	return out, err
}

func stringAt(body json.RawMessage, path string) *string {
	if r := gjson.GetBytes(body, path); r.Type == gjson.String {
		return &r.Str
	}
	return nil
}

// JoinedRooms are the ids of the rooms that the user is in.
func (s *Server) JoinedRooms(ctx context.Context, user string) ([]string, error) {
	out := []string{}
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		rows, err := tx.RoomsOf(user, []string{"join"}, false)
		for _, m := range rows {
			out = append(out, m.RoomID)
		}
		return err
	})
	return out, err
}
