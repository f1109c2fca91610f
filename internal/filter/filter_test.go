package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/filter"
)

func message(t *testing.T, kind, sender, content string) *event.Event {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"type": kind, "sender": sender, "room_id": "!r:example.org", "content": json.RawMessage(content),
		"depth": 1, "origin_server_ts": 1, "prev_events": []string{}, "auth_events": []string{}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Load("11", "$e", raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestARoomEventFilterWantsWhatItSays(t *testing.T) {
	text := message(t, "m.room.message", "@a:example.org", `{"body":"x"}`)
	image := message(t, "m.room.message", "@b:example.org", `{"url":"mxc://x/y"}`)
	for raw, want := range map[string][2]bool{
		`{}`:                                  {true, true},
		`{"types":[]}`:                        {false, false},
		`{"types":["m.room.*"]}`:              {true, true},
		`{"types":["m.*.message"]}`:           {true, true},
		`{"types":["m.room.name","*age"]}`:    {true, true},
		`{"types":["m.room"]}`:                {false, false},
		`{"not_types":["m.room.message"]}`:    {false, false},
		`{"types":["*"],"not_types":["m.*"]}`: {false, false},
		`{"senders":["@a:example.org"]}`:      {true, false},
		`{"not_senders":["@a:example.org"]}`:  {false, true},
		`{"rooms":["!other:example.org"]}`:    {false, false},
		`{"not_rooms":["!r:example.org"]}`:    {false, false},
		`{"contains_url":true}`:               {false, true},
		`{"contains_url":false}`:              {true, false},
	} {
		f, err := filter.ParseRoomEvents(raw)
		if err != nil {
			t.Fatal(raw, err)
		}
		if got := [2]bool{f.Match(text), f.Match(image)}; got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestFiltersThatMakeNoSenseAreRefused(t *testing.T) {
	for _, raw := range []string{`[]`, `{"room":5}`, `{"room":{"timeline":{"limit":"x"}}}`, `{"room":{"timeline":{"limit":-1}}}`, `{"room":{"rooms":["x"]}}`,
		`{"room":{"state":{"senders":["x"]}}}`, `{"event_format":"x"}`, `{"room":{},"room":{}}`, `{`} {
		if _, err := filter.ParseSync([]byte(raw)); err == nil {
			t.Errorf("taken: %s", raw)
		}
	}
}

func FuzzParseSync(f *testing.F) {
	f.Add([]byte(`{"room":{"timeline":{"limit":5,"types":["m.*"]},"rooms":["!a:b"]},"event_format":"client"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := filter.ParseSync(raw)
		if err == nil && s.Room.Timeline.Limit != nil && *s.Room.Timeline.Limit < 0 {
			t.Errorf("taken: %s", raw)
		}
	})
}
