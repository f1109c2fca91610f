package roomserver

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Redact removes the content of an event. A user may redact events of their own,
// and those of others with the room's redact level.
func (s *Server) Redact(ctx context.Context, room, sender, target string, extra json.RawMessage, txn Txn) (Sent, error) {
	d := Draft{RoomID: room, Sender: sender, Type: "m.room.redaction", Content: extra, Redacts: target, Txn: txn}
	if sent, ok, err := s.seenTxn(ctx, sender, txn); ok || err != nil {
		return sent, err
	}
	return s.sendTxn(ctx, d, func(b *batch) (Sent, error) {
		if sent, ok := b.repeated(d); ok {
			return sent, nil
		}
		if err := b.mayRedact(ctx, sender, target); err != nil {
			return Sent{}, err
		}
		return b.sendOnce(ctx, b.redaction(d))
	})
}

// redaction puts the target where the room version wants it: into content from
// room version 11 on, beside it before.
func (b *batch) redaction(d Draft) Draft {
	if !b.rm.rules.RedactsInContent {
		return d
	}
	content := map[string]json.RawMessage{}
	if err := json.Unmarshal(d.Content, &content); err == nil {
		content["redacts"] = object(d.Redacts)
		d.Content = object(content)
	}
	d.Redacts = ""
	return d
}

func (b *batch) mayRedact(ctx context.Context, sender, target string) error {
	if err := b.mustBeIn(ctx, sender); err != nil {
		return err
	}
	st, err := b.find(ctx, target)
	if errors.Is(err, storage.ErrNotFound) {
		return matrixerr.NotFound("The event to redact is not in this room")
	}
	if err != nil {
		return err
	}
	pl := b.powerLevels(ctx)
	if st.Event.From() == sender || pl != nil && pl.User(sender) >= pl.Redact() {
		return nil
	}
	return matrixerr.Forbidden("You may not redact other people's events in this room")
}

// find is an event of this room, in flight or stored.
func (b *batch) find(ctx context.Context, eventID string) (st storage.StoredEvent, err error) {
	if st, ok := b.pendingRow(eventID); ok {
		return st, nil
	}
	err = b.v.read(ctx, func(tx *storage.ReadTx) error {
		st, err = tx.EventByID(b.rm.nid, eventID)
		return err
	})
	return st, err
}

// applyRedactions prunes what the event redacts, or the event itself when its
// redaction was here first. A redaction whose target is not here yet is kept.
func (b *batch) applyRedactions(ctx context.Context, in incoming, nid int64) error {
	if target := in.ev.RedactsID(); in.ev.Kind() == "m.room.redaction" && target != "" {
		st, err := b.find(ctx, target)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			b.set.Redactions = append(b.set.Redactions, storage.RedactionRow{TargetID: target, Event: nid})
		case err != nil:
			return err
		case b.redactionHolds(ctx, in.ev, st.Event):
			if err := b.prune(ctx, st.NID, st.Event, nid); err != nil {
				return err
			}
		}
	}
	if in.auth == nil {
		return nil // our own new event: nobody can have redacted it before
	}
	var waiting []storage.StoredEvent
	err := b.v.read(ctx, func(tx *storage.ReadTx) (err error) {
		waiting, err = tx.RedactionsOf(b.rm.nid, in.ev.ID())
		return err
	})
	for _, st := range waiting {
		if b.redactionHolds(ctx, st.Event, in.ev) {
			return b.prune(ctx, nid, in.ev, st.NID)
		}
	}
	return err
}

// redactionHolds is the rule of room versions 3 and later for applying a redaction
// ("Handling redactions"): the sender has the redact level, or is of the same
// server as the event's sender. In versions 1 and 2 the auth rules have decided.
func (b *batch) redactionHolds(ctx context.Context, redaction, target *event.Event) bool {
	if b.rm.rules.RedactionAuth || id.ServerOf(redaction.From()) == id.ServerOf(target.From()) {
		return true
	}
	pl := b.powerLevels(ctx)
	return pl != nil && pl.User(redaction.From()) >= pl.Redact()
}

// prune empties an event, and what the room remembers of it: also when that is read
// only now, because the database has it whole until the commit.
func (b *batch) prune(ctx context.Context, nid int64, target *event.Event, by int64) error {
	pruned := target.Redact()
	b.set.Prune = append(b.set.Prune, storage.PruneRow{Event: nid, JSON: pruned.Bytes(), By: by})
	b.fl.pruned = append(b.fl.pruned, nid)
	key, isState := target.Key()
	if !isState {
		return nil
	}
	t := tuple(target.Kind(), key)
	b.closedToGuests = b.closedToGuests || t == guestAccess && guestsMayJoin(target)
	cur, err := b.get(ctx, target.Kind(), key)
	if err == nil && cur.nid == nid {
		b.auth[t] = entry{nid, pruned}
		b.levels = nil
	}
	return err
}

// wasPruned reports whether the batch empties the event.
func (b *batch) wasPruned(nid int64) bool { return slices.Contains(b.fl.pruned, nid) }
