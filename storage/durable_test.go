package storage_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestWhatWasAcknowledgedIsThereAfterReopening(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		db := p.Open(t)
		r := newRoom(t, db)
		commit(t, db, r.message())
		secret, before := db.Secret(), dump(t, db)
		at, _ := db.Position(ctx)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = p.Open(t)
		if db.Secret() != secret {
			t.Error("the secret changed")
		}
		if again, _ := db.Position(ctx); again != at {
			t.Errorf("the position is %d, was %d", again, at)
		}
		if after := dump(t, db); after != before {
			t.Errorf("the content changed:\n%s\nwas:\n%s", after, before)
		}
		commit(t, db, r.message())
	})
}

func TestDataOfAnotherServerNameIsRefused(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		p.Open(t).Close()
		o := p.Options()
		o.ServerName = "other.example"
		_, err := storage.Open(ctx, o)
		if err == nil || !strings.Contains(err.Error(), storagetest.ServerName) {
			t.Errorf("opened with %v", err)
		}
	})
}

func TestASecondServerIsRefused(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		p.Open(t)
		if _, err := storage.Open(ctx, p.Options()); !errors.Is(err, storage.ErrLocked) {
			t.Errorf("the same data folder: %v, want ErrLocked", err)
		}
		if p.URI == "" {
			return
		}
		o := p.Options()
		o.DataDir = t.TempDir()
		if _, err := storage.Open(ctx, o); !errors.Is(err, storage.ErrLocked) {
			t.Errorf("the same schema: %v, want ErrLocked", err)
		}
	})
}

func TestWritesAfterCloseAreRefused(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		r := newRoom(t, db)
		waiting := db.Commit(r.message())
		db.Close()
		if err := waiting.Wait(ctx); err != nil {
			t.Errorf("a write that waited at the end got %v", err)
		}
		if err := db.Commit(r.message()).Wait(ctx); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("a write after the end got %v", err)
		}
		if err := db.Read(ctx, func(*storage.ReadTx) error { return nil }); !errors.Is(err, storage.ErrClosed) {
			t.Errorf("a read after the end got %v", err)
		}
	})
}

// replaceLog puts another file under the open log of SQLite, and returns what undoes
// that.
func replaceLog(t *testing.T, db *storage.DB, by string) (restore func()) {
	t.Helper()
	other, err := os.OpenFile(by, os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer other.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	saved := map[int]int{}
	for _, fd := range fds {
		name, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		if name != db.LogFile() {
			continue
		}
		n := 0
		for _, c := range fd.Name() {
			n = n*10 + int(c-'0')
		}
		if saved[n], err = syscall.Dup(n); err == nil {
			err = syscall.Dup3(int(other.Fd()), n, syscall.O_CLOEXEC)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(saved) == 0 {
		t.Fatal("the log is not open")
	}
	return func() {
		for n, keep := range saved {
			_ = syscall.Dup3(keep, n, syscall.O_CLOEXEC)
			_ = syscall.Close(keep)
		}
	}
}

func TestAFailedFlushStopsAllWriting(t *testing.T) {
	p := storagetest.SQLite(t)
	db := p.Open(t)
	r := newRoom(t, db)
	before := dump(t, db)
	restore := replaceLog(t, db, "/dev/null") // takes everything, and cannot be flushed
	lost := r.message()
	if err := db.Commit(lost).Wait(ctx); !errors.Is(err, storage.ErrClosed) && err == nil {
		t.Fatal("acknowledged, although the flush failed")
	}
	restore() // the disk is well again, and still nobody knows what is on it
	if err := db.Commit(r.message()).Wait(ctx); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("the next write got %v, want ErrClosed", err)
	}
	if db.Failed() == nil {
		t.Error("the failure is not told")
	}
	db.Close()
	db = p.Open(t)
	if after := dump(t, db); after != before {
		t.Errorf("after a restart:\n%s\nwant:\n%s", after, before)
	}
}

func TestAFullDiskFailsTheWriteAndNoLaterOne(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	r := newRoom(t, db)
	rev := r.rev
	pages := func(n string) {
		t.Helper()
		if err := db.Write(ctx, func(tx *storage.Tx) error {
			_, err := storage.ReadRows(&tx.ReadTx, "PRAGMA max_page_count = "+n)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // SQLite takes it for the size that the file has
	s := r.message()
	s.Nodes = []storage.NodeRow{{ID: 1, Body: make([]byte, 1<<20)}}
	if err := db.Commit(s).Wait(ctx); err == nil {
		t.Fatal("acknowledged on a full disk")
	}
	pages("1000000")
	next := r.message()
	next.ExpectRev = rev
	if err := db.Commit(next).Wait(ctx); err != nil {
		t.Errorf("the next write got %v", err)
	}
}

func TestTheLogOfSQLiteStaysShortUnderReaders(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	r := newRoom(t, db)
	const limit = 2 << 20
	if err := db.SetLongLog(limit); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				read(t, db, func(tx *storage.ReadTx) error {
					_, err := tx.Timeline(r.nid, storage.Edge{}, nil, false, 20, 0)
					return err
				})
			}
		})
	}
	longest := int64(0)
	for range 60 {
		s := r.message()
		for range 20 {
			r.add(s, r.sign("m.room.message", nil, `{"body":"`+strings.Repeat("long ", 5000)+`"}`))
		}
		commit(t, db, s)
		if fi, err := os.Stat(db.LogFile()); err == nil {
			longest = max(longest, fi.Size())
		}
	}
	close(stop)
	readers.Wait()
	// At four times the limit the committer waits for the readers with patience.
	if longest > 5*limit {
		t.Errorf("the log grew to %d bytes, the limit is %d", longest, limit)
	}
}

func TestTheDataFolderIsMadeForItsOwnerOnly(t *testing.T) {
	p := storagetest.SQLite(t)
	p.Dir = filepath.Join(p.Dir, "a", "b")
	db := p.Open(t)
	newRoom(t, db)
	for _, f := range []string{p.Dir, filepath.Join(p.Dir, storage.SQLiteFile), db.LogFile()} {
		fi, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %s", f, fi.Mode())
		}
	}
}

func TestNumbersAreNeverGivenTwice(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		seen := map[int64]bool{}
		var mu sync.Mutex
		take := func(db *storage.DB, n int) {
			first, err := db.NextIDs(ctx, "event", n)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for i := range int64(n) {
				if first <= 0 || seen[first+i] {
					t.Errorf("%d was given before", first+i)
				}
				seen[first+i] = true
			}
		}
		for range 2 {
			db := p.Open(t)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for i := range 40 {
						take(db, 1+i%7*100)
					}
				})
			}
			wg.Wait()
			db.Close()
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		release := hold(db)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := db.Write(gone, func(*storage.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		release()
	})
}
