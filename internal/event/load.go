package event

import (
	"fmt"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// Load reads an event that this server stored: its signatures and hash were
// checked then. Nothing but storage may call it.
func Load(v Version, eventID string, canonical []byte) (*Event, error) {
	r := RulesOf(v)
	if r == nil {
		return nil, fmt.Errorf("event: %s is of the unknown room version %q", eventID, v)
	}
	e := &Event{rules: r, json: canonical}
	if err := canonicaljson.Fields(canonical, e.field); err != nil {
		return nil, fmt.Errorf("event: %s is damaged in storage: %w", eventID, err)
	}
	e.id = eventID
	e.roomFromCreate()
	e.readContent()
	return e, nil
}
