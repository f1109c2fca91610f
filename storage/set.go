package storage

import (
	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/internal/authrules"
)

// Marks of a stored event.
const (
	FlagOutlier    int64 = 1  // only an auth event: no state, no timeline
	FlagRejected   int64 = 2  // refused by its auth events or the state before it
	FlagSoftFailed int64 = 4  // refused by the current state
	FlagPruned     int64 = 8  // its content was redacted
	FlagPartial    int64 = 16 // the state before it is not final
)

// Set is everything that one write changes, prepared outside the transaction. The
// committer runs all sets that wait as one.
type Set struct {
	RoomNID   int64
	RoomID    string
	ExpectRev int64 // the room must be at this revision, unless it is new
	Rev       int64 // and is at this one after the set; never used before
	NewRoom   *NewRoom
	Room      RoomHead

	Events     []EventRow
	Nodes      []NodeRow
	State      []StateChange
	LogRoot    bool // the current state changed: log its root at this position
	Members    []MemberChange
	Servers    []ServerChange
	Chain      []ChainRow
	Links      []authchain.Link
	Txns       []TxnRow
	Redactions []RedactionRow
	Prune      []PruneRow
	Threads    []ThreadRow
	Markers    []MarkerRow
	Notes      []NoteRow

	RingUsers   []string
	RingServers []string

	// Do run after the rows, in the same transaction. They may run again when the
	// batch is undone by others.
	Do []func(*Tx) error
}

// ofRoom: the set writes to a room, and so takes part in its compare-and-set.
func (s *Set) ofRoom() bool { return s.RoomNID != 0 }

// NewRoom makes the room's row.
type NewRoom struct{ Version string }

// RoomHead is what a room's row holds after the set.
type RoomHead struct {
	StateRoot       int64
	Extremities     []int64
	LastTopo        int64
	Bump            bool // the room rises in lists of rooms
	Joined, Invited int64
	Counts          Counts // of the main timeline
}

// Counts are events that notify everybody, and events that notify and highlight
// everybody, up to some place of a timeline.
type Counts struct{ Notify, Highlight int64 }

// EventRow is an event to be stored. Only judged events can be: that is what
// authrules.Judged is for.
type EventRow struct {
	NID         int64
	Judged      authrules.Judged
	Topo        int64 // place in the timeline; 0: none
	New         bool  // takes the next position
	Flags       int64
	StateBefore int64
	JSON        []byte

	Push         int64  // what the event is for everybody: 0 nothing, 1 notify, 2 highlight
	Counts       Counts // of the main timeline, with this one
	Thread       int64  // the thread it is in, 0: the main timeline
	ThreadCounts Counts // of the thread, with this one
}

// ThreadRow is a thread after the set.
type ThreadRow struct {
	NID    int64
	RootID string
	Counts Counts
}

// MarkerRow says that a user has read up to the end of the set: of all of the room
// (thread ""), of its main timeline ("main"), or of a thread.
type MarkerRow struct {
	User, Thread string
	Counts       Counts
}

// NoteRow is what an event of the set is for one user, where that differs from what
// it is for the room.
type NoteRow struct {
	User              string
	Event             int64
	Thread            int64
	Notify, Highlight int64
}

// NodeRow is a node of a state trie.
type NodeRow struct {
	ID   int64
	Body []byte
}

// StateChange is a change of the current state; Event 0 removes the entry.
type StateChange struct {
	Type, Key string
	Event     int64
}

// MemberChange is a change of a user's membership.
type MemberChange struct {
	User, Membership string
	Event            int64
	Local            bool   // a user of ours: kept in the log of memberships
	InviteState      []byte // stripped state to show with an invite or a knock
}

// ServerChange counts the joined members of a server up or down.
type ServerChange struct {
	Server string
	Delta  int
}

// ChainRow is an event's place in the auth-chain index.
type ChainRow struct{ Event, Chain, Seq int64 }

// TxnRow records a client's transaction id.
type TxnRow struct {
	Key    [16]byte
	Device [8]byte
	TxnID  string
	Event  int64
	TS     int64
}

// RedactionRow is a redaction whose target is not here.
type RedactionRow struct {
	TargetID string
	Event    int64
}

// PruneRow replaces an event's JSON by its redacted form.
type PruneRow struct {
	Event int64
	JSON  []byte
	By    int64
}

// roomUpdate is a room's row after all sets of a batch.
type roomUpdate struct {
	nid, expect, rev, root int64
	ext                    []byte
	topo, pos, bump        int64
	joined, invited        int64
	counts                 Counts
	thread                 int64 // position of the last set with events in threads
}

func (r roomUpdate) args() []any {
	return []any{r.nid, r.expect, r.rev, r.root, r.ext, r.topo, r.pos, r.bump, r.joined, r.invited,
		r.counts.Notify, r.counts.Highlight, r.thread}
}
