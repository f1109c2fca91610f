package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// server is the very wiring that ships, behind a loopback port, with words to tell
// stories in.
type server struct {
	t     *testing.T
	cfg   config.Config
	with  homeserver.Options
	h     *homeserver.Homeserver
	url   string
	txn   atomic.Int64
	later atomic.Int64 // how far its clock is ahead
	stop  func()
}

// each tells a story once on SQLite and once on PostgreSQL.
func each(t *testing.T, story func(s *server)) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) { story(serve(t, p)) })
}

func serve(t *testing.T, p storagetest.Place) *server {
	return serveAs(t, p, homeserver.Options{}, nil)
}

// serveAs serves with another clock or way out, and with what change makes of the
// configuration.
func serveAs(t *testing.T, p storagetest.Place, o homeserver.Options, change func(*config.Config)) *server {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir, cfg.Database.URI = "example.org", filepath.Join(p.Dir, "data"), config.Secret(p.URI)
	cfg.Registration.Mode, cfg.Registration.Guests, cfg.RateLimits.Enabled = config.RegistrationOpen, true, false
	log := logrus.New()
	log.SetOutput(io.Discard)
	if change != nil {
		change(&cfg)
	}
	o.Log = logrus.NewEntry(log)
	s := &server{t: t, cfg: cfg, with: o}
	if o.Clock == nil {
		s.with.Clock = func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }
	}
	s.starts()
	t.Cleanup(func() { s.stop() })
	return s
}

// starts runs the server on its folder, as it is configured now.
func (s *server) starts() {
	s.t.Helper()
	h, err := homeserver.New(context.Background(), &s.cfg, s.with)
	if err != nil {
		s.t.Fatal(err)
	}
	web := httptest.NewServer(h.Public)
	s.h, s.url = h, web.URL
	s.stop = func() {
		web.CloseClientConnections()
		web.Close()
		if err := h.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

// restarts stops the server and starts it again.
func (s *server) restarts() {
	s.t.Helper()
	s.stop()
	s.starts()
}

// passes moves the server's clock, and lets happen what only time brings.
func (s *server) passes(d time.Duration) {
	s.later.Add(int64(d))
	s.h.Users.Lapse()
}

// answer is what the server said.
type answer struct {
	t    *testing.T
	what string
	code int
	body []byte
}

// call makes a request; body is marshalled, or sent as it stands when it is text.
func (s *server) call(token, method, path string, body any) answer {
	s.t.Helper()
	var rd io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		rd = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		rd = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, s.url+path, rd)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := loopback.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, method + " " + path, resp.StatusCode, raw}
}

// ok demands 200 and decodes.
func (a answer) ok(into any) {
	a.t.Helper()
	if a.code != http.StatusOK {
		a.t.Fatalf("%s: %d %s", a.what, a.code, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
		}
	}
}

// refused demands a status and an error code.
func (a answer) refused(status int, code string) {
	a.t.Helper()
	var e struct{ Errcode string }
	_ = json.Unmarshal(a.body, &e)
	if a.code != status || e.Errcode != code {
		a.t.Errorf("%s: wanted %d %s, got %d %s", a.what, status, code, a.code, a.body)
	}
}

// person is a user with a session.
type person struct {
	s         *server
	id, token string
	device    string
	since     string
}

const clientPath = "/_matrix/client/v3"

func (s *server) registers(name string) *person {
	s.t.Helper()
	var out struct {
		User   string `json:"user_id"`
		Token  string `json:"access_token"`
		Device string `json:"device_id"`
	}
	s.call("", "POST", clientPath+"/register", map[string]any{"username": name, "password": "correct horse", "auth": map[string]string{"type": "m.login.dummy"}}).ok(&out)
	return &person{s: s, id: out.User, token: out.Token, device: out.Device}
}

// call is a request in the person's name, below /_matrix/client/v3.
func (p *person) call(method, path string, body any) answer {
	p.s.t.Helper()
	return p.s.call(p.token, method, clientPath+path, body)
}

func room(id, rest string) string { return "/rooms/" + url.PathEscape(id) + rest }

// creates makes a room.
func (p *person) creates(body map[string]any) string {
	p.s.t.Helper()
	var out struct {
		ID string `json:"room_id"`
	}
	p.call("POST", "/createRoom", body).ok(&out)
	return out.ID
}

// says sends a text and returns its event id.
func (p *person) says(roomID, text string) string {
	p.s.t.Helper()
	return p.sends(roomID, "m.room.message", map[string]string{"msgtype": "m.text", "body": text})
}

func (p *person) sends(roomID, kind string, content any) string {
	p.s.t.Helper()
	var out eventRef
	p.call("PUT", room(roomID, fmt.Sprintf("/send/%s/t%d", kind, p.s.txn.Add(1))), content).ok(&out)
	return out.ID
}

type eventRef struct {
	ID string `json:"event_id"`
}

// sets sends state.
func (p *person) sets(roomID, kind, key string, content any) answer {
	p.s.t.Helper()
	return p.call("PUT", room(roomID, "/state/"+kind+"/"+url.PathEscape(key)), content)
}

func (p *person) joins(roomID string) {
	p.s.t.Helper()
	p.call("POST", room(roomID, "/join"), map[string]any{}).ok(nil)
}

// does calls a membership endpoint: invite, kick, ban, unban, leave, forget.
func (p *person) does(what, roomID string, target *person) answer {
	p.s.t.Helper()
	body := map[string]string{}
	if target != nil {
		body["user_id"] = target.id
	}
	return p.call("POST", room(roomID, "/"+what), body)
}

// event is an event as the stories read it.
type event struct {
	ID       string          `json:"event_id"`
	Type     string          `json:"type"`
	Sender   string          `json:"sender"`
	StateKey *string         `json:"state_key"`
	Content  json.RawMessage `json:"content"`
	Unsigned struct {
		Txn        string          `json:"transaction_id"`
		Membership string          `json:"membership"`
		Because    *event          `json:"redacted_because"`
		Prev       json.RawMessage `json:"prev_content"`
	} `json:"unsigned"`
}

func (e event) text() string {
	var c struct{ Body string }
	_ = json.Unmarshal(e.Content, &c)
	return c.Body
}

// reads pages through everything the person may see, oldest first.
func (p *person) reads(roomID string) []event {
	p.s.t.Helper()
	var all []event
	from := ""
	for {
		var out struct {
			Chunk []event
			End   string
		}
		p.call("GET", room(roomID, "/messages?dir=b&limit=5&from="+from), nil).ok(&out)
		all = append(all, out.Chunk...)
		if out.End == "" {
			break
		}
		from = out.End
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// texts are the bodies of the messages that the person may read, joined.
func (p *person) texts(roomID string) string {
	p.s.t.Helper()
	return texts(p.reads(roomID))
}

func texts(list []event) string {
	var out []string
	for _, e := range list {
		if e.Type == "m.room.message" {
			out = append(out, e.text())
		}
	}
	return strings.Join(out, " ")
}

// syncAnswer is what the stories read of /sync.
type syncAnswer struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join   map[string]syncRoom
		Leave  map[string]syncRoom
		Invite map[string]struct {
			State struct{ Events []event } `json:"invite_state"`
		}
	}
	Presence struct{ Events []event }
	ToDevice struct{ Events []event }         `json:"to_device"`
	Account  struct{ Events []event }         `json:"account_data"`
	Devices  struct{ Changed, Left []string } `json:"device_lists"`
	KeyCount map[string]int                   `json:"device_one_time_keys_count"`
}

type syncRoom struct {
	State      struct{ Events []event }
	StateAfter struct{ Events []event } `json:"state_after"`
	// The same by the name of before it was in the specification.
	StateAfterU struct{ Events []event } `json:"org.matrix.msc4222.state_after"`
	Timeline    struct {
		Events  []event
		Limited bool
		Prev    string `json:"prev_batch"`
	}
	Ephemeral struct{ Events []event }
	Account   struct{ Events []event } `json:"account_data"`
	Summary   struct {
		Joined  *int     `json:"m.joined_member_count"`
		Invited *int     `json:"m.invited_member_count"`
		Heroes  []string `json:"m.heroes"`
	}
	Unread        *unread            `json:"unread_notifications"`
	UnreadThreads map[string]*unread `json:"unread_thread_notifications"`
}

// unread prints as notifications/highlights.
type unread struct {
	Notify    int `json:"notification_count"`
	Highlight int `json:"highlight_count"`
}

func (u *unread) String() string {
	if u == nil {
		return "none"
	}
	return fmt.Sprintf("%d/%d", u.Notify, u.Highlight)
}

// syncs asks what is new since the last time; query adds parameters.
func (p *person) syncs(query ...string) syncAnswer {
	p.s.t.Helper()
	q := url.Values{}
	if p.since != "" {
		q.Set("since", p.since)
	}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	var out syncAnswer
	p.call("GET", "/sync?"+q.Encode(), nil).ok(&out)
	p.since = out.Next
	return out
}

// ephemeral is the content of an event of that type in a room, "" when there is none.
func (a syncAnswer) ephemeral(room, kind string) string {
	for _, e := range a.Rooms.Join[room].Ephemeral.Events {
		if e.Type == kind {
			return string(e.Content)
		}
	}
	return ""
}

// is compares what a story ends with.
func (s *server) is(what string, got, want any) {
	s.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Errorf("%s: wanted %v, got %v", what, want, got)
	}
}
