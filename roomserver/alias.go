package roomserver

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var errNoAlias = matrixerr.NotFound("No room has this alias")

// ResolveAlias is the room that an alias of this server names, and the servers
// that are in it.
func (s *Server) ResolveAlias(ctx context.Context, alias string) (room string, servers []string, err error) {
	if !s.isLocal(alias) {
		return "", nil, errNoAlias
	}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		nid, err := tx.Alias(alias)
		if err != nil {
			return notFoundAs(err, errNoAlias)
		}
		row, err := tx.RoomByNID(nid)
		if err != nil {
			return err
		}
		room = row.ID
		servers, err = tx.RoomServers(nid)
		return err
	})
	if err == nil && len(servers) == 0 {
		servers = []string{s.name}
	}
	return room, servers, err
}

// CreateAlias names a room. Any member may.
func (s *Server) CreateAlias(ctx context.Context, user, alias, room string) error {
	if !s.isLocal(alias) {
		return matrixerr.InvalidParam("The alias must be of this server")
	}
	err := s.db.Write(ctx, func(tx *storage.Tx) error {
		row, err := tx.Room(room)
		if err != nil {
			return notFoundAs(err, errNotInRoom)
		}
		m, err := tx.Membership(row.NID, user)
		if err != nil {
			return notFoundAs(err, errNotInRoom)
		}
		if m.Membership != "join" {
			return errNotInRoom
		}
		if _, err := tx.Alias(alias); !errors.Is(err, storage.ErrNotFound) {
			return errOr(err, storage.ErrExists)
		}
		return tx.PutAlias(alias, row.NID, user)
	})
	if errors.Is(err, storage.ErrExists) {
		return matrixerr.New(409, "M_UNKNOWN", "This alias is taken")
	}
	return err
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// DeleteAlias removes a name: its maker's right, or that of who may set the
// room's canonical alias. The canonical alias loses it too.
func (s *Server) DeleteAlias(ctx context.Context, user, alias string) error {
	room, _, err := s.ResolveAlias(ctx, alias)
	if err != nil {
		return err
	}
	may, canonical, err := s.mayDropAlias(ctx, user, alias, room)
	if err != nil {
		return err
	}
	if !may {
		return matrixerr.Forbidden("You may not remove this alias")
	}
	err = s.db.Write(ctx, func(tx *storage.Tx) error { return notFoundAs(tx.DeleteAlias(alias), errNoAlias) })
	if err != nil || canonical == nil {
		return err
	}
	_, err = s.Send(ctx, Draft{RoomID: room, Sender: user, Type: "m.room.canonical_alias", StateKey: new(string), Content: canonical})
	if matrixerr.Is(err, "M_FORBIDDEN") {
		return nil // the alias is gone; the label is for those who may set it
	}
	return err
}

// mayDropAlias also gives the canonical alias content without the alias, nil when
// it is not named there.
func (s *Server) mayDropAlias(ctx context.Context, user, alias, room string) (bool, json.RawMessage, error) {
	rm, err := s.lockRoom(ctx, room)
	if err != nil {
		return false, nil, err
	}
	defer rm.mu.Unlock()
	b := s.begin(rm)
	creator := ""
	err = s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		creator, err = tx.AliasCreator(alias)
		return err
	})
	if err != nil {
		return false, nil, notFoundAs(err, errNoAlias)
	}
	ca, err := b.get(ctx, "m.room.canonical_alias", "")
	if err != nil {
		return false, nil, err
	}
	pl := b.powerLevels(ctx)
	may := creator == user || pl != nil && pl.User(user) >= pl.Event("m.room.canonical_alias", true)
	if ca.ev == nil {
		return may, nil, nil
	}
	return may, withoutAlias(ca.ev.Body(), alias), nil
}

func withoutAlias(content []byte, alias string) json.RawMessage {
	m := map[string]json.RawMessage{}
	if json.Unmarshal(content, &m) != nil {
		return nil
	}
	changed := false
	if gjson.GetBytes(content, "alias").Str == alias {
		delete(m, "alias")
		changed = true
	}
	var alt []string
	for _, a := range gjson.GetBytes(content, "alt_aliases").Array() {
		if a.Str == alias {
			changed = true
		} else {
			alt = append(alt, a.Str)
		}
	}
	if !changed {
		return nil
	}
	if delete(m, "alt_aliases"); len(alt) > 0 {
		m["alt_aliases"] = object(alt)
	}
	return object(m)
}

// AliasesOf are the aliases that this server gives the room.
func (s *Server) AliasesOf(ctx context.Context, r Reader, room string) (out []string, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := s.open(ctx, tx, r, room)
		if err != nil {
			return err
		}
		out, err = tx.AliasesOf(a.row.NID)
		return err
	})
	return out, err
}

// checkAliases: a canonical alias event may only newly name aliases that point to
// this room (PUT …/state, "M_BAD_ALIAS").
func (b *batch) checkAliases(ctx context.Context, content json.RawMessage) error {
	old, err := b.get(ctx, "m.room.canonical_alias", "")
	if err != nil {
		return err
	}
	had := map[string]bool{}
	if old.ev != nil {
		for _, a := range namedAliases(old.ev.Body()) {
			had[a] = true
		}
	}
	for _, alias := range namedAliases(content) {
		if had[alias] {
			continue
		}
		if !id.IsAlias(alias) {
			return matrixerr.InvalidParam("Not an alias: " + alias)
		}
		room, _, err := b.s.ResolveAlias(ctx, alias)
		if err != nil && !matrixerr.Is(err, "M_NOT_FOUND") {
			return err
		}
		if room != b.rm.id {
			return matrixerr.New(400, "M_BAD_ALIAS", "The alias "+alias+" does not point to this room")
		}
	}
	return nil
}

func namedAliases(content []byte) []string {
	var out []string
	if a := gjson.GetBytes(content, "alias").Str; a != "" {
		out = append(out, a)
	}
	for _, a := range gjson.GetBytes(content, "alt_aliases").Array() {
		out = append(out, a.Str)
	}
	return out
}
