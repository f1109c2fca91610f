package storage_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chancery-im/chancery/internal/authrules"
	"github.com/chancery-im/chancery/internal/event"
	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

const alice = "@alice:" + storagetest.ServerName

// signer signs the tests' events; its key is a constant.
var signer = event.NewSigner(storagetest.ServerName, event.Key{
	ID: "ed25519:t", Private: ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize))),
}, zeros{})

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// nids numbers rooms and events over all databases of the test binary: no two tests
// meet the same number.
var nids atomic.Int64

// room builds sets as roomserver does: each on the pending state of the one before.
type room struct {
	t     testing.TB
	nid   int64
	id    string
	rev   int64
	topo  int64
	last  int64 // the newest event
	state stateMap
	texts atomic.Int64
}

type stateMap map[string]*event.Event

func (m stateMap) Get(kind, key string) *event.Event { return m[kind+"\x00"+key] }

// newRoom commits a room that Alice has made and joined.
func newRoom(t testing.TB, db *storage.DB) *room {
	t.Helper()
	r := &room{t: t, nid: nids.Add(1), state: stateMap{}}
	set := r.creation()
	if err := db.Commit(set).Wait(context.Background()); err != nil {
		t.Fatalf("make a room: %v", err)
	}
	return r
}

// creation is the set that makes the room.
func (r *room) creation() *storage.Set {
	create := r.sign("m.room.create", new(string), fmt.Sprintf(`{"room_version":"12","n":%d}`, r.nid))
	r.id = create.Room()
	r.state["m.room.create\x00"] = create
	set := r.set(create)
	set.NewRoom = &storage.NewRoom{Version: "12"}
	member := alice
	join := r.sign("m.room.member", &member, `{"membership":"join"}`)
	r.add(set, join)
	r.state["m.room.member\x00"+alice] = join
	set.Members = []storage.MemberChange{{User: alice, Membership: "join", Event: r.last, Local: true}}
	set.Servers = []storage.ServerChange{{Server: storagetest.ServerName, Delta: 1}}
	set.State = []storage.StateChange{
		{Type: "m.room.create", Event: set.Events[0].NID}, {Type: "m.room.member", Key: alice, Event: r.last},
	}
	set.Room.Joined = 1
	return set
}

func (r *room) sign(kind string, stateKey *string, content string) *event.Event {
	r.t.Helper()
	tmpl := event.Template{Type: kind, RoomID: r.id, Sender: alice, StateKey: stateKey, Content: json.RawMessage(content),
		Depth: r.topo + 1, OriginServerTS: 1_700_000_000_000 + r.topo}
	ev, err := signer.SignOwn("12", tmpl)
	if err != nil {
		r.t.Fatalf("sign a %s: %v", kind, err)
	}
	return ev
}

// set is a set of one event on top of the room.
func (r *room) set(ev *event.Event) *storage.Set {
	s := &storage.Set{RoomNID: r.nid, RoomID: r.id, ExpectRev: r.rev}
	r.add(s, ev)
	return s
}

// add puts one more event into the set, and moves the room on to it.
func (r *room) add(s *storage.Set, ev *event.Event) {
	r.t.Helper()
	pl, err := authrules.ParsePowerLevels(r.state.Get("m.room.power_levels", ""), r.state.Get("m.room.create", ""))
	if err != nil && len(r.state) > 0 {
		r.t.Fatalf("power levels: %v", err)
	}
	r.topo++
	r.last = nids.Add(1)
	r.rev = r.last
	s.Events = append(s.Events, storage.EventRow{NID: r.last, Judged: authrules.AcceptOwn(ev, r.state, pl), Topo: r.topo,
		New: true, StateBefore: 1, JSON: ev.Bytes()})
	s.Rev = r.rev
	s.Room = storage.RoomHead{StateRoot: 1, Extremities: []int64{r.last}, LastTopo: r.topo, Bump: true, Joined: 1}
}

// message is a set with one message of about 500 bytes of JSON.
func (r *room) message() *storage.Set {
	n := r.texts.Add(1)
	return r.set(r.sign("m.room.message", nil, fmt.Sprintf(`{"body":"%d %s","msgtype":"m.text"}`, n, lorem)))
}

// lorem makes a message's event as long as an ordinary one.
const lorem = "so we meet at nine in the small room, and bring the plan of the second floor"

// txn is a transaction id of Alice's phone.
func txn(name string, ev int64) storage.TxnRow {
	t := storage.TxnRow{TxnID: name, Event: ev, TS: 1_700_000_000_000}
	copy(t.Key[:], fmt.Sprintf("%-16.16s", name))
	copy(t.Device[:], "phone---")
	return t
}

func commit(t testing.TB, db *storage.DB, s *storage.Set) int64 {
	t.Helper()
	p := db.Commit(s)
	if err := p.Wait(context.Background()); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return p.Pos()
}

func read(t testing.TB, db *storage.DB, fn func(*storage.ReadTx) error) {
	t.Helper()
	if err := db.Read(context.Background(), fn); err != nil {
		t.Fatalf("read: %v", err)
	}
}

// timeline is the whole timeline of a room, oldest first.
func timeline(t testing.TB, db *storage.DB, nid int64) (list []storage.StoredEvent) {
	t.Helper()
	read(t, db, func(tx *storage.ReadTx) (err error) {
		list, err = tx.Timeline(nid, storage.Edge{}, nil, false, 1_000_000, 0)
		return err
	})
	return list
}

// hold blocks the committer inside a transaction until it is released, so that what
// is committed meanwhile shares the next one.
func hold(db *storage.DB) (release func()) {
	entered, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p := db.Commit(&storage.Set{Do: []func(*storage.Tx) error{func(*storage.Tx) error {
		once.Do(func() { close(entered) })
		<-gate
		return nil
	}}})
	<-entered
	return func() { close(gate); _ = p.Wait(ctx) }
}
