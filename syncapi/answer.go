package syncapi

import "encoding/json"

// answer is the body of a /sync response. Empty parts are left out, which clients
// read as nothing new.
type answer struct {
	NextBatch   string         `json:"next_batch"`
	AccountData *eventList     `json:"account_data,omitempty"`
	Rooms       *roomLists     `json:"rooms,omitempty"`
	ToDevice    *eventList     `json:"to_device,omitempty"`
	DeviceLists *deviceLists   `json:"device_lists,omitempty"`
	KeyCounts   map[string]int `json:"device_one_time_keys_count,omitempty"`
	Fallback    []string       `json:"device_unused_fallback_key_types"`
	Presence    *eventList     `json:"presence,omitempty"`

	pos   int64 // the position that the answer is true at
	count int64 // the number of the newest change, of what is not stored, that it knows
}

type eventList struct {
	Events []json.RawMessage `json:"events"`
}

type deviceLists struct {
	Changed []string `json:"changed,omitempty"`
	Left    []string `json:"left,omitempty"`
}

type roomLists struct {
	Join   map[string]*joinedRoom   `json:"join,omitempty"`
	Invite map[string]*strippedRoom `json:"invite,omitempty"`
	Knock  map[string]*knockedRoom  `json:"knock,omitempty"`
	Leave  map[string]*leftRoom     `json:"leave,omitempty"`
}

type joinedRoom struct {
	Summary     *summary   `json:"summary,omitempty"`
	State       *eventList `json:"state,omitempty"`
	StateAfter  *eventList `json:"state_after,omitempty"`
	StateAfterU *eventList `json:"org.matrix.msc4222.state_after,omitempty"`
	Timeline    *timeline  `json:"timeline,omitempty"`
	Ephemeral   *eventList `json:"ephemeral,omitempty"`
	AccountData *eventList `json:"account_data,omitempty"`

	Unread        *unreadCounts            `json:"unread_notifications,omitempty"`
	UnreadThreads map[string]*unreadCounts `json:"unread_thread_notifications,omitempty"`
}

type leftRoom struct {
	State       *eventList `json:"state,omitempty"`
	StateAfter  *eventList `json:"state_after,omitempty"`
	StateAfterU *eventList `json:"org.matrix.msc4222.state_after,omitempty"`
	Timeline    *timeline  `json:"timeline,omitempty"`
	AccountData *eventList `json:"account_data,omitempty"`
}

type strippedRoom struct {
	State eventList `json:"invite_state"`
}

type knockedRoom struct {
	State eventList `json:"knock_state"`
}

type timeline struct {
	Events    []json.RawMessage `json:"events"`
	Limited   bool              `json:"limited"`
	PrevBatch string            `json:"prev_batch,omitempty"`
}

// summary is what a client needs to name a room without its member list.
type summary struct {
	Heroes  []string `json:"m.heroes,omitempty"`
	Joined  *int64   `json:"m.joined_member_count,omitempty"`
	Invited *int64   `json:"m.invited_member_count,omitempty"`
}

// nothing reports whether there is no reason to answer before the timeout.
func (a *answer) nothing() bool {
	return a.AccountData == nil && a.Rooms == nil && a.ToDevice == nil && a.DeviceLists == nil && a.Presence == nil
}

func list(events []json.RawMessage) *eventList {
	if len(events) == 0 {
		return nil
	}
	return &eventList{events}
}
