// Package userserver owns people: accounts, sessions, devices, profiles, presence,
// account data, filters, end-to-end keys, to-device messages and key backups.
//
// It knows no HTTP and no rooms; that a new profile must reach the user's rooms is
// an interface it declares.
package userserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/internal/pushrules"
	"github.com/chancery-im/chancery/storage"
)

// Rooms is what people need of rooms. roomserver satisfies it.
type Rooms interface {
	// UpdateProfile writes the user's name and avatar into all their rooms.
	UpdateProfile(ctx context.Context, user string) error
	// Leave leaves a room, and turns down an invite or takes back a knock.
	Leave(ctx context.Context, user, room, reason string) error
	// RulesChanged tells that a user's push rules change with this transaction.
	RulesChanged(tx *storage.Tx, user string, before, after *pushrules.Compiled) error
}

// Options are all that a Server needs. DB, ServerName, Clock and Log must be set.
type Options struct {
	DB         *storage.DB
	ServerName string
	Clock      func() time.Time
	Rand       io.Reader // nil: crypto/rand
	Log        *logrus.Entry
	// TokenLife is how long an access token with a refresh token lives; 0: five
	// minutes.
	TokenLife time.Duration
	// MinPassword is the least length of a new password, in characters; 0: eight.
	MinPassword int
	// Exclusive reports whether a user id belongs to an application service, so that
	// nobody else may register it. nil: none does.
	Exclusive func(user string) bool
	// Bell is rung for presence, and Count numbers its changes. nil: nobody listens,
	// and a count of its own.
	Bell  *notify.Bell
	Count *notify.Count
	// NoPresence tells nobody who is there: everybody seems offline.
	NoPresence bool
	// BodyMentions: the predefined push rules look for names in the body of messages.
	BodyMentions bool
	// Gateway says whether notifications may be sent to a URL. nil: none may.
	Gateway func(*url.URL) error
	// Mail: there is a mail server.
	Mail bool
}

// Server is the people core. It is safe for concurrent use.
type Server struct {
	db          *storage.DB
	name        string
	clock       func() time.Time
	rand        io.Reader
	log         *logrus.Entry
	rooms       Rooms
	life        time.Duration
	minPassword int
	exclusive   func(string) bool

	bodyMentions bool
	gateway      func(*url.URL) error
	mail         bool

	hashing chan struct{} // bounds the memory that password hashing takes
	cache   sessionCache
	seen    seenCache
	nonces  nonces
	turns   turns

	bell     *notify.Bell
	count    *notify.Count
	presence presences
}

// New makes the people core.
func New(o Options) *Server {
	if o.TokenLife == 0 {
		o.TokenLife = 5 * time.Minute
	}
	if o.MinPassword == 0 {
		o.MinPassword = 8
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Count == nil {
		o.Count = &notify.Count{}
	}
	if o.Exclusive == nil {
		o.Exclusive = func(string) bool { return false }
	}
	if o.Gateway == nil {
		o.Gateway = refuseAll
	}
	return &Server{db: o.DB, name: o.ServerName, clock: o.Clock, rand: &oneAtATime{r: o.Rand}, log: o.Log, life: o.TokenLife,
		minPassword: o.MinPassword, exclusive: o.Exclusive, hashing: make(chan struct{}, hashesAtOnce),
		bodyMentions: o.BodyMentions, gateway: o.Gateway, mail: o.Mail,
		cache: newSessionCache(), seen: seenCache{last: map[deviceKey]sighting{}},
		nonces: nonces{live: map[string]time.Time{}}, turns: turns{of: map[string]*turn{}},
		bell: o.Bell, count: o.Count, presence: newPresences(o.NoPresence)}
}

// oneAtATime lets a source of randomness that a test gives be used by many requests.
type oneAtATime struct {
	mu sync.Mutex
	r  io.Reader
}

func (o *oneAtATime) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.r.Read(p)
}

// SetRooms gives the core its way to rooms; homeserver calls it once, before
// anything is served.
func (s *Server) SetRooms(r Rooms) { s.rooms = r }

// write runs fn to its end, whether or not who asked is still there: what a commit
// changes is dropped from the cache of sessions after it, and never before.
func (s *Server) write(ctx context.Context, fn func(*storage.Tx) error) error {
	return s.db.Write(context.WithoutCancel(ctx), fn)
}

func (s *Server) now() int64 { return s.clock().UnixMilli() }

// UserID is the full id of a local user.
func (s *Server) UserID(localpart string) string { return "@" + localpart + ":" + s.name }

// Local reports whether a user id is of this server.
func (s *Server) Local(user string) bool { return id.IsUser(user) && id.ServerOf(user) == s.name }

// newToken is a random token: 256 bits, behind a prefix that scanners for leaked
// secrets can know.
func (s *Server) newToken(prefix string) string { return prefix + id.RandomString(s.rand, 32) }

func hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

func notFoundAs(err, as error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return as
	}
	return err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
