package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// loadRun is one run of the load program against one database.
type loadRun struct {
	binary   string
	db       string
	only     string
	messages int
	sizes    string
	folder   string

	srv *server
	pg  *postgres
}

// runLoad is "chancery-bench load".
func runLoad(ctx context.Context, args []string) error {
	r := &loadRun{}
	fs := flag.NewFlagSet("load", flag.ExitOnError)
	fs.StringVar(&r.binary, "binary", "./chancery", "the server's binary")
	fs.StringVar(&r.db, "db", "sqlite", "sqlite or postgres")
	fs.StringVar(&r.only, "only", "", "run only this scenario: send, rooms, joins, state, paging, sync, fanout, idle, crowd, keys")
	fs.IntVar(&r.messages, "messages", 20000, "messages in the scenarios with 64 senders")
	fs.StringVar(&r.sizes, "sizes", "100,10000", "room sizes (state entries) of the state scenario")
	fs.StringVar(&r.folder, "dir", "", "folder on the disk to measure (default: a temporary one)")
	_ = fs.Parse(args)
	if r.folder == "" {
		dir, err := os.MkdirTemp("", "chancery-load-")
		if err != nil {
			return err
		}
		r.folder = dir
		defer os.RemoveAll(dir)
	}
	return r.run(ctx)
}

func (r *loadRun) run(ctx context.Context) error {
	_ = os.Chmod(r.folder, 0o755)
	if err := r.open(ctx); err != nil {
		return err
	}
	defer r.close()
	fmt.Printf("memory after start: %.1f MB resident\n", float64(resident(r.srv.cmd.Process.Pid))/1e6)
	fmt.Printf("one fsync here: %s (median of 200)\n", fsyncTime(r.folder).Round(time.Microsecond))
	steps := []struct {
		name string
		run  func(context.Context) error
	}{{"send", r.sends}, {"rooms", r.createRooms}, {"joins", r.joins}, {"state", r.states}, {"paging", r.paging},
		{"sync", r.syncs}, {"fanout", r.fanout}, {"idle", r.idle}, {"crowd", r.crowded}, {"keys", r.keys}}
	for _, s := range steps {
		if r.only != "" && r.only != s.name {
			continue
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func (r *loadRun) open(ctx context.Context) error {
	log, err := os.Create(filepath.Join(r.folder, "server.log"))
	if err != nil {
		return err
	}
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	binary, err := filepath.Abs(r.binary)
	if err != nil {
		return err
	}
	r.srv = &server{binary: binary, folder: filepath.Join(r.folder, "data"), config: filepath.Join(r.folder, "bench.yaml"), addr: addr, log: log}
	if err := os.MkdirAll(r.srv.folder, 0o700); err != nil {
		return err
	}
	if r.db == "postgres" {
		if r.pg, err = newPostgres(filepath.Join(r.folder, "pg"), filepath.Join(r.folder, "socket"), log); err != nil {
			return err
		}
		if err = errors.Join(r.pg.start(), r.pg.create("chancery")); err != nil {
			return err
		}
		r.srv.dbURI = r.pg.uri("chancery")
	}
	return r.srv.start(ctx)
}

func (r *loadRun) close() {
	r.srv.stop()
	if r.pg != nil {
		r.pg.stop()
	}
}

// fsyncTime is the median time of writing 4 KiB and syncing it.
func fsyncTime(dir string) time.Duration {
	f, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return 0
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buf := make([]byte, 4096)
	var times []time.Duration
	for range 200 {
		start := time.Now()
		_, _ = f.WriteAt(buf, 0)
		_ = f.Sync()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// meter measures one scenario.
type meter struct {
	r      *loadRun
	name   string
	begin  time.Time
	srvCPU time.Duration
	dbCPU  time.Duration
	disk   int64
	mu     sync.Mutex
	times  []time.Duration
}

func (r *loadRun) meter(name string) *meter {
	m := &meter{r: r, name: name, srvCPU: cpu(r.srv.cmd.Process.Pid), disk: r.diskUse(), begin: time.Now()}
	if r.pg != nil {
		m.dbCPU = r.pg.cpu()
	}
	return m
}

func (r *loadRun) diskUse() int64 {
	n := diskUse(filepath.Join(r.folder, "data"))
	if r.pg != nil {
		n += diskUse(filepath.Join(r.folder, "pg", "base"))
	}
	return n
}

// time runs fn as one operation of the scenario.
func (m *meter) time(fn func() error) error {
	start := time.Now()
	err := fn()
	d := time.Since(start)
	m.mu.Lock()
	m.times = append(m.times, d)
	m.mu.Unlock()
	return err
}

// print tells what the scenario took, per operation.
func (m *meter) print() {
	wall := time.Since(m.begin)
	n := len(m.times)
	if n == 0 {
		return
	}
	slices.Sort(m.times)
	srv := cpu(m.r.srv.cmd.Process.Pid) - m.srvCPU
	line := fmt.Sprintf("%-34s %7d ops %8.0f/s  p50 %8s  p99 %8s  server CPU %6.3f ms/op", m.name, n,
		float64(n)/wall.Seconds(), round(m.times[n/2]), round(m.times[n*99/100]), ms(srv, n))
	if m.r.pg != nil {
		db := m.r.pg.cpu() - m.dbCPU
		line += fmt.Sprintf("  with database %6.3f ms/op", ms(srv+db, n))
	}
	fmt.Printf("%s  disk %6.0f B/op  peak %5.1f MB\n", line, float64(m.r.diskUse()-m.disk)/float64(n),
		float64(peak(m.r.srv.cmd.Process.Pid))/1e6)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

func ms(d time.Duration, n int) float64 { return float64(d.Microseconds()) / 1000 / float64(n) }

// parallel runs n workers until total operations are done or one fails.
func parallel(ctx context.Context, workers, total int, op func(ctx context.Context, worker, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= total {
					return
				}
				if err := op(ctx, w, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
