package roomserver

import (
	"context"
	"slices"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

var guestAccess = tuple("m.room.guest_access", "")

// guestsMayJoin: "Servers MUST only allow guest users to join rooms if the
// m.room.guest_access state event is present on the room, and has the guest_access
// value can_join" ("Guest access").
func guestsMayJoin(access *event.Event) bool {
	return access != nil && gjson.GetBytes(access.Body(), "guest_access").Str == "can_join"
}

// admitGuest refuses a guest whom the room does not let in.
func (b *batch) admitGuest(ctx context.Context) error {
	access, err := b.get(ctx, guestAccess.Kind, guestAccess.Key)
	if err == nil && !guestsMayJoin(access.ev) {
		err = matrixerr.New(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not join this room")
	}
	return err
}

// checkGuest is admitGuest for a member event that a guest writes as plain state.
func (b *batch) checkGuest(ctx context.Context, d Draft) error {
	if !d.Guest || d.Type != "m.room.member" || gjson.GetBytes(d.Content, "membership").Str != "join" {
		return nil
	}
	return b.admitGuest(ctx)
}

// showGuestsOut makes our guests leave, in the very set of rows that closes the room
// to them: "If the m.room.guest_access event is changed to stop this from being the
// case, the server MUST set those users' m.room.member state to leave".
func (b *batch) showGuestsOut(ctx context.Context) error {
	if !b.closedToGuests {
		return nil
	}
	access, err := b.get(ctx, guestAccess.Kind, guestAccess.Key)
	if err != nil {
		return err
	}
	if access.ev != nil && slices.Contains(b.fl.pruned, access.nid) {
		access.ev = access.ev.Redact()
		b.auth[guestAccess] = access
	}
	if guestsMayJoin(access.ev) {
		return nil
	}
	guests, err := b.guests(ctx)
	if err != nil {
		return err
	}
	b.outlier = 0 // that was of the event that closed the room
	for _, user := range guests {
		me, err := b.get(ctx, "m.room.member", user)
		if err != nil {
			return err
		}
		if membership(me.ev) != "join" {
			continue
		}
		content := memberContent{membership: "leave", reason: "Guests may no longer be in this room"}
		if _, err := b.add(ctx, memberDraft(b.rm.id, user, user, content)); err != nil {
			return err
		}
	}
	return nil
}

// guests are our guests who are in the room, or on their way in.
func (b *batch) guests(ctx context.Context) (list []string, err error) {
	var coming []string
	for _, ev := range b.rm.over.events {
		if user, ok := ev.Key(); ok && ev.Kind() == "m.room.member" && ev.MembershipOf() == "join" {
			coming = append(coming, user)
		}
	}
	err = b.v.read(ctx, func(tx *storage.ReadTx) error {
		if list, err = tx.GuestsIn(b.rm.nid); err != nil || len(coming) == 0 {
			return err
		}
		more, err := tx.GuestsAmong(coming)
		list = append(list, more...)
		return err
	})
	slices.Sort(list)
	return slices.Compact(list), err
}
