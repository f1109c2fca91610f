package storagetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver of the schemas' maker
)

// postgresEnv names a PostgreSQL server to test on.
const postgresEnv = "CHANCERY_TEST_POSTGRES"

// server is the PostgreSQL of this process, made at first need.
var server = sync.OnceValues(func() (string, error) {
	if uri := os.Getenv(postgresEnv); uri != "" {
		return uri, nil
	}
	return startPostgres()
})

// freshSchema makes an empty schema, dropped after the test, and returns the
// connection string of it.
func freshSchema(t testing.TB) (string, error) {
	base, err := server()
	if err != nil {
		return "", err
	}
	db, err := sql.Open("postgres", base)
	if err != nil {
		return "", err
	}
	var b [6]byte
	_, _ = rand.Read(b[:])
	name := "test_" + hex.EncodeToString(b[:])
	if _, err := db.ExecContext(context.Background(), "CREATE SCHEMA "+name); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Logf("drop %s: %v", name, err)
		}
		db.Close()
	})
	return withParameter(base, "search_path", name), nil
}

// withParameter adds a parameter to a connection string of either form.
func withParameter(base, key, value string) string {
	if !strings.Contains(base, "://") {
		return base + " " + key + "=" + value
	}
	if strings.Contains(base, "?") {
		return base + "&" + key + "=" + value
	}
	return base + "?" + key + "=" + value
}

// programs is the folder of PostgreSQL's programs.
func programs() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), "postgres")); err == nil {
				return filepath.Dir(p), nil
			}
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("there is no server: set " + postgresEnv + " or install its programs")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is who runs the server: PostgreSQL refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("running as root, and there is no user postgres or nobody to run it")
}

// keeper runs the server until its input ends, which it does with this process,
// however that ends; then it removes the folder.
const keeper = `trap '' INT TERM
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=80 \
	-c shared_buffers=32MB -c max_wal_size=256MB -c autovacuum=off >"$2/log" 2>&1 </dev/null &
pid=$!
read -r _
kill -QUIT $pid
wait $pid
cd / && rm -rf "$2"`

// startPostgres makes a private server with its ordinary, durable settings.
func startPostgres() (string, error) {
	bin, err := programs()
	if err != nil {
		return "", err
	}
	owner, err := unprivileged()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "chancery-postgres-")
	if err != nil {
		return "", err
	}
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return "", err
		}
	}
	as := &syscall.SysProcAttr{Credential: owner, Setpgid: true}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", dir+"/data", "-U", "chancery", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = as, "/"
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	run := exec.Command("/bin/sh", "-c", keeper, "sh", bin, dir)
	run.SysProcAttr, run.Dir = as, "/"
	alive, err := run.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := run.Start(); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	uri := "host=" + dir + " user=chancery dbname=postgres sslmode=disable"
	if err := answers(uri); err != nil {
		log, _ := os.ReadFile(dir + "/log")
		alive.Close()
		return "", fmt.Errorf("%w: %s", err, log)
	}
	keep = append(keep, alive) // its end is the server's
	return uri, nil
}

var keep []any

// answers waits for a server that is starting.
func answers(uri string) error {
	db, err := sql.Open("postgres", uri)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
