package storage_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// loadEnv makes this test binary the child that writes until it is killed: directory
// and connection string, one a line.
const loadEnv = "CHANCERY_TEST_LOAD"

func TestLoadChild(t *testing.T) {
	args := strings.Split(os.Getenv(loadEnv), "\n")
	if len(args) != 2 {
		t.Skip("this is the child of another test")
	}
	db := storagetest.Place{Name: "child", Dir: args[0], URI: args[1]}.Open(t)
	first, err := db.NextIDs(ctx, "event", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	nids.Store(first)
	var out sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		r := newRoom(t, db)
		wg.Go(func() {
			for i := range 100_000 {
				s := r.message()
				nid := r.last
				s.Txns = []storage.TxnRow{txn(fmt.Sprintf("%x.%d", r.nid, i), nid)}
				if err := db.Commit(s).Wait(ctx); err != nil {
					t.Error(err)
					return
				}
				out.Lock()
				fmt.Printf("ack %d %d\n", r.nid, nid)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestAKillUnderLoadLosesNothingThatWasAcknowledged kills the writing process after
// some acknowledgements, again and again on the same data.
func TestAKillUnderLoadLosesNothingThatWasAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		rnd := rand.New(rand.NewPCG(7, 7))
		acked := map[int64][]int64{}
		for round := range 8 {
			n := killAfter(t, p, 1+rnd.IntN(400), acked)
			db := p.Open(t)
			for nid, want := range acked {
				checkRoom(t, db, nid, want)
			}
			db.Close()
			if t.Failed() {
				t.Fatalf("after round %d with %d acknowledged", round, n)
			}
		}
	})
}

// killAfter runs the child until it has acknowledged n events, kills it, and notes
// all that it acknowledged by then.
func killAfter(t *testing.T, p storagetest.Place, n int, acked map[int64][]int64) (total int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestLoadChild$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s", loadEnv, p.Dir, p.URI))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 3 || f[0] != "ack" {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		room, err1 := strconv.ParseInt(f[1], 10, 64)
		nid, err2 := strconv.ParseInt(f[2], 10, 64)
		if err1 != nil || err2 != nil {
			t.Errorf("the child says %q", lines.Text())
		}
		acked[room] = append(acked[room], nid)
		if total++; total == n {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if total < n {
		t.Fatalf("the child ended after %d acknowledgements", total)
	}
	return total
}

// checkRoom: every acknowledged event is there once, in order, and the head, the
// timeline and the transaction ids agree.
func checkRoom(t *testing.T, db *storage.DB, room int64, want []int64) {
	t.Helper()
	list := timeline(t, db, room)
	have := map[int64]int{}
	last := storage.StoredEvent{}
	for i, e := range list {
		have[e.NID] = i + 1
		if e.NID <= last.NID || e.Pos <= last.Pos || e.Topo != int64(i+1) {
			t.Errorf("room %d: event %d at %d after %d at %d", room, e.NID, e.Pos, last.NID, last.Pos)
		}
		last = e
	}
	before := 0
	for _, nid := range want {
		if have[nid] <= before {
			t.Errorf("room %d: acknowledged event %d is at place %d after %d", room, nid, have[nid], before)
		}
		before = have[nid]
	}
	read(t, db, func(tx *storage.ReadTx) error {
		row, err := tx.RoomByNID(room)
		if row.Rev != last.NID || row.LastPos != last.Pos || row.LastTopo != int64(len(list)) {
			t.Errorf("room %d: the head is %+v, the last event %d at %d", room, row, last.NID, last.Pos)
		}
		if len(list) > 2 {
			nid, _, err := tx.TxnEvent(txn(fmt.Sprintf("%x.%d", room, len(list)-3), 0).Key)
			if err != nil || nid != last.NID {
				t.Errorf("room %d: the last transaction id names %d, %v; want %d", room, nid, err, last.NID)
			}
		}
		return err
	})
}
