package push

import (
	"encoding/json"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
)

// payload is the notification of POST /_matrix/push/v1/notify.
type payload struct {
	EventID    string          `json:"event_id,omitempty"`
	RoomID     string          `json:"room_id,omitempty"`
	Type       string          `json:"type,omitempty"`
	Sender     string          `json:"sender,omitempty"`
	SenderName string          `json:"sender_display_name,omitempty"`
	RoomName   string          `json:"room_name,omitempty"`
	RoomAlias  string          `json:"room_alias,omitempty"`
	IsTarget   *bool           `json:"user_is_target,omitempty"`
	Prio       string          `json:"prio"`
	Content    json.RawMessage `json:"content,omitempty"`
	Counts     *counts         `json:"counts,omitempty"`
	Devices    []device        `json:"devices"`
}

// counts: "Counts whose value is zero should be omitted."
type counts struct {
	Unread int64 `json:"unread,omitempty"`
}

type device struct {
	AppID  string                     `json:"app_id"`
	Key    string                     `json:"pushkey"`
	KeyTS  int64                      `json:"pushkey_ts,omitempty"` // in seconds
	Data   map[string]json.RawMessage `json:"data"`
	Tweaks map[string]any             `json:"tweaks,omitempty"`
}

const encrypted = "m.room.encrypted"

// notification is the body of a request to a gateway. A nil notice tells the number of
// unread only; badge -1 is none.
func notification(p storage.Pusher, n *roomserver.Notice, badge int64) ([]byte, error) {
	d := device{AppID: p.AppID, Key: p.Key, KeyTS: p.Created / 1000}
	if err := json.Unmarshal(p.Data, &d.Data); err != nil {
		return nil, err
	}
	delete(d.Data, "url")
	out := payload{Prio: "low"}
	if badge >= 0 {
		out.Counts = &counts{badge}
	}
	if n != nil {
		out.EventID, out.RoomID = n.Event.ID(), n.RoomID
		d.Tweaks = tweaks(n.Outcome)
		if urgent(n) {
			out.Prio = "high"
		}
		if gjson.GetBytes(p.Data, "format").Str != "event_id_only" {
			out.tell(p.User, n)
		}
	}
	out.Devices = []device{d}
	return json.Marshal(map[string]payload{"notification": out})
}

// tell adds what the event says. What is encrypted says nothing to a gateway.
func (o *payload) tell(user string, n *roomserver.Notice) {
	ev := n.Event
	o.Type, o.Sender, o.SenderName, o.RoomName, o.RoomAlias = ev.Kind(), ev.From(), n.SenderName, n.RoomName, n.RoomAlias
	if ev.Kind() == "m.room.member" {
		mine := ev.Is("m.room.member", user)
		o.IsTarget = &mine
	}
	if ev.Kind() != encrypted {
		o.Content = json.RawMessage(ev.Body())
	}
}

// tweaks are passed on as the rule has them.
func tweaks(o pushrules.Outcome) map[string]any {
	out := map[string]any{}
	for _, raw := range o.Actions {
		a := gjson.ParseBytes(raw)
		name := a.Get("set_tweak").Str
		switch value := a.Get("value"); {
		case name == "":
		case value.Exists():
			out[name] = json.RawMessage(value.Raw)
		case name == "highlight":
			out[name] = true
		}
	}
	return out
}

// urgent: what makes a sound, stands out or rings, and what may do so but cannot be
// read here, does not wait for the phone to wake up by itself.
func urgent(n *roomserver.Notice) bool {
	return n.Outcome.Highlight || n.Outcome.Sound != "" || n.Event.Kind() == encrypted || rings(n.Event)
}

func rings(ev *event.Event) bool {
	switch ev.Kind() {
	case "m.call.invite", "m.rtc.notification", "org.matrix.msc4075.rtc.notification":
		return true
	}
	return false
}
