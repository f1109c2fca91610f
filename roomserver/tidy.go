package roomserver

import (
	"context"
	"time"

	"github.com/chancery-im/chancery/storage"
)

// notesLife is how long a mention that was read stays in /notifications.
const notesLife = 30 * 24 * time.Hour

// Tidy removes what has run out: notes of mentions and of rare rules that were read
// long ago, a room at a time. homeserver calls it from time to time.
func (s *Server) Tidy(ctx context.Context) error {
	var upto int64
	var rooms []int64
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		if upto, err = tx.PositionBefore(s.clock().Add(-notesLife).UnixMilli()); err != nil || upto == 0 {
			return err
		}
		rooms, err = tx.RoomsWithNotes()
		return err
	})
	for _, room := range rooms {
		if err != nil {
			return err
		}
		err = s.db.Write(ctx, func(tx *storage.Tx) error { return tx.PruneNotes(room, upto) })
	}
	return err
}
