package userserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/storage"
)

// Session is who makes a request.
type Session struct {
	ID     int64
	User   string
	Device string
	Kind   string // human, guest, bot, appservice, system
	Guest  bool
	Admin  bool
	Family int64 // of sessions that refreshing made of one login
	// Expires is when the token ends, in ms since the epoch; 0: never.
	Expires int64
	// LoggedIn is when the login was that gave this very token, in ms; 0 for a token
	// that refreshing made.
	LoggedIn int64
	// Locked accounts may only log out; suspended ones may mostly read.
	Locked, Suspended bool
}

// sessionCacheSize bounds the sessions that are kept in memory.
const sessionCacheSize = 20000

// sessionCache holds good sessions by the hash of their token. What ends or changes
// a session drops it here after its commit; gen tells a reader that this happened
// while it was reading, so that it keeps nothing stale.
type sessionCache struct {
	mu     sync.RWMutex
	byHash map[[32]byte]Session
	byUser map[string]map[[32]byte]struct{}
	gen    uint64
}

func newSessionCache() sessionCache {
	return sessionCache{byHash: map[[32]byte]Session{}, byUser: map[string]map[[32]byte]struct{}{}}
}

func (c *sessionCache) get(h [32]byte) (Session, bool, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.byHash[h]
	return s, ok, c.gen
}

// put keeps a session that was read since gen, in the place of any other when there
// are too many.
func (c *sessionCache) put(h [32]byte, s Session, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gen != c.gen {
		return
	}
	for other := range c.byHash {
		if len(c.byHash) < sessionCacheSize {
			break
		}
		c.forget(other)
	}
	c.byHash[h] = s
	if c.byUser[s.User] == nil {
		c.byUser[s.User] = map[[32]byte]struct{}{}
	}
	c.byUser[s.User][h] = struct{}{}
}

func (c *sessionCache) forget(h [32]byte) {
	user := c.byHash[h].User
	delete(c.byHash, h)
	if delete(c.byUser[user], h); len(c.byUser[user]) == 0 {
		delete(c.byUser, user)
	}
}

// drop forgets the sessions of a user that gone names.
func (c *sessionCache) drop(user string, gone func(Session) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for h := range c.byUser[user] {
		if gone(c.byHash[h]) {
			c.forget(h)
		}
	}
}

func (c *sessionCache) dropUser(user string) { c.drop(user, func(Session) bool { return true }) }

// Authenticate finds the session of an access token: 401 M_UNKNOWN_TOKEN when there
// is none, with soft_logout when it has only run out. A locked account's session
// comes with the error 401 M_USER_LOCKED, because logging out is left to it.
func (s *Server) Authenticate(ctx context.Context, token string) (Session, error) {
	return s.authenticate(ctx, token, false)
}

// AuthenticateAnew is Authenticate by the database itself: for who was woken by a
// commit that may have ended the session, before the cache heard of it.
func (s *Server) AuthenticateAnew(ctx context.Context, token string) (Session, error) {
	return s.authenticate(ctx, token, true)
}

func (s *Server) authenticate(ctx context.Context, token string, anew bool) (Session, error) {
	h := sha256.Sum256([]byte(token))
	sess, ok, gen := s.cache.get(h)
	if !ok || anew {
		var err error
		if sess, err = s.session(ctx, h); err != nil {
			return Session{}, err
		}
		s.cache.put(h, sess, gen)
	}
	if s.expired(sess) {
		return Session{}, matrixerr.UnknownToken(true)
	}
	if sess.Locked {
		return sess, matrixerr.UserLocked()
	}
	return sess, nil
}

func (s *Server) expired(sess Session) bool { return sess.Expires > 0 && s.now() >= sess.Expires }

// session reads a session. The first use of one that refreshing made ends its
// predecessor ("Refreshing access tokens").
func (s *Server) session(ctx context.Context, h [32]byte) (Session, error) {
	var row storage.Session
	err := s.db.Read(ctx, func(tx *storage.ReadTx) (err error) {
		row, err = tx.SessionByToken(h[:])
		return err
	})
	if err != nil {
		return Session{}, notFoundAs(err, matrixerr.UnknownToken(false))
	}
	if row.Account.Deactivated {
		return Session{}, matrixerr.UnknownToken(false)
	}
	sess := sessionOf(row)
	if row.Used || s.expired(sess) {
		return sess, nil
	}
	err = s.write(ctx, func(tx *storage.Tx) error { return tx.UseSession(row.ID, row.Family) })
	s.cache.drop(row.User, func(x Session) bool { return x.Family == row.Family })
	return sess, notFoundAs(err, matrixerr.UnknownToken(false))
}

func sessionOf(row storage.Session) Session {
	login := row.Created
	if row.ID != row.Family {
		login = 0
	}
	return Session{LoggedIn: login, ID: row.ID, User: row.User, Device: row.Device, Kind: row.Account.Kind, Guest: row.Account.Kind == "guest",
		Admin: row.Account.Admin, Family: row.Family, Expires: row.Expires, Locked: row.Account.Locked, Suspended: row.Account.Suspended}
}

// seenCache spares a write for each request: a device's last use is noted once in
// ten minutes, or once a minute when it moves between addresses or programs.
type seenCache struct {
	mu   sync.Mutex
	last map[deviceKey]sighting
}

type deviceKey struct{ user, device string }

type sighting struct {
	at        time.Time
	ip, agent string
}

const (
	seenEvery  = 10 * time.Minute
	movedEvery = time.Minute
	maxAgent   = 300 // bytes kept of a User-Agent
)

// news reports whether a sighting is to be written, and takes note of it.
func (c *seenCache) news(k deviceKey, v sighting) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.last[k]
	if age := v.at.Sub(old.at); ok && age < seenEvery && (age < movedEvery || v.ip == old.ip && v.agent == old.agent) {
		return false
	}
	for other := range c.last {
		if len(c.last) < sessionCacheSize {
			break
		}
		delete(c.last, other)
	}
	c.last[k] = v
	return true
}

// Seen notes that a device made a request from an address. It does not wait for the
// disk: what it writes is nobody's acknowledgement.
func (s *Server) Seen(sess Session, ip, agent string) {
	v := sighting{s.clock(), plain(ip), plain(agent)}
	if sess.Device == "" || !s.seen.news(deviceKey{sess.User, sess.Device}, v) {
		return
	}
	s.db.Commit(&storage.Set{Do: []func(*storage.Tx) error{func(tx *storage.Tx) error {
		return tx.SeenDevice(sess.User, sess.Device, v.ip, v.agent, v.at.UnixMilli())
	}}})
}

// plain is a header's text as a database takes it.
func plain(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
	if len(s) > maxAgent {
		s = strings.ToValidUTF8(s[:maxAgent], "")
	}
	return s
}

// errDeactivated is what the owner of a deactivated account is told.
var errDeactivated = matrixerr.UserDeactivated()

// usable says whether an account may get a session.
func usable(a storage.Account, err error) error {
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return errBadLogin
	case err != nil:
		return err
	case a.Deactivated:
		return errDeactivated
	case a.Locked:
		return matrixerr.UserLocked()
	}
	return nil
}
