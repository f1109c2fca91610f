package syncapi

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestAnswersAreWrittenAsTheirTagsSay compares with encoding/json: every part set, and
// none.
func TestAnswersAreWrittenAsTheirTagsSay(t *testing.T) {
	ev := &eventList{[]json.RawMessage{[]byte(`{"a":"\u2028<"}`), []byte(`{}`)}}
	three := int64(3)
	tl := &timeline{Events: ev.Events, Limited: true, PrevBatch: "t1_1_2"}
	full := &answer{NextBatch: `s1_"x`, AccountData: ev, ToDevice: ev, Presence: ev,
		DeviceLists: &deviceLists{Changed: []string{"@a:x"}, Left: []string{"@b:x"}}, KeyCounts: map[string]int{"k": 1}, Fallback: []string{"f"},
		Rooms: &roomLists{
			Join: map[string]*joinedRoom{"!a:x": {Summary: &summary{Heroes: []string{"@a:x"}, Joined: &three, Invited: &three}, State: ev, StateAfter: ev, StateAfterU: ev, Timeline: tl,
				Ephemeral: ev, AccountData: ev, Unread: &unreadCounts{1, 2}, UnreadThreads: map[string]*unreadCounts{"$r": {3, 4}}}, "!b:x": {}},
			Invite: map[string]*strippedRoom{"!c:x": {*ev}}, Knock: map[string]*knockedRoom{"!d:x": {*ev}},
			Leave: map[string]*leftRoom{"!e:x": {State: ev, StateAfter: ev, StateAfterU: ev, Timeline: &timeline{Events: []json.RawMessage{}}, AccountData: ev}, "!f:x": {}},
		}}
	for name, a := range map[string]*answer{"full": full, "empty": {}, "no rooms": {Rooms: &roomLists{}}, "no keys": {Fallback: []string{}}} {
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var x, y any
		if err := json.Unmarshal(want, &x); err != nil {
			t.Fatal(err)
		}
		got := a.AppendJSON(nil)
		if err := json.Unmarshal(got, &y); err != nil {
			t.Fatalf("%s: %v in %s", name, err, got)
		}
		if !reflect.DeepEqual(x, y) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
