package userserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Deactivate ends an account: its sessions, devices, keys, profile and settings go in
// one commit, and then its rooms are left. If the server dies in between, they are
// left at its next start. The name is never given again. erase is recorded: the
// core of rooms shows the user's events as redacted to who was not there.
func (s *Server) Deactivate(ctx context.Context, user string, erase bool) error {
	err := s.write(ctx, func(tx *storage.Tx) error {
		if err := deleteOthers(tx, user, ""); err != nil {
			return err
		}
		return notFoundAs(tx.Deactivate(user, erase), errNoUser)
	})
	s.cache.dropUser(user)
	if err != nil {
		return err
	}
	s.forgetPresence(user)
	s.after(ctx, "leave "+user, func(ctx context.Context) error { return s.leaveAll(ctx, user) })
	return nil
}

// leaveAll leaves all rooms of a deactivated user, and turns down their invites.
func (s *Server) leaveAll(ctx context.Context, user string) error {
	var rooms []storage.MemberRow
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		rooms, err = tx.RoomsOf(user, []string{"join", "invite", "knock"}, true)
		return err
	})
	if err != nil {
		return err
	}
	var failed error
	for _, r := range rooms {
		// Forbidden is what the room itself says: the user is no longer in it.
		if err := s.rooms.Leave(ctx, user, r.RoomID, ""); err != nil && !matrixerr.Is(err, "M_FORBIDDEN") {
			failed = err
		}
	}
	if failed != nil {
		return failed
	}
	return s.write(ctx, func(tx *storage.Tx) error { return tx.HasLeft(user) })
}
