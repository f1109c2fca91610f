package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/storage"
)

// dress adds to events what belongs into unsigned: the transaction id for the
// device that sent them, the redaction that emptied them, what a state event
// replaced.
func (a *access) dress(ctx context.Context, evs []Visible) error {
	var own []int64
	for i := range evs {
		v := &evs[i]
		if v.From() == a.reader.UserID && a.reader.Device != "" {
			own = append(own, v.NID)
		}
		if v.redactedBy != 0 {
			by, err := a.v.event(ctx, v.redactedBy)
			if err != nil {
				return err
			}
			v.Redaction = by
		}
		if err := a.replaced(ctx, v); err != nil {
			return err
		}
	}
	if len(own) == 0 {
		return nil
	}
	return a.v.read(ctx, func(tx *storage.ReadTx) error {
		ids, err := tx.TxnIDs(deviceHash(a.reader.UserID, a.reader.Device), own)
		for i := range evs {
			evs[i].TxnID = ids[evs[i].NID]
		}
		return err
	})
}

// replaced finds the state event that v took the place of.
func (a *access) replaced(ctx context.Context, v *Visible) error {
	key, isState := v.Key()
	if !isState || v.before == 0 {
		return nil
	}
	old, err := a.v.lookup(ctx, v.before, v.Kind(), key)
	if err != nil || old.ev == nil || old.nid == v.NID {
		return err
	}
	v.PrevContent, v.PrevSender, v.ReplacesState = old.ev.Body(), old.ev.From(), old.ev.ID()
	return nil
}

// Format appends an event as clients read it ("Room event format", client-server
// API). now is in milliseconds, for age. omitRoom leaves room_id out, as /sync
// does.
func Format(dst []byte, v Visible, omitRoom bool, now int64) []byte {
	return v.ClientJSON(dst, event.ClientFormat{OmitRoomID: omitRoom, Unsigned: v.unsigned(now, omitRoom)})
}
