// Package homeserver is the wiring: it opens storage, builds the cores, hangs up
// the doors, and runs the listeners until it is told to stop. The program and the
// tests of whole servers both use it, so that tests run the very server that
// ships.
//
// It has no rules and no endpoints of its own.
package homeserver

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/adminapi"
	"github.com/chancery-im/chancery/appservice"
	"github.com/chancery-im/chancery/clientapi"
	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/egress"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/internal/httpjson"
	"github.com/chancery-im/chancery/internal/id"
	"github.com/chancery-im/chancery/internal/matrixerr"
	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/internal/policy"
	"github.com/chancery-im/chancery/internal/ratelimit"
	"github.com/chancery-im/chancery/internal/signingkeys"
	"github.com/chancery-im/chancery/push"
	"github.com/chancery-im/chancery/roomserver"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/syncapi"
	"github.com/chancery-im/chancery/userserver"
)

// Options are what a server is given from outside, so that tests can give other
// things. Zero values are those of a real server.
type Options struct {
	Clock  func() time.Time
	Rand   io.Reader
	Log    *logrus.Entry
	Egress *egress.Dialer // what connects to anywhere; nil makes the configured one
	// Idle is for a server that lives for one command: it sends no notifications.
	Idle bool
}

// Homeserver is one server, built and ready to serve.
type Homeserver struct {
	Config *config.Config
	DB     *storage.DB
	Users  *userserver.Server
	Rooms  *roomserver.Server
	Egress *egress.Dialer
	Keys   signingkeys.Ring

	// Public is the API of clients and servers; Admin that of administrators with a
	// token; Trusted the same for who is an administrator because of how they came.
	Public, Admin, Trusted http.Handler

	public, administration *mux.Router

	clock func() time.Time
	log   *logrus.Entry
	sync  *syncapi.API
	quiet sync.Once // long-polls are ended once

	push    *push.Worker
	resting sync.Once
	endTidy context.CancelFunc
	tidied  chan struct{} // closed when the tidying has ended
}

// New builds a server from a checked configuration. It makes the data folder and a
// signing key when there are none, and takes the folder for this process. Close
// gives it back.
func New(ctx context.Context, cfg *config.Config, o Options) (*Homeserver, error) {
	o = o.orReal()
	h := &Homeserver{Config: cfg, Egress: o.Egress, clock: o.Clock, log: o.Log}
	if err := privateFolder(cfg.DataDir, o.Log); err != nil {
		return nil, err
	}
	bell := notify.NewBell()
	db, err := storage.Open(ctx, storage.Options{DataDir: cfg.DataDir, URI: cfg.Database.URI.Reveal(),
		ServerName: cfg.ServerName, Clock: o.Clock, Bell: bell, Log: o.Log})
	if err != nil {
		return nil, err
	}
	h.DB = db
	if err := h.build(ctx, o, bell); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return h, nil
}

func (o Options) orReal() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = logrus.NewEntry(logrus.StandardLogger())
	}
	return o
}

// build makes everything above storage.
func (h *Homeserver) build(ctx context.Context, o Options, bell *notify.Bell) (err error) {
	cfg := h.Config
	if h.Egress == nil {
		if h.Egress, err = newEgress(cfg); err != nil {
			return err
		}
	}
	services, err := appservice.Load(cfg.ServerName, cfg.AppServices.Files)
	if err != nil {
		return err
	}
	httpjson.Register(sentinels()...)
	count := &notify.Count{}
	h.Users = userserver.New(userserver.Options{DB: h.DB, ServerName: cfg.ServerName, Clock: o.Clock, Rand: o.Rand, Log: o.Log,
		MinPassword: cfg.Registration.MinPassword, Exclusive: services.Exclusive, BodyMentions: cfg.Push.BodyMentions, Gateway: h.Egress.Gateway, Mail: cfg.Mail.Host != "",
		Bell: bell, Count: count, NoPresence: !cfg.Presence.Enabled})
	if h.Keys, err = h.ownKeys(ctx, o.Rand); err != nil {
		return err
	}
	key := h.Keys.Current()
	signer := event.NewSigner(cfg.ServerName, event.Key{ID: key.ID, Private: key.Private}, o.Rand)
	h.Rooms = roomserver.New(roomserver.Options{DB: h.DB, ServerName: cfg.ServerName, Signer: signer, Clock: o.Clock, Rand: o.Rand,
		Policy: policy.AllowAll{}, Log: o.Log, DefaultVersion: event.Version(cfg.Rooms.DefaultVersion), Profiles: h.Users, Settings: h.Users, Bell: bell, Count: count,
		BodyMentions: cfg.Push.BodyMentions})
	h.Users.SetRooms(h.Rooms)
	h.sync = syncapi.New(syncapi.Options{DB: h.DB, Rooms: h.Rooms, Users: h.Users, Bell: bell, Count: count, Clock: o.Clock, Log: o.Log})
	client := clientapi.New(clientapi.Options{Users: h.Users, Rooms: h.Rooms, Clock: o.Clock, Log: o.Log, Settings: clientSettings(cfg), Services: services})
	admin := adminapi.New(adminapi.Options{Users: h.Users, Clock: o.Clock, Log: o.Log, SharedSecret: cfg.Registration.SharedSecret.Reveal()})
	h.hang(client, admin, id.RandomString(o.Rand, 3))
	if err := h.Users.Resume(ctx); err != nil {
		return err
	}
	if err := h.Users.Start(ctx); err != nil {
		return err
	}
	if err := h.startPush(ctx, o, bell); err != nil {
		return err
	}
	work, end := context.WithCancel(context.Background())
	h.endTidy, h.tidied = end, make(chan struct{})
	go h.tidyHourly(work)
	return nil
}

func clientSettings(cfg *config.Config) clientapi.Settings {
	l := cfg.RateLimits
	return clientapi.Settings{ServerName: cfg.ServerName, Registration: cfg.Registration.Mode, Guests: cfg.Registration.Guests, PublicProfiles: cfg.Profiles.Public, Terms: clientapi.Terms{Version: cfg.Registration.Terms.Version,
		Name: cfg.Registration.Terms.Name, URL: cfg.Registration.Terms.URL},
		RateLimits: l.Enabled, Rates: clientapi.Rates{Login: ratelimit.Rate(l.Login), FailedLogin: ratelimit.Rate(l.FailedLogin),
			Registration: ratelimit.Rate(l.Registration), Messages: ratelimit.Rate(l.Messages),
			Joins: ratelimit.Rate(l.Joins), Invites: ratelimit.Rate(l.Invites), RoomCreation: ratelimit.Rate(l.RoomCreation),
			KeyQueries: ratelimit.Rate(l.KeyQueries)},
		BaseURL: cfg.WellKnown.Client, SupportContact: cfg.WellKnown.SupportContact, SupportPage: cfg.WellKnown.SupportPage}
}

// sentinels are the errors of storage that a door may let through.
func sentinels() []httpjson.Sentinel {
	return []httpjson.Sentinel{
		{Err: storage.ErrNotFound, Answer: matrixerr.NotFound("Not found")},
		{Err: storage.ErrMoved, Answer: matrixerr.Unavailable("The room is very busy; try again")},
		{Err: storage.ErrClosed, Answer: matrixerr.Unavailable("The server is stopping")},
	}
}

// Close stops everything; acknowledged data is on disk before and after.
func (h *Homeserver) Close() error {
	h.quiet.Do(h.sync.Close)
	h.rest()
	return errors.Join(h.Users.Close(), h.DB.Close())
}
