package roomserver

import (
	"context"

	"github.com/chancery-im/chancery/internal/event"
)

// strippedTypes are the state that an invited or knocking user is shown
// ("Stripped state", client-server API). The create event is required from room
// version 12 on, and useful before.
var strippedTypes = []string{"m.room.create", "m.room.name", "m.room.avatar", "m.room.topic",
	"m.room.join_rules", "m.room.canonical_alias", "m.room.encryption"}

// strippedState is a JSON array of stripped events: the room's face, the sender of
// the invite, and the member event itself.
func (b *batch) strippedState(ctx context.Context, member *event.Event) ([]byte, error) {
	out := []byte{'['}
	for _, kind := range strippedTypes {
		e, err := b.get(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		if e.ev != nil {
			out = append(e.ev.StrippedJSON(out), ',')
		}
	}
	if key, _ := member.Key(); key != member.From() {
		e, err := b.get(ctx, "m.room.member", member.From())
		if err != nil {
			return nil, err
		}
		if e.ev != nil {
			out = append(e.ev.StrippedJSON(out), ',')
		}
	}
	return append(member.StrippedJSON(out), ']'), nil
}
