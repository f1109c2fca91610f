package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/chancery-im/chancery/cmd/chancery-bench/powerloss"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// crashRun is one run of the crash test: rounds of load, accident, restart, check.
type crashRun struct {
	binary  string
	db      string // sqlite or postgres
	power   bool   // cut the power instead of killing the server only
	rounds  int
	senders int
	rooms   int
	syncers int
	maxWait time.Duration
	seed    uint64
	folder  string

	rand   *rand.Rand
	disk   *powerloss.Disk
	mount  *fuse.Server
	pg     *postgres
	srv    *server
	ledger *ledger
	people []*client
	names  []string // room ids
	tails  []*tail
}

// runCrash is "chancery-bench crash".
func runCrash(ctx context.Context, args []string) error {
	r := &crashRun{}
	fs := flag.NewFlagSet("crash", flag.ExitOnError)
	fs.StringVar(&r.binary, "binary", "./chancery", "the server's binary")
	fs.StringVar(&r.db, "db", "sqlite", "sqlite or postgres")
	fs.BoolVar(&r.power, "power", false, "cut the power: what was not synced is lost (needs root and /dev/fuse)")
	fs.IntVar(&r.rounds, "rounds", 20, "accidents")
	fs.IntVar(&r.senders, "senders", 16, "concurrent senders")
	fs.IntVar(&r.rooms, "rooms", 4, "rooms they send to")
	fs.IntVar(&r.syncers, "syncers", 4, "clients that follow by /sync")
	fs.DurationVar(&r.maxWait, "max", 700*time.Millisecond, "longest time between start and accident")
	fs.Uint64Var(&r.seed, "seed", uint64(time.Now().UnixNano()), "seed of the accidents")
	fs.StringVar(&r.folder, "dir", "", "folder to work in (default: a temporary one)")
	_ = fs.Parse(args)
	return r.run(ctx)
}

func (r *crashRun) run(ctx context.Context) (err error) {
	r.rand = rand.New(rand.NewPCG(r.seed, 1))
	r.ledger = newLedger()
	fmt.Printf("crash: %s, power=%v, %d rounds, seed %d\n", r.db, r.power, r.rounds, r.seed)
	defer func() {
		if err != nil {
			r.printLog()
		}
		r.cleanup()
	}()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for i := range r.rounds {
		if err := r.round(ctx, i); err != nil {
			return fmt.Errorf("round %d: %w (seed %d)", i, err, r.seed)
		}
	}
	if err := r.final(ctx); err != nil {
		return fmt.Errorf("at the end: %w (seed %d)", err, r.seed)
	}
	fmt.Printf("crash: %d accidents, %d events acknowledged, %d repeated after an accident, 0 lost, 0 doubled\n",
		r.rounds, r.ledger.acked(), r.ledger.repeated)
	return nil
}

// prepare makes the medium, the database and the server, and the people in it.
func (r *crashRun) prepare(ctx context.Context) error {
	if r.folder == "" {
		dir, err := os.MkdirTemp("", "chancery-crash-")
		if err != nil {
			return err
		}
		r.folder = dir
	}
	// Database programs of another user must reach below it.
	_ = os.Chmod(r.folder, 0o755)
	log, err := os.Create(filepath.Join(r.folder, "server.log"))
	if err != nil {
		return err
	}
	medium := filepath.Join(r.folder, "medium")
	if err := os.MkdirAll(medium, 0o755); err != nil {
		return err
	}
	if r.power {
		r.disk = powerloss.New(r.seed)
		r.disk.Journal = r.db == "postgres"
		if err := r.plug(); err != nil {
			return err
		}
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	binary, err := filepath.Abs(r.binary)
	if err != nil {
		return err
	}
	r.srv = &server{binary: binary, folder: filepath.Join(medium, "data"), config: filepath.Join(r.folder, "bench.yaml"), addr: addr, log: log}
	if err := os.MkdirAll(r.srv.folder, 0o700); err != nil {
		return err
	}
	if r.db == "postgres" {
		if r.pg, err = newPostgres(filepath.Join(medium, "pg"), filepath.Join(r.folder, "socket"), log); err != nil {
			return err
		}
		if err := r.pg.start(); err != nil {
			return err
		}
		if err := r.pg.create("chancery"); err != nil {
			return err
		}
		r.srv.dbURI = r.pg.uri("chancery")
	}
	// These folders are the operator's: they were there long before the accident.
	if err := syncFolder(medium); err != nil {
		return err
	}
	if err := r.srv.start(ctx); err != nil {
		return err
	}
	return r.populate(ctx)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (r *crashRun) plug() (err error) {
	r.mount, err = r.disk.Mount(filepath.Join(r.folder, "medium"))
	return err
}

// populate registers the people and makes the rooms, all joined by all.
func (r *crashRun) populate(ctx context.Context) error {
	for i := range r.senders + r.syncers {
		c, err := register(ctx, r.srv.base(), fmt.Sprintf("user%d", i))
		if err != nil {
			return err
		}
		r.people = append(r.people, c)
	}
	for range r.rooms {
		room, err := r.people[0].createRoom(ctx, map[string]any{"preset": "public_chat"})
		if err != nil {
			return err
		}
		for _, c := range r.people[1:] {
			if err := c.join(ctx, room); err != nil {
				return err
			}
		}
		r.names = append(r.names, room)
	}
	for _, c := range r.people[r.senders:] {
		r.tails = append(r.tails, newTail(c, r.names))
	}
	return nil
}

// accident ends the server without warning, and with it, when the power is cut,
// the database and everything that was not synced.
func (r *crashRun) accident() error {
	if !r.power {
		r.srv.kill()
		return nil
	}
	r.disk.Cut()
	r.srv.kill()
	if r.pg != nil {
		r.pg.kill()
	}
	if err := r.unplug(); err != nil {
		return err
	}
	r.disk.Restore()
	return r.plug()
}

func (r *crashRun) unplug() error {
	var err error
	for range 100 {
		if err = r.mount.Unmount(); err == nil {
			r.mount.Wait()
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("unmount: %w", err)
}

func (r *crashRun) restart(ctx context.Context) error {
	if r.power && r.pg != nil {
		_ = os.Remove(filepath.Join(r.pg.folder, "postmaster.pid"))
		if err := r.pg.start(); err != nil {
			return err
		}
	}
	return r.srv.start(ctx)
}

// round is load, accident, restart, repetition of what was in doubt, and checks.
func (r *crashRun) round(ctx context.Context, n int) error {
	loadCtx, stop := context.WithCancel(ctx)
	done := make(chan error, r.senders+len(r.tails))
	for i := range r.senders {
		go func() { done <- r.sender(loadCtx, n, i) }()
	}
	for _, t := range r.tails {
		go func() { done <- t.follow(loadCtx) }()
	}
	wait := time.Duration(r.rand.Int64N(int64(r.maxWait)))
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	err := r.accident()
	stop()
	for range r.senders + len(r.tails) {
		if e := <-done; e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		return err
	}
	if err := r.restart(ctx); err != nil {
		return err
	}
	return r.check(ctx)
}

// sender sends until the server is gone, one message after the other.
func (r *crashRun) sender(ctx context.Context, round, i int) error {
	c := r.people[i]
	for seq := 0; ctx.Err() == nil; seq++ {
		room := r.names[(i+seq)%len(r.names)]
		a := &attempt{client: c, room: room, txn: fmt.Sprintf("t%d.%d.%d", round, i, seq),
			text: fmt.Sprintf("message %d of %d in round %d", seq, i, round)}
		r.ledger.begin(a)
		id, err := c.send(ctx, room, a.txn, a.text)
		var refused *apiError
		switch {
		case err == nil:
			r.ledger.ack(a, id)
		case errors.As(err, &refused) && refused.Status < 500:
			return fmt.Errorf("a good message was refused: %w", err)
		default:
			return nil // the accident: whether it took effect is in doubt
		}
	}
	return nil
}

// printLog shows the end of what server and database had to say.
func (r *crashRun) printLog() {
	raw, _ := os.ReadFile(filepath.Join(r.folder, "server.log"))
	fmt.Fprintf(os.Stderr, "%s\n", raw[max(0, len(raw)-4000):])
}

func (r *crashRun) cleanup() {
	if r.srv != nil {
		r.srv.stop()
	}
	if r.pg != nil {
		r.pg.stop()
	}
	if r.mount != nil {
		_ = r.unplug()
	}
	_ = os.RemoveAll(r.folder)
}
