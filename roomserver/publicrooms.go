package roomserver

import (
	"context"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// PublicRoomsRequest is what a client asks of the room directory.
type PublicRoomsRequest struct {
	Limit     int // 0: all, up to maxPublicRooms
	Since     string
	Search    string
	RoomTypes []string // "" in it means rooms without a type; nil: every type
}

// maxPublicRooms is the longest page of the directory.
const maxPublicRooms = 500

// PublicRoom is a room of the directory ("PublicRoomsChunk", client-server API).
type PublicRoom struct {
	RoomID         string `json:"room_id"`
	Name           string `json:"name,omitempty"`
	Topic          string `json:"topic,omitempty"`
	CanonicalAlias string `json:"canonical_alias,omitempty"`
	AvatarURL      string `json:"avatar_url,omitempty"`
	JoinRule       string `json:"join_rule,omitempty"`
	RoomType       string `json:"room_type,omitempty"`
	JoinedMembers  int64  `json:"num_joined_members"`
	WorldReadable  bool   `json:"world_readable"`
	GuestCanJoin   bool   `json:"guest_can_join"`
}

// PublicRoomsPage is a page of the directory.
type PublicRoomsPage struct {
	Chunk     []PublicRoom `json:"chunk"`
	NextBatch string       `json:"next_batch,omitempty"`
	PrevBatch string       `json:"prev_batch,omitempty"`
	Total     int          `json:"total_room_count_estimate"`
}

// PublicRooms is the directory of this server, the largest rooms first.
func (s *Server) PublicRooms(ctx context.Context, q PublicRoomsRequest) (PublicRoomsPage, error) {
	offset := 0
	if q.Since != "" {
		n, err := strconv.Atoi(q.Since)
		if err != nil || n < 0 {
			return PublicRoomsPage{}, matrixerr.InvalidParam("since is not a token of this server")
		}
		offset = n
	}
	if q.Limit <= 0 || q.Limit > maxPublicRooms {
		q.Limit = maxPublicRooms
	}
	page := PublicRoomsPage{Chunk: []PublicRoom{}}
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		rows, err := tx.PublishedRooms()
		if err != nil {
			return err
		}
		page.Total = len(rows)
		matched := 0
		for _, row := range rows {
			plain := q.Search == "" && q.RoomTypes == nil
			if plain && (matched < offset || matched >= offset+q.Limit) {
				matched++
				continue
			}
			room, err := s.publicRoom(ctx, tx, row)
			if err != nil {
				return err
			}
			if !plain && !q.matches(room) {
				continue
			}
			if matched >= offset && matched < offset+q.Limit {
				page.Chunk = append(page.Chunk, room)
			}
			matched++
		}
		page.tokens(offset, q.Limit, matched)
		return nil
	})
	return page, err
}

func (p *PublicRoomsPage) tokens(offset, limit, matched int) {
	if offset+limit < matched {
		p.NextBatch = strconv.Itoa(offset + limit)
	}
	if offset > 0 {
		p.PrevBatch = strconv.Itoa(max(0, offset-limit))
	}
}

func (q PublicRoomsRequest) matches(r PublicRoom) bool {
	if q.RoomTypes != nil && !contains(q.RoomTypes, r.RoomType) {
		return false
	}
	term := strings.ToLower(q.Search)
	for _, text := range []string{r.Name, r.Topic, r.CanonicalAlias} {
		if strings.Contains(strings.ToLower(text), term) {
			return true
		}
	}
	return term == ""
}

func (s *Server) publicRoom(ctx context.Context, tx *storage.ReadTx, row storage.RoomRow) (PublicRoom, error) {
	v := &view{s: s, nid: row.NID, tx: tx}
	r := PublicRoom{RoomID: row.ID, JoinedMembers: row.Joined}
	var world, guest string
	for _, f := range []struct {
		kind, path string
		to         *string
	}{
		{"m.room.create", "type", &r.RoomType}, {"m.room.name", "name", &r.Name},
		{"m.room.topic", "topic", &r.Topic}, {"m.room.canonical_alias", "alias", &r.CanonicalAlias},
		{"m.room.avatar", "url", &r.AvatarURL}, {"m.room.join_rules", "join_rule", &r.JoinRule},
		{"m.room.history_visibility", "history_visibility", &world}, {"m.room.guest_access", "guest_access", &guest},
	} {
		e, err := v.lookup(ctx, statetrie.Root(row.StateRoot), f.kind, "")
		if err != nil {
			return r, err
		}
		if e.ev != nil {
			*f.to = gjson.GetBytes(e.ev.Body(), f.path).Str
		}
	}
	r.WorldReadable, r.GuestCanJoin = world == seenByWorld, guest == "can_join"
	return r, nil
}

// DirectoryVisibility is "public" for a room that the directory lists. Of other rooms
// only who is in them hears that they are there; user is "" for a stranger.
func (s *Server) DirectoryVisibility(ctx context.Context, user, room string) (string, error) {
	vis := "private"
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		row, err := tx.Room(room)
		if err != nil {
			return notFoundAs(err, errUnknownRoom)
		}
		listed, err := tx.Published(row.NID)
		if listed {
			vis = "public"
		}
		if listed || err != nil {
			return err
		}
		m, err := tx.Membership(row.NID, user)
		if err == nil && m.Membership != "join" {
			err = errUnknownRoom
		}
		return notFoundAs(err, errUnknownRoom)
	})
	return vis, err
}

// SetDirectoryVisibility lists the room or takes it out: for whom the room's
// levels let set its canonical alias.
func (s *Server) SetDirectoryVisibility(ctx context.Context, user, room string, public bool) error {
	rm, err := s.lockRoom(ctx, room)
	if err != nil {
		return hidden(err)
	}
	b := s.begin(rm)
	me, err := b.get(ctx, "m.room.member", user)
	pl := b.powerLevels(ctx)
	nid := rm.nid
	rm.mu.Unlock()
	switch {
	case err != nil:
		return err
	case membership(me.ev) != "join":
		return errNotInRoom
	case pl == nil || pl.User(user) < pl.Event("m.room.canonical_alias", true):
		return matrixerr.Forbidden("You may not change whether the directory lists this room")
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error { return tx.SetPublished(nid, public) })
}
