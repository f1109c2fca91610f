package clientapi

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

// door is this door over real cores and a real database, and words for stories.
type door struct {
	*testing.T
	api     *API
	handler http.Handler
	users   *userserver.Server
	db      *storage.DB
	mu      sync.Mutex
	time    time.Time
	from    string // address of who asks
	log     *test.Hook
}

func (d *door) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.time
}

func (d *door) pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.time = d.time.Add(by)
}

// eachDoor runs a story on every database, registration being open.
func eachDoor(t *testing.T, story func(d *door), change ...func(*Settings)) {
	t.Helper()
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) { story(newDoor(t, p, change...)) })
}

func newDoor(t *testing.T, p storagetest.Place, change ...func(*Settings)) *door {
	t.Helper()
	d := &door{T: t, time: time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC), from: "192.0.2.1"}
	d.db = p.Open(t, func(o *storage.Options) { o.Clock = d.now })
	logger, hook := test.NewNullLogger()
	d.log = hook
	log := logrus.NewEntry(logger)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.users = userserver.New(userserver.Options{DB: d.db, ServerName: storagetest.ServerName, Clock: d.now, Log: log})
	rooms := roomserver.New(roomserver.Options{DB: d.db, ServerName: storagetest.ServerName, Clock: d.now, Rand: rand.Reader, Log: log,
		Signer:         event.NewSigner(storagetest.ServerName, event.Key{ID: "ed25519:1", Private: key}, rand.Reader),
		DefaultVersion: "12", Profiles: d.users})
	d.users.SetRooms(rooms)
	set := Settings{ServerName: storagetest.ServerName, Registration: RegisterOpen}
	for _, c := range change {
		c(&set)
	}
	d.api = New(Options{Users: d.users, Rooms: rooms, Clock: d.now, Log: log, Settings: set})
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	d.api.Register(router)
	router.NotFoundHandler, router.MethodNotAllowedHandler = httpjson.NotFound(log), httpjson.MethodNotAllowed(log)
	httpjson.Register(httpjson.Sentinel{Err: storage.ErrNotFound, Answer: matrixerr.NotFound("Not found")})
	d.handler = router
	return d
}

// logged counts the lines of the log that say this.
func (d *door) logged(what string) (n int) {
	for _, e := range d.log.AllEntries() {
		if e.Message == what {
			n++
		}
	}
	return n
}

// said is an answer.
type said struct {
	d      *door
	status int
	body   map[string]any
	raw    string
}

// call makes a request. body is JSON text, or a value to be written as JSON.
func (d *door) call(token, method, path string, body any) said {
	d.Helper()
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		var err error
		if text, err = json.Marshal(b); err != nil {
			d.Fatal(err)
		}
	}
	if !strings.HasPrefix(path, "/_") && !strings.HasPrefix(path, "/.") {
		path = "/_matrix/client/v3" + path
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(text))
	r.RemoteAddr = d.from + ":4711"
	r.Header.Set("User-Agent", "story")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	s := said{d: d, status: w.Code, raw: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &s.body)
	return s
}

// ok wants status 200.
func (s said) ok() said {
	s.d.Helper()
	if s.status != 200 {
		s.d.Fatalf("got %d: %s", s.status, s.raw)
	}
	return s
}

// no wants a refusal.
func (s said) no(status int, code string) said {
	s.d.Helper()
	if got, _ := s.body["errcode"].(string); s.status != status || got != code {
		s.d.Fatalf("got %d: %s; want %d %s", s.status, s.raw, status, code)
	}
	return s
}

// text is a member of the answer.
func (s said) text(key string) string {
	s.d.Helper()
	v, ok := s.body[key].(string)
	if !ok {
		s.d.Fatalf("%s is no text in %s", key, s.raw)
	}
	return v
}

// is wants the whole answer to be this JSON.
func (s said) is(want string) {
	s.d.Helper()
	var a, b any
	if json.Unmarshal([]byte(s.raw), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		s.d.Fatalf("not JSON: %s, or %s", s.raw, want)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		s.d.Fatalf("got %s\nwant %s", x, y)
	}
}

type m = map[string]any

const secret = "correct horse battery"

var dummy = m{"type": "m.login.dummy"}

// register makes an account and returns its access token.
func (d *door) register(name string) string {
	d.Helper()
	return d.call("", "POST", "/register", m{"username": name, "password": secret, "auth": dummy}).ok().text("access_token")
}

func (d *door) login(name, password string) said {
	d.Helper()
	return d.call("", "POST", "/login", m{"type": "m.login.password", "identifier": m{"type": "m.id.user", "user": name}, "password": password})
}

// withPassword makes a request that asks for the password, in its two steps.
func (d *door) withPassword(token, method, path string, body m) said {
	d.Helper()
	first := d.call(token, method, path, body)
	if first.status != 401 || first.body["flows"] == nil {
		d.Fatalf("no challenge: %d %s", first.status, first.raw)
	}
	again := m{"auth": m{"type": "m.login.password", "session": first.text("session"), "password": secret}}
	for k, v := range body {
		again[k] = v
	}
	return d.call(token, method, path, again)
}
