package userserver

import (
	"context"
	"slices"

	"github.com/chancery-im/chancery/storage"
)

// DeviceListChanges are the users whose devices the user must look at again, for
// what happened between two positions, and those who are no longer of concern.
func (s *Server) DeviceListChanges(ctx context.Context, user string, from, to int64) (changed, left []string, err error) {
	changed, left = []string{}, []string{}
	err = s.db.Read(ctx, func(tx *storage.ReadTx) error {
		now, err := tx.Position()
		if err != nil {
			return err
		}
		to = min(to, now)
		list, err := tx.DeviceChangesFor(user, from, to)
		if err != nil {
			return err
		}
		changed = append(changed, list...)
		moves, err := tx.MemberMoves(user, from, to)
		if err != nil {
			return err
		}
		for _, m := range moves {
			shared, err := tx.ShareRoom(user, m.UserID)
			switch {
			case err != nil:
				return err
			case !shared && !slices.Contains(left, m.UserID):
				left = append(left, m.UserID)
			case shared && m.Membership == "join" && !slices.Contains(changed, m.UserID):
				changed = append(changed, m.UserID)
			}
		}
		return nil
	})
	return changed, left, err
}
