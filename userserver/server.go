// Package userserver owns people: accounts, sessions, devices, profiles, account
// data, filters, end-to-end keys, to-device messages and key backups.
//
// It knows no HTTP and no rooms; that a new profile must reach the user's rooms is
// an interface it declares.
package userserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Rooms is what people need of rooms. roomserver satisfies it.
type Rooms interface {
	// UpdateProfile writes the user's name and avatar into all their rooms.
	UpdateProfile(ctx context.Context, user string) error
	JoinedRooms(ctx context.Context, user string) ([]string, error)
	Leave(ctx context.Context, user, room, reason string) error
}

// Options are all that a Server needs.
type Options struct {
	DB         *storage.DB
	ServerName string
	Clock      func() time.Time
	Rand       io.Reader
	Log        *logrus.Entry
	// TokenLife is how long an access token with a refresh token lives.
	TokenLife time.Duration
}

// Server is the people core. It is safe for concurrent use.
type Server struct {
	db    *storage.DB
	name  string
	clock func() time.Time
	rand  io.Reader
	log   *logrus.Entry
	rooms Rooms
	life  time.Duration

	hashing chan struct{} // bounds the memory that password hashing takes
	cache   sessionCache
	seen    seenCache
	nonces  nonces
}

// sessionCacheSize bounds the sessions that are kept in memory.
const sessionCacheSize = 20000

// New makes the people core.
func New(o Options) *Server {
	if o.TokenLife == 0 {
		o.TokenLife = 5 * time.Minute
	}
	return &Server{db: o.DB, name: o.ServerName, clock: o.Clock, rand: o.Rand, log: o.Log, life: o.TokenLife,
		hashing: make(chan struct{}, 2), cache: sessionCache{byHash: map[[32]byte]Session{}},
		seen: seenCache{last: map[deviceKey]time.Time{}}, nonces: nonces{live: map[string]time.Time{}}}
}

// SetRooms gives the core its way to rooms; homeserver calls it once.
func (s *Server) SetRooms(r Rooms) { s.rooms = r }

func (s *Server) now() int64 { return s.clock().UnixMilli() }

// UserID is the full id of a local user.
func (s *Server) UserID(localpart string) string { return "@" + localpart + ":" + s.name }

// Session is who makes a request.
type Session struct {
	ID     int64
	User   string
	Device string
	Kind   string // human, guest, bot, appservice, system
	Guest  bool
	Admin  bool
	Family int64
	// Expires is when the token ends, in ms since the epoch; 0: never.
	Expires int64
	// Locked accounts may only log out.
	Locked, Suspended bool
}

// sessionCache holds good sessions by the hash of their token. What ends a session
// drops it here after its commit.
type sessionCache struct {
	mu     sync.RWMutex
	byHash map[[32]byte]Session
	gen    uint64
}

func (c *sessionCache) get(h [32]byte) (Session, bool, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.byHash[h]
	return s, ok, c.gen
}

func (c *sessionCache) put(h [32]byte, s Session, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	if len(c.byHash) >= sessionCacheSize {
		clear(c.byHash)
	}
	c.byHash[h] = s
}

// drop forgets sessions; what was being read meanwhile is not kept.
func (c *sessionCache) drop(gone func(Session) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for h, s := range c.byHash {
		if gone(s) {
			delete(c.byHash, h)
		}
	}
}

// Authenticate finds the session of an access token: 401 M_UNKNOWN_TOKEN when
// there is none, with soft_logout when it has only run out.
func (s *Server) Authenticate(ctx context.Context, token string) (Session, error) {
	h := sha256.Sum256([]byte(token))
	sess, ok, gen := s.cache.get(h)
	if !ok {
		var err error
		if sess, err = s.session(ctx, h); err != nil {
			return Session{}, err
		}
		s.cache.put(h, sess, gen)
	}
	if sess.Expires > 0 && s.now() >= sess.Expires {
		return Session{}, matrixerr.UnknownToken(true)
	}
	if sess.Locked {
		e := matrixerr.New(401, "M_USER_LOCKED", "This account is locked")
		e.Extra = map[string]any{"soft_logout": true}
		return sess, e
	}
	return sess, nil
}

func (s *Server) session(ctx context.Context, h [32]byte) (Session, error) {
	var row storage.Session
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		row, err = tx.SessionByToken(h[:])
		return err
	})
	if errors.Is(err, storage.ErrNotFound) || err == nil && row.Account.Deactivated {
		return Session{}, matrixerr.UnknownToken(false)
	}
	return sessionOf(row), err
}

func sessionOf(row storage.Session) Session {
	return Session{ID: row.ID, User: row.User, Device: row.Device, Kind: row.Account.Kind, Guest: row.Account.Kind == "guest",
		Admin: row.Account.Admin, Family: row.Family, Expires: row.Expires, Locked: row.Account.Locked, Suspended: row.Account.Suspended}
}

// seenCache spares a write for each request: a device's last use is noted at most
// once in ten minutes.
type seenCache struct {
	mu   sync.Mutex
	last map[deviceKey]time.Time
}

type deviceKey struct{ user, device string }

const seenEvery = 10 * time.Minute

// Seen notes that a device made a request. It does not wait for the disk: what it
// writes is nobody's acknowledgement.
func (s *Server) Seen(sess Session, ip, agent string) {
	k := deviceKey{sess.User, sess.Device}
	now := s.clock()
	s.seen.mu.Lock()
	old := s.seen.last[k]
	if now.Sub(old) < seenEvery {
		s.seen.mu.Unlock()
		return
	}
	if len(s.seen.last) > sessionCacheSize {
		clear(s.seen.last)
	}
	s.seen.last[k] = now
	s.seen.mu.Unlock()
	if len(agent) > 300 {
		agent = agent[:300]
	}
	s.db.Commit(&storage.Set{Do: []func(*storage.Tx) error{func(tx *storage.Tx) error {
		return tx.SeenDevice(sess.User, sess.Device, ip, agent, now.UnixMilli())
	}}})
}

// newToken is a random access token: 256 bits, behind a prefix that scanners for
// leaked secrets can know.
func (s *Server) newToken(prefix string) string { return prefix + id.RandomString(s.rand, 32) }

func hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
