// Package storagetest gives tests a real database: SQLite in a temporary folder,
// and PostgreSQL in a fresh schema where there is one. It owns how these are found,
// started and thrown away, and knows nothing of what is stored in them.
//
// PostgreSQL is the server that CHANCERY_TEST_POSTGRES names (a connection string
// whose user may create schemas), else a private one, which is started from the
// programs on this machine for the life of the test binary and listens on a Unix
// socket only. Where there is neither, or with -short, those tests are skipped.
package storagetest

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/storage"
)

// ServerName is whose data the test databases hold.
const ServerName = "test.example"

// A Place is somewhere a database can be opened, closed and opened again.
type Place struct {
	Name string // "sqlite" or "postgres"
	Dir  string // the data folder
	URI  string // "" for SQLite
}

// Options are what Open uses: a silent log, a bell of its own and the real clock.
func (p Place) Options() storage.Options {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return storage.Options{
		DataDir: p.Dir, URI: p.URI, ServerName: ServerName,
		Clock: time.Now, Bell: notify.NewBell(), Log: logrus.NewEntry(log),
	}
}

// Open opens the place's database and closes it at the end of the test. Each change
// is applied to the options first.
func (p Place) Open(t testing.TB, change ...func(*storage.Options)) *storage.DB {
	t.Helper()
	o := p.Options()
	for _, c := range change {
		c(&o)
	}
	db, err := storage.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", p.Name, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close %s: %v", p.Name, err)
		}
	})
	return db
}

// SQLite is an empty place for a SQLite database.
func SQLite(t testing.TB) Place {
	t.Helper()
	return Place{Name: "sqlite", Dir: t.TempDir()}
}

// Postgres is an empty place in PostgreSQL; it skips the test where there is none.
func Postgres(t testing.TB) Place {
	t.Helper()
	if testing.Short() && os.Getenv(postgresEnv) == "" {
		t.Skip("PostgreSQL: not with -short")
	}
	uri, err := freshSchema(t)
	if err != nil {
		t.Skipf("PostgreSQL: %v", err)
	}
	return Place{Name: "postgres", Dir: t.TempDir(), URI: uri}
}

// Each runs the test on every database, each new and empty.
func Each(t *testing.T, fn func(t *testing.T, db *storage.DB)) {
	t.Helper()
	EachPlace(t, func(t *testing.T, p Place) { fn(t, p.Open(t)) })
}

// EachPlace is Each for tests that open the database themselves, or twice.
func EachPlace(t *testing.T, fn func(t *testing.T, p Place)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}
