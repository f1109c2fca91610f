package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// PutReceipt notes that a member has read up to an event ("Receipts", client-server
// API). kind is m.read or m.read.private.
func (s *Server) PutReceipt(ctx context.Context, r Reader, room, kind, eventID, thread string) error {
	var at storage.ReceiptAt
	err := s.db.Read(ctx, func(tx *storage.ReadTx) error {
		a, st, err := s.openEvent(ctx, tx, r, room, eventID)
		if err != nil {
			return err
		}
		if a.member.Membership != "join" {
			return errNotInRoom
		}
		at = storage.ReceiptAt{RoomID: room, Place: storage.Edge{Topo: st.Topo, NID: st.NID},
			Receipt: storage.Receipt{RoomNID: a.row.NID, User: r.UserID, Type: kind, Thread: thread, EventID: eventID}}
		return nil
	})
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *storage.Tx) error {
		at.Receipt.TS = tx.Now()
		moved, err := tx.PutReceipt(at)
		if err != nil || !moved {
			return err
		}
		return tx.MarkRead(at)
	})
}

// CheckMember fails with M_FORBIDDEN unless the user is in the room.
func (s *Server) CheckMember(ctx context.Context, user, room string) error {
	return s.db.Read(ctx, func(tx *storage.ReadTx) error {
		row, err := tx.Room(room)
		if err != nil {
			return notFoundAs(err, errNotInRoom)
		}
		m, err := tx.Membership(row.NID, user)
		if err != nil {
			return notFoundAs(err, errNotInRoom)
		}
		if m.Membership != "join" {
			return matrixerr.Forbidden("You are not in this room")
		}
		return nil
	})
}
