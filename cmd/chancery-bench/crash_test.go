package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// binary is the server that ships, built once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chancery-bench-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "chancery")
	cmd := exec.Command("go", "build", "-o", path, "github.com/chancery-im/chancery/cmd/chancery")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

// rounds is how many accidents each test makes: few by default, as many as
// CHANCERY_CRASH_ROUNDS says where there is time.
func rounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("CHANCERY_CRASH_ROUNDS"))
	if err != nil {
		return 2
	}
	return n
}

func crash(t *testing.T, db string, power bool) {
	t.Helper()
	if testing.Short() {
		t.Skip("accidents: not with -short")
	}
	if db == "postgres" {
		if _, err := findPostgres(); err != nil {
			t.Skip("PostgreSQL: " + err.Error())
		}
	}
	if power {
		if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
			t.Skip("FUSE: mounting a file system needs root and /dev/fuse")
		}
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	r := &crashRun{binary: bin, db: db, power: power, rounds: rounds(t), senders: 12, rooms: 3, syncers: 3,
		maxWait: 500 * time.Millisecond, seed: uint64(time.Now().UnixNano())}
	if err := r.run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAKilledServerOnSQLiteLosesNothing(t *testing.T)     { crash(t, "sqlite", false) }
func TestAPowerCutOnSQLiteLosesNothing(t *testing.T)         { crash(t, "sqlite", true) }
func TestAKilledServerOnPostgreSQLLosesNothing(t *testing.T) { crash(t, "postgres", false) }
func TestAPowerCutWithPostgreSQLLosesNothing(t *testing.T)   { crash(t, "postgres", true) }
