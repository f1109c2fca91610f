package userserver

import (
	"context"
	"encoding/json"
	"regexp"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// maxProfile is the largest profile, in bytes of its JSON ("Profiles").
const maxProfile = 64 << 10

var errNoProfile = matrixerr.NotFound("There is no such profile")

func quoted(s string) json.RawMessage { return canonicaljson.AppendString(nil, s) }

// Profile are the profile fields of a local user; 404 when there is no such user.
func (s *Server) Profile(ctx context.Context, user string) (fields map[string]json.RawMessage, err error) {
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, err := tx.Account(user)
		if err != nil || a.Deactivated {
			return notFoundAs(orNot(err), errNoProfile)
		}
		fields, err = tx.Profile(user)
		return err
	})
	return fields, err
}

func orNot(err error) error {
	if err == nil {
		return storage.ErrNotFound
	}
	return err
}

// NameAndAvatar are what member events show; roomserver asks.
func (s *Server) NameAndAvatar(ctx context.Context, user string) (name, avatar string, err error) {
	f, err := s.Profile(ctx, user)
	if matrixerr.Is(err, "M_NOT_FOUND") {
		return "", "", nil
	}
	_ = json.Unmarshal(f["displayname"], &name)
	_ = json.Unmarshal(f["avatar_url"], &avatar)
	return name, avatar, err
}

// SetProfile sets a field of a profile; nil removes it. Name and avatar are also
// written into the user's rooms, and if the server dies in between, at its next
// start.
func (s *Server) SetProfile(ctx context.Context, user, field string, value json.RawMessage) error {
	if err := checkField(field, value); err != nil {
		return err
	}
	shown := field == "displayname" || field == "avatar_url"
	err := s.write(ctx, func(tx *storage.Tx) error {
		old, err := tx.Profile(user)
		if err != nil {
			return err
		}
		size := len(field) + len(value)
		for k, v := range old {
			if k != field {
				size += len(k) + len(v) + 6
			}
		}
		if size > maxProfile {
			return matrixerr.New(400, "M_PROFILE_TOO_LARGE", "The profile would be larger than 64 KiB")
		}
		if err := tx.PutProfile(user, field, value); err != nil || !shown {
			return err
		}
		return tx.ProfileUpdate(user)
	})
	if err == nil && shown {
		s.after(ctx, "show the profile of "+user, func(ctx context.Context) error { return s.showProfile(ctx, user) })
	}
	return err
}

// Lengths of fields, in bytes.
const (
	maxField  = 255
	maxName   = 256
	maxAvatar = 1000
)

// checkField: "Set a profile field": avatar_url, displayname, m.tz, or a name of the
// Common Namespaced Identifier Grammar.
func checkField(field string, value json.RawMessage) error {
	if len(field) > maxField {
		return matrixerr.New(400, "M_KEY_TOO_LARGE", "A profile field's name is at most 255 bytes long")
	}
	if !fieldName.MatchString(field) {
		return matrixerr.InvalidParam("This is not the name of a profile field")
	}
	if value == nil || field != "displayname" && field != "avatar_url" && field != "m.tz" {
		return nil
	}
	var text *string
	if json.Unmarshal(value, &text) != nil || text == nil {
		return matrixerr.BadJSON(field + " must be a string")
	}
	if limit := map[string]int{"displayname": maxName, "avatar_url": maxAvatar, "m.tz": maxField}[field]; len(*text) > limit {
		return matrixerr.New(400, "M_TOO_LARGE", field+" is too long")
	}
	return nil
}

var fieldName = regexp.MustCompile(`^(avatar_url|displayname|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+)$`)

// showProfile brings a user's profile into their rooms, when that is to be done.
func (s *Server) showProfile(ctx context.Context, user string) error {
	var pos int64
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		pos, err = tx.PendingProfile(user)
		return err
	})
	if err != nil || pos == 0 {
		return err
	}
	if err := s.rooms.UpdateProfile(ctx, user); err != nil {
		return err
	}
	return s.write(ctx, func(tx *storage.Tx) error { return tx.ProfileUpdated(user, pos) })
}
