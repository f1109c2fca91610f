package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// gateway is a push gateway on this machine. It answers what it is told to, and keeps
// what it hears until somebody asks.
type gateway struct {
	t     *testing.T
	url   string
	heard chan notification

	mu      sync.Mutex
	answers []func(w http.ResponseWriter) // the next ones; none left: all is well
}

type notification struct {
	EventID    string `json:"event_id"`
	RoomID     string `json:"room_id"`
	Type       string
	Sender     string
	SenderName string `json:"sender_display_name"`
	RoomName   string `json:"room_name"`
	RoomAlias  string `json:"room_alias"`
	IsTarget   *bool  `json:"user_is_target"`
	Prio       string
	Content    map[string]any
	Counts     *struct{ Unread *int }
	Devices    []struct {
		AppID  string `json:"app_id"`
		Key    string `json:"pushkey"`
		KeyTS  int64  `json:"pushkey_ts"`
		Data   map[string]any
		Tweaks map[string]any
	}

	raw string
}

// unread is the number that the notification tells; -1: none.
func (n notification) unread() int {
	switch {
	case n.Counts == nil:
		return -1
	case n.Counts.Unread == nil:
		return 0
	}
	return *n.Counts.Unread
}

func opensGateway(t *testing.T) *gateway {
	g := &gateway{t: t, heard: make(chan notification, 1000)}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var b struct{ Notification notification }
		if err := json.Unmarshal(raw, &b); err != nil || r.Method != "POST" || r.URL.Path != "/_matrix/push/v1/notify" {
			t.Errorf("%s %s: %v in %s", r.Method, r.URL, err, raw)
		}
		b.Notification.raw = string(raw)
		answer := func(w http.ResponseWriter) { fmt.Fprint(w, `{"rejected":[]}`) }
		g.mu.Lock()
		if len(g.answers) > 0 {
			answer, g.answers = g.answers[0], g.answers[1:]
		}
		g.mu.Unlock()
		g.heard <- b.Notification
		answer(w)
	}))
	t.Cleanup(web.Close)
	g.url = web.URL + "/_matrix/push/v1/notify"
	return g
}

// says queues answers to what comes next: a status, or a body.
func (g *gateway) says(answers ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range answers {
		g.answers = append(g.answers, func(w http.ResponseWriter) {
			if code, ok := a.(int); ok {
				w.WriteHeader(code)
				return
			}
			fmt.Fprint(w, a)
		})
	}
}

// hears waits for the next notification.
func (g *gateway) hears() notification {
	g.t.Helper()
	select {
	case n := <-g.heard:
		return n
	case <-time.After(20 * time.Second):
		g.t.Fatal("the push gateway heard nothing")
		return notification{}
	}
}

// hearsOf waits for the next notification of an event.
func (g *gateway) hearsOf() notification {
	g.t.Helper()
	for {
		if n := g.hears(); n.EventID != "" {
			return n
		}
	}
}

// hearsUnread waits for a notification that tells only a number of unread.
func (g *gateway) hearsUnread() notification {
	g.t.Helper()
	for {
		if n := g.hears(); n.EventID == "" {
			return n
		}
	}
}
