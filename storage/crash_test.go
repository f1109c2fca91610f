package storage_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chancery-im/chancery/internal/authchain"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// everything is a set that writes to every table that a set can write to.
func (r *room) everything() *storage.Set {
	old := r.last
	s := r.message()
	bob := "@bob:" + storagetest.ServerName
	invite := r.sign("m.room.member", &bob, `{"membership":"invite"}`)
	r.add(s, invite)
	s.Nodes = []storage.NodeRow{{ID: r.last, Body: []byte("node")}, {ID: r.last + 1, Body: []byte("leaf")}}
	s.State = []storage.StateChange{{Type: "m.room.member", Key: bob, Event: r.last}, {Type: "m.room.member", Key: alice}}
	s.LogRoot = true
	s.Members = []storage.MemberChange{
		{User: bob, Membership: "invite", Event: r.last, Local: true, InviteState: []byte("[]")},
		{User: "@carol:far.example", Membership: "join", Event: r.last},
		{User: alice, Membership: "leave", Event: r.last, Local: true},
	}
	s.Servers = []storage.ServerChange{{Server: "far.example", Delta: 1}, {Server: storagetest.ServerName, Delta: -1}}
	s.Chain = []storage.ChainRow{{Event: r.last, Chain: r.nid, Seq: 1}}
	s.Links = []authchain.Link{{FromChain: r.nid, FromSeq: 1, ToChain: r.nid + 1, ToSeq: 1}}
	s.Txns = []storage.TxnRow{txn("all", r.last)}
	s.Redactions = []storage.RedactionRow{{TargetID: "$gone", Event: r.last}}
	s.Prune = []storage.PruneRow{{Event: old, JSON: s.Events[0].JSON, By: r.last}}
	s.Do = []func(*storage.Tx) error{func(tx *storage.Tx) error {
		tx.NextPos()
		return tx.PutAlias("#a:test.example", r.nid, alice)
	}}
	return s
}

func dump(t testing.TB, db *storage.DB) (text string) {
	t.Helper()
	read(t, db, func(tx *storage.ReadTx) (err error) {
		text, err = storage.Dump(tx)
		return err
	})
	return text
}

func TestAStatementThatFailsLeavesNothingOfItsSet(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		broken := errors.New("broken")
		statements := 0
		for n := 1; ; n++ {
			db := p.Open(t)
			r := newRoom(t, db)
			s := r.everything()
			s.Txns[0] = txn("t"+strconv.Itoa(n), s.Txns[0].Event)
			s.Do = s.Do[:0]
			before := dump(t, db)
			seen := 0
			db.SetFault(func(string) error {
				if seen++; seen == n {
					return broken
				}
				return nil
			})
			err := db.Commit(s).Wait(ctx)
			db.SetFault(nil)
			if err == nil {
				statements = seen
				db.Close()
				break
			}
			if !errors.Is(err, broken) {
				t.Fatalf("statement %d: %v", n, err)
			}
			if after := dump(t, db); after != before {
				t.Errorf("statement %d failed and left rows:\n%s", n, after)
			}
			if err := db.Commit(s).Wait(ctx); err != nil {
				t.Errorf("the same set after a failure at statement %d: %v", n, err)
			}
			db.Close()
		}
		if statements < 15 {
			t.Errorf("only %d statements were tried", statements)
		}
	})
}

// crashEnv makes this test binary the child that is killed: directory, connection
// string and number of the statement at which it dies, one a line.
const crashEnv = "CHANCERY_TEST_CRASH"

func TestCrashChild(t *testing.T) {
	args := strings.Split(os.Getenv(crashEnv), "\n")
	if len(args) != 3 {
		t.Skip("this is the child of another test")
	}
	n, _ := strconv.Atoi(args[2])
	db := storagetest.Place{Name: "child", Dir: args[0], URI: args[1]}.Open(t)
	r := newRoom(t, db)
	s := r.everything()
	fmt.Println("ready")
	seen := 0
	db.SetFault(func(string) error {
		if seen++; seen == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	commit(t, db, s)
	fmt.Println("acknowledged")
}

// TestAKillBetweenAnyTwoStatementsLeavesAllOrNothing kills the process before each
// statement of a set in turn, and after its commit.
func TestAKillBetweenAnyTwoStatementsLeavesAllOrNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts dozens of processes")
	}
	for name, place := range map[string]func(testing.TB) storagetest.Place{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			whole := crashed(t, place(t), 0, true) // nothing killed
			none := ""
			for n := 1; ; n++ {
				p := place(t)
				got := crashed(t, p, n, false)
				if got == whole {
					if n < 15 {
						t.Errorf("only %d statements", n)
					}
					break
				}
				if none == "" {
					none = got
				}
				if got != none {
					t.Errorf("a kill before statement %d left a part:\n%s", n, got)
				}
			}
		})
	}
}

// crashed runs the child and returns what it left.
func crashed(t *testing.T, p storagetest.Place, n int, whole bool) string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n%d", crashEnv, p.Dir, p.URI, n))
	out, err := child.CombinedOutput()
	if acked := strings.Contains(string(out), "acknowledged"); !strings.Contains(string(out), "ready") || acked != (err == nil) || whole && !acked {
		t.Fatalf("the child ended with %v: %s", err, out)
	}
	db := p.Open(t)
	defer db.Close()
	text := dump(t, db)
	if err == nil && !whole && n < 15 {
		t.Fatalf("the child was not killed at statement %d", n)
	}
	return text
}
