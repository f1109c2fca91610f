// Package storage is the only package that speaks SQL: one schema and one text
// for SQLite and PostgreSQL. It owns opening, migrating and locking the database,
// the committer through which every write passes, and the statements of every
// table. It knows no rules: which package may write a table is named in the
// table's comment, and nothing here decides what is allowed.
package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/notify"
)

// Errors that callers tell apart. Everything else is a fault of the database.
var (
	ErrNotFound = errors.New("storage: not found")
	ErrExists   = errors.New("storage: exists already")
	// ErrMoved: a room changed since the set was prepared; prepare it anew.
	ErrMoved = errors.New("storage: the room moved on")
	// ErrClosed: the database is closed, or stopped serving writes after a
	// failed flush.
	ErrClosed = errors.New("storage: closed")
)

// Options say where the database is and whose it is. DataDir, ServerName, Clock,
// Bell and Log must be set.
type Options struct {
	DataDir    string // folder of the SQLite file, and of the lock
	URI        string // PostgreSQL connection string; "" means SQLite in DataDir
	ServerName string // the data belongs to this name; another one is refused
	Clock      func() time.Time
	Bell       *notify.Bell
	Log        *logrus.Entry
	Readers    int // reading connections; 0: 2 on SQLite, 16 on PostgreSQL
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	d      dialect
	opt    Options
	bell   *notify.Bell
	log    *logrus.Entry
	secret [32]byte
	folder *os.File // holds the lock of the data folder

	readers chan *conn
	writer  *conn

	queue  queue
	failed atomic.Pointer[error] // after a failed flush nothing is written
	pos    atomic.Int64          // newest committed position
	done   chan struct{}

	longLog, cutAt int64 // see keepLogShort; the committer's
	lostAnswer     error // in tests: of a commit that was done

	idMu sync.Mutex
	ids  map[string]*lease
}

// Open opens or makes the database, brings its schema up to date, and starts the
// committer. It refuses a database that another server uses, that belongs to
// another server name, or that does not keep what it acknowledges.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{opt: o, bell: o.Bell, log: o.Log, done: make(chan struct{}), ids: map[string]*lease{},
		longLog: longLog, cutAt: longLog}
	db.queue.cond = sync.NewCond(&db.queue.mu)
	var err error
	if db.folder, err = lockFolder(o.DataDir); err != nil {
		return nil, err
	}
	if o.URI == "" {
		db.d, err = openSQLite(ctx, o)
	} else {
		db.d, err = openPostgres(ctx, o)
	}
	if err == nil {
		err = db.connect(ctx)
	}
	if err != nil {
		db.release()
		return nil, err
	}
	go db.commitLoop()
	return db, nil
}

func (db *DB) connect(ctx context.Context) (err error) {
	if db.writer, err = db.d.connect(ctx, true); err != nil {
		return err
	}
	if err := db.migrate(); err != nil {
		return err
	}
	n := db.opt.Readers
	if n == 0 {
		n = db.d.readers()
	}
	db.readers = make(chan *conn, n)
	for range n {
		c, err := db.d.connect(ctx, false)
		if err != nil {
			return err
		}
		db.readers <- c
	}
	if err := db.d.settle(); err != nil {
		return err
	}
	return db.readMeta()
}

// readMeta reads what the data remembers of itself, or writes it at first start.
func (db *DB) readMeta() error {
	tx := &Tx{ReadTx: ReadTx{c: db.writer}}
	if err := db.writer.begin(true); err != nil {
		return err
	}
	err := db.meta(tx)
	if err != nil {
		db.writer.rollback()
		return err
	}
	return db.writer.commit()
}

func (db *DB) meta(tx *Tx) error {
	var name []byte
	err := tx.one(`SELECT v FROM meta WHERE k = 'server_name'`, []any{&name})
	if errors.Is(err, ErrNotFound) {
		if _, err := rand.Read(db.secret[:]); err != nil {
			return err
		}
		for k, v := range map[string][]byte{"server_name": []byte(db.opt.ServerName), "secret": db.secret[:]} {
			if _, err := tx.exec(`INSERT INTO meta (k, v) VALUES ($1, $2)`, k, v); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	if string(name) != db.opt.ServerName {
		return fmt.Errorf("storage: this data belongs to %q, and the server is configured as %q", name, db.opt.ServerName)
	}
	var secret []byte
	if err := tx.one(`SELECT v FROM meta WHERE k = 'secret'`, []any{&secret}); err != nil {
		return err
	}
	copy(db.secret[:], secret)
	pos, err := tx.Position()
	db.pos.Store(pos)
	return err
}

// Secret is 32 bytes that were drawn when the database was made. They key the
// paths of state tries, and never leave the process.
func (db *DB) Secret() [32]byte { return db.secret }

// Dialect is "sqlite" or "postgres".
func (db *DB) Dialect() string { return db.d.name() }

// Position is the newest position whose commit has been rung.
func (db *DB) Position(context.Context) (int64, error) { return db.pos.Load(), nil }

// Read runs fn on one consistent snapshot. fn must not wait for anything but the
// database, and must not open another read or write.
func (db *DB) Read(ctx context.Context, fn func(*ReadTx) error) error {
	var c *conn
	select {
	case c = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.done:
		return ErrClosed
	}
	defer func() { db.readers <- c }()
	if err := c.begin(false); err != nil {
		if err = c.revive(); err != nil {
			return err
		}
		if err = c.begin(false); err != nil {
			return err
		}
	}
	defer c.rollback()
	return fn(&ReadTx{c: c})
}

// Peek is Read for what never changes once it is there, or is one statement: state
// nodes, events, positions in an index. On PostgreSQL it saves the round trips that
// begin and end a snapshot. fn may run twice.
func (db *DB) Peek(ctx context.Context, fn func(*ReadTx) error) error {
	if db.d.name() == "sqlite" {
		return db.Read(ctx, fn)
	}
	var c *conn
	select {
	case c = <-db.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.done:
		return ErrClosed
	}
	err := fn(&ReadTx{c: c})
	lost := err != nil && !errors.Is(err, ErrNotFound) && c.begin(false) != nil
	if err != nil && !lost {
		c.rollback()
	}
	db.readers <- c
	if lost {
		return db.Read(ctx, fn) // which revives the connection
	}
	return err
}

// Write runs fn inside a transaction of the committer, together with what else
// waits, and returns once it is durable. fn may run a second time alone when the
// others' failure undid it: it must change nothing outside tx.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	return db.Commit(&Set{Do: []func(*Tx) error{fn}}).Wait(ctx)
}

// Close lets the committer finish what waits, and closes everything.
func (db *DB) Close() error {
	if !db.queue.close() {
		return nil
	}
	<-db.done
	db.release()
	return nil
}

func (db *DB) release() {
	if db.readers != nil {
		for range cap(db.readers) {
			select {
			case c := <-db.readers:
				c.close()
			case <-time.After(10 * time.Second):
				db.log.Warn("a reader did not end in time")
			}
		}
	}
	if db.writer != nil {
		db.writer.close()
	}
	if db.d != nil {
		db.d.close()
	}
	if db.folder != nil {
		db.folder.Close()
	}
}
