package storage_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// BenchmarkCommit commits messages of about 600 bytes with a transaction id each, built
// and signed beforehand, in 16 rooms. cpu-us/msg is the user and system time of this
// process, db-cpu-us/msg that of PostgreSQL's; B/msg is what the database grew by.
func BenchmarkCommit(b *testing.B) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", dialect, writers), func(b *testing.B) {
				place := storagetest.SQLite
				if dialect == "postgres" {
					place = storagetest.Postgres
				}
				benchmarkCommit(b, place(b), writers)
			})
		}
	}
}

func benchmarkCommit(b *testing.B, p storagetest.Place, writers int) {
	db := p.Open(b)
	rooms := make([]*room, 16)
	for i := range rooms {
		rooms[i] = newRoom(b, db)
	}
	// Each room's sets are a chain: they are handed over in its order, under its lock.
	queues := make([][]*storage.Set, len(rooms))
	locks := make([]sync.Mutex, len(rooms))
	bytes := 0
	for i := range b.N {
		n := i % len(rooms)
		set := rooms[n].message()
		set.Txns = []storage.TxnRow{txn(randomName(i), rooms[n].last)}
		bytes += len(set.Events[0].JSON)
		queues[n] = append(queues[n], set)
	}
	before := size(b, p)
	cpu, dbCPU := processCPU(), postgresCPU()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < b.N; i += writers {
				n := i % len(rooms)
				locks[n].Lock()
				set := queues[n][0]
				queues[n] = queues[n][1:]
				pending := db.Commit(set)
				locks[n].Unlock()
				if err := pending.Wait(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64((processCPU()-cpu).Microseconds())/n, "cpu-us/msg")
	if p.URI != "" {
		b.ReportMetric(float64((postgresCPU()-dbCPU).Microseconds())/n, "db-cpu-us/msg")
	}
	db.Close()
	b.ReportMetric(float64(size(b, p)-before)/n, "B/msg")
	b.ReportMetric(float64(bytes)/n, "json-B")
}

// randomName is a transaction id as clients make them; its key is spread evenly.
func randomName(i int) string {
	return fmt.Sprintf("%016x.%d", uint64(i)*0x9e3779b97f4a7c15, i)
}

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// postgresCPU is the time of all processes named postgres, as far as /proc tells.
func postgresCPU() (d time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		raw, _ := os.ReadFile(f)
		_, rest, ok := strings.Cut(string(raw), "(postgres) ")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		for _, i := range []int{11, 12} { // utime and stime in ticks of 10 ms
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			d += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return d
}

// size is the database's size on disk, without its log.
func size(b *testing.B, p storagetest.Place) int64 {
	b.Helper()
	if p.URI == "" {
		fi, err := os.Stat(filepath.Join(p.Dir, storage.SQLiteFile))
		if err != nil {
			b.Fatal(err)
		}
		return fi.Size()
	}
	db, err := sql.Open("postgres", p.URI)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var n int64
	err = db.QueryRow(`SELECT COALESCE(SUM(pg_total_relation_size(c.oid)), 0) FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'`).Scan(&n)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkRead reads the newest 20 events of a room of 2,000, and one membership, by
// one and by 16 readers at a time.
func BenchmarkRead(b *testing.B) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		place := storagetest.SQLite
		if dialect == "postgres" {
			place = storagetest.Postgres
		}
		b.Run(dialect, func(b *testing.B) {
			db := place(b).Open(b)
			r := newRoom(b, db)
			s := r.message()
			for range 2000 {
				r.add(s, r.sign("m.room.message", nil, `{"body":"`+lorem+`","msgtype":"m.text"}`))
			}
			commit(b, db, s)
			end := storage.Edge{Topo: 1 << 60}
			for what, fn := range map[string]func(*storage.ReadTx) error{
				"timeline=20": func(tx *storage.ReadTx) error {
					list, err := tx.Timeline(r.nid, end, nil, true, 20, 0)
					if len(list) != 20 {
						b.Error(len(list))
					}
					return err
				},
				"membership": func(tx *storage.ReadTx) error {
					_, err := tx.Membership(r.nid, alice)
					return err
				},
			} {
				for _, readers := range []int{1, 16} {
					b.Run(fmt.Sprintf("%s/readers=%d", what, readers), func(b *testing.B) {
						cpu := processCPU()
						b.ReportAllocs()
						var wg sync.WaitGroup
						for w := range readers {
							wg.Go(func() {
								for i := w; i < b.N; i += readers {
									read(b, db, fn)
								}
							})
						}
						wg.Wait()
						b.ReportMetric(float64((processCPU()-cpu).Microseconds())/float64(b.N), "cpu-us/op")
					})
				}
			}
		})
	}
}
