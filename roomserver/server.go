package roomserver

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/internal/statetrie"
	"github.com/chancery-im/chancery/storage"
)

// Profiles tells the display name and avatar that new member events carry.
// userserver satisfies it.
type Profiles interface {
	NameAndAvatar(ctx context.Context, user string) (name, avatar string, err error)
}

// Settings are what users set for a room. userserver satisfies it.
type Settings interface {
	// CarryOver gives a room that replaces another what the user had set for the old
	// one, in the transaction of their join.
	CarryOver(tx *storage.Tx, user, from, to string) error
}

// Options are all that a Server needs. DB, ServerName, Signer, Clock, Rand and
// Log must be set.
type Options struct {
	DB             *storage.DB
	ServerName     string
	Signer         *event.Signer
	Clock          func() time.Time
	Rand           io.Reader
	Policy         policy.Decider
	Log            *logrus.Entry
	DefaultVersion event.Version
	Profiles       Profiles
	Settings       Settings // nil: nothing is carried over
	// Bell is rung for what is not stored: who types. It tells whose push rules
	// changed.
	Bell *notify.Bell
	// Count numbers its changes. nil: one of its own.
	Count *notify.Count
	// BodyMentions: the predefined push rules look for names in the body of messages.
	BodyMentions bool
}

// Server is the room core. It is safe for concurrent use.
type Server struct {
	db       *storage.DB
	name     string
	signer   *event.Signer
	clock    func() time.Time
	rand     io.Reader
	policy   policy.Decider
	log      *logrus.Entry
	version  event.Version
	profiles Profiles
	settings Settings

	hasher *statetrie.Hasher
	nodes  *statetrie.Cache
	events *eventCache
	rooms  roomCache

	bell   *notify.Bell
	count  *notify.Count
	typing typing
	rules  *ruleBook

	lastCreate atomic.Int64 // time of the newest room, in ms
}

// Bounds of what a server keeps in memory, in bytes and in rooms.
const (
	nodeCacheBytes  = 32 << 20
	eventCacheBytes = 16 << 20
	roomCacheSize   = 2048
)

// New makes the room core. It reads nothing until it is asked.
func New(o Options) *Server {
	if o.DefaultVersion == "" {
		o.DefaultVersion = event.DefaultVersion
	}
	if o.Policy == nil {
		o.Policy = policy.AllowAll{}
	}
	if o.Count == nil {
		o.Count = &notify.Count{}
	}
	s := &Server{
		db: o.DB, name: o.ServerName, signer: o.Signer, clock: o.Clock, rand: o.Rand,
		policy: o.Policy, log: o.Log, version: o.DefaultVersion, profiles: o.Profiles, settings: o.Settings,
		hasher: statetrie.NewHasher(o.DB.Secret()),
		nodes:  statetrie.NewCache(nodeCacheBytes),
		events: newEventCache(eventCacheBytes),
		rooms:  roomCache{rooms: map[string]*room{}},
		bell:   o.Bell,
		count:  o.Count,
		typing: typing{rooms: map[string]*typists{}},
		rules:  newRuleBook(o.BodyMentions),
	}
	if s.bell != nil {
		s.bell.Listen(func(r notify.Ring) { s.rules.forget(r.Rules, r.Pos) })
	}
	return s
}

// DefaultVersion is the version of rooms created without one.
func (s *Server) DefaultVersion() event.Version { return s.version }

// now is the time in milliseconds since the epoch.
func (s *Server) now() int64 { return s.clock().UnixMilli() }
