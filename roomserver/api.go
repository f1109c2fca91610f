// Package roomserver owns rooms: it is the only way an event gets into one. It
// builds, judges and stores events, keeps state, extremities and memberships, and
// answers what a user may see of a room and its past.
//
// It knows no HTTP, and asks nobody but storage and the floor. What it needs from
// above (other servers' events) is an interface that it declares.
package roomserver

import (
	"context"
	"encoding/json"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/statetrie"
)

// Draft is an event that a local user asks for. It becomes an event in Send.
type Draft struct {
	RoomID   string
	Sender   string
	Type     string
	StateKey *string
	Content  json.RawMessage
	Redacts  string
	// Timestamp in ms; 0 means now. Application services may set it.
	Timestamp int64
	// Txn makes the request idempotent; the zero value does not.
	Txn Txn
	// Guest says that the sender is a guest of this server.
	Guest bool
}

// Txn identifies a client's request: the same values give the same event.
type Txn struct {
	Device string // device id, or a name that stands for the session
	Path   string // endpoint and its parameters, without the transaction id
	ID     string // the client's transaction id
}

// Sent is what came of a Draft.
type Sent struct {
	EventID string
	Pos     int64 // stream position; 0 when the transaction id was seen before
	Repeat  bool  // the transaction id, or the very same state, was there already
}

// Member is somebody's standing in a room.
type Member struct {
	UserID     string
	Membership string // join, invite, knock, leave, ban
	EventID    string
	EventNID   int64
	Pos        int64
	Forgotten  bool
}

// Page is a slice of a room's timeline, in the order asked for.
type Page struct {
	Events []Visible
	Start  string // token of where it began
	End    string // token of where to go on; "" when there is nothing more
	State  []Visible
}

// Visible is an event as one user may see it.
type Visible struct {
	*event.Event
	NID        int64
	Topo       int64
	Pos        int64
	TxnID      string       // unsigned.transaction_id, for the sending device only
	Redaction  *event.Event // unsigned.redacted_because
	Membership string       // unsigned.membership: the reader's at the event
	// PrevContent and ReplacesState are set for state events that replaced one.
	PrevContent   json.RawMessage
	PrevSender    string
	ReplacesState string

	before     statetrie.Root
	redactedBy int64
}

// Reader is who asks: what may be seen depends on it.
type Reader struct {
	UserID string
	Device string
	Guest  bool
}

// Fetcher brings what this server misses from others. federationapi satisfies it
// when federation is on.
type Fetcher interface {
	// Event asks the servers, in order, for one event of a room.
	Event(ctx context.Context, room string, version event.Version, id string, servers []string) (*event.Event, error)
}

// Room errors are *matrixerr.Error values with the code the specification gives:
// M_FORBIDDEN for what the auth rules refuse and, equally, for rooms the reader
// may not know of (M_NOT_FOUND where the spec says so).
