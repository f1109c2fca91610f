package storage_test

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func asAdmin(t *testing.T, p storagetest.Place, statements ...string) {
	t.Helper()
	db, err := sql.Open("postgres", p.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// TestPostgresThatForgetsIsRefused: synchronous_commit may be off for the server, the
// database, the role or the connection.
func TestPostgresThatForgetsIsRefused(t *testing.T) {
	p := storagetest.Postgres(t)
	refused := func(o storage.Options, how string) {
		t.Helper()
		db, err := storage.Open(ctx, o)
		if err == nil {
			db.Close()
			t.Errorf("opened with synchronous_commit=off for the %s", how)
		} else if !strings.Contains(err.Error(), "synchronous_commit=off") {
			t.Errorf("%s: the error does not say why: %v", how, err)
		}
	}
	o := p.Options()
	o.URI += " synchronous_commit=off"
	refused(o, "connection")
	role := "forgetful_" + url.PathEscape(strings.ToLower(t.Name()))
	asAdmin(t, p, "DROP ROLE IF EXISTS "+role, "CREATE ROLE "+role+" SUPERUSER LOGIN", "ALTER ROLE "+role+" SET synchronous_commit = off")
	defer asAdmin(t, p, "DROP ROLE "+role)
	o = p.Options()
	o.URI += " user=" + role
	refused(o, "role")
	p.Open(t)
}

// withServerSetting changes a setting of the whole server until the test's end.
func withServerSetting(t *testing.T, p storagetest.Place, name, value string) {
	t.Helper()
	if os.Getenv("CHANCERY_TEST_POSTGRES") != "" {
		t.Skip("the server is not ours to change")
	}
	become := func(want string) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range 500 { // until a new session has it
			db, err := sql.Open("postgres", p.URI)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			err = db.QueryRow("SHOW " + name).Scan(&got)
			db.Close()
			if err != nil {
				t.Fatal(err)
			}
			if got == want {
				return
			}
			<-tick.C
		}
		t.Fatalf("%s did not become %s", name, want)
	}
	asAdmin(t, p, "ALTER SYSTEM SET "+name+" = "+value, "SELECT pg_reload_conf()")
	t.Cleanup(func() {
		asAdmin(t, p, "ALTER SYSTEM RESET "+name, "SELECT pg_reload_conf()")
		become("on")
	})
	become(value)
}

// TestALaterChangeOfPostgresDoesNotReachTheWriter: the session's setting is pinned.
func TestALaterChangeOfPostgresDoesNotReachTheWriter(t *testing.T) {
	p := storagetest.Postgres(t)
	db := p.Open(t)
	withServerSetting(t, p, "synchronous_commit", "off")
	err := db.Write(ctx, func(tx *storage.Tx) error {
		v, err := storage.ReadRows(&tx.ReadTx, "SHOW synchronous_commit")
		if err == nil && v[0] != "on" {
			t.Errorf("the writer runs with synchronous_commit=%s", v[0])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := storage.Open(ctx, p.Options()); err == nil || !strings.Contains(err.Error(), "synchronous_commit=off") {
		t.Errorf("opened again: %v", err)
	}
}

func TestPostgresWithoutFsyncIsRefused(t *testing.T) {
	p := storagetest.Postgres(t)
	for _, name := range []string{"full_page_writes", "fsync"} {
		t.Run(name, func(t *testing.T) {
			withServerSetting(t, p, name, "off")
			if _, err := storage.Open(ctx, p.Options()); err == nil || !strings.Contains(err.Error(), name+"=off") {
				t.Errorf("opened with %s=off: %v", name, err)
			}
		})
	}
	p.Open(t)
}

func TestALostConnectionIsReplaced(t *testing.T) {
	p := storagetest.Postgres(t)
	db := p.Open(t)
	r := newRoom(t, db)
	kill := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chancery " + storagetest.ServerName +
		"' AND pid <> pg_backend_pid()"
	asAdmin(t, p, kill)
	commit(t, db, r.message())
	if n := len(timeline(t, db, r.nid)); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
	// In the middle of a transaction: its sets fail, the next ones do not.
	rev := r.rev
	s := r.message()
	s.Do = []func(*storage.Tx) error{func(tx *storage.Tx) error {
		asAdmin(t, p, kill)
		return tx.PutAlias("#a:test.example", r.nid, alice)
	}}
	if err := db.Commit(s).Wait(ctx); err == nil {
		t.Error("acknowledged on a lost connection")
	}
	next := r.message()
	next.ExpectRev = rev
	if err := db.Commit(next).Wait(ctx); err != nil {
		t.Errorf("the next write got %v", err)
	}
}

// TestACommitWhoseAnswerIsLostIsLookedUp: the connection breaks between the commit and
// its answer.
func TestACommitWhoseAnswerIsLostIsLookedUp(t *testing.T) {
	p := storagetest.Postgres(t)
	db := p.Open(t)
	r := newRoom(t, db)
	lost := errors.New("the connection is lost")
	db.SetFault(func(text string) error {
		if text == "COMMIT" {
			return lost
		}
		return nil
	})
	err := db.Commit(r.message()).Wait(ctx)
	db.SetFault(nil)
	if !errors.Is(err, lost) {
		t.Errorf("a commit that never was got %v", err)
	}
	r = newRoom(t, db)
	db.SetFaultAfterCommit(lost)
	err = db.Commit(r.message()).Wait(ctx)
	db.SetFaultAfterCommit(nil)
	if err != nil {
		t.Errorf("a commit whose answer was lost got %v", err)
	}
	if n := len(timeline(t, db, r.nid)); n != 3 {
		t.Errorf("%d events, want 3", n)
	}
}

func TestTextIsOrderedAsBytes(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		want := []string{"#B:x", "#_:x", "#a:x", "#é:x"}
		for _, i := range []int{2, 0, 3, 1} {
			if err := db.Write(ctx, func(tx *storage.Tx) error { return tx.PutAlias(want[i], r.nid, alice) }); err != nil {
				t.Fatal(err)
			}
		}
		read(t, db, func(tx *storage.ReadTx) error {
			got, err := tx.AliasesOf(r.nid)
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%v, want %v", got, want)
			}
			return err
		})
	})
}

// TestEveryTextColumnOfPostgresIsComparedAsBytes guards the tables of later schema files.
func TestEveryTextColumnOfPostgresIsComparedAsBytes(t *testing.T) {
	db := storagetest.Postgres(t).Open(t)
	read(t, db, func(tx *storage.ReadTx) error {
		bad, err := storage.ReadRows(tx, `SELECT table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = current_schema() AND data_type = 'text' AND COALESCE(collation_name, '') <> 'C'`)
		if len(bad) > 0 {
			t.Errorf("not COLLATE \"C\": %v", bad)
		}
		return err
	})
}
