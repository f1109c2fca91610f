package statetrie

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

var ctx = context.Background()

var testSeed = [32]byte{1, 2, 3}

// memory is a node store that keeps what was emitted and counts what is asked for.
type memory struct {
	t      testing.TB
	bodies map[NodeID][]byte
	reads  int // nodes
	trips  int // round trips
	bytes  int // of nodes emitted for the first time
	sent   int // nodes emitted
}

func newMemory(t testing.TB) *memory { return &memory{t: t, bodies: map[NodeID][]byte{}} }

func (m *memory) emit(id NodeID, body []byte) {
	m.sent++
	if old, ok := m.bodies[id]; ok {
		if !bytes.Equal(old, body) {
			m.t.Fatalf("node %d has two bodies", id)
		}
		return
	}
	m.bodies[id] = body
	m.bytes += len(body)
}

func (m *memory) Node(_ context.Context, id NodeID) ([]byte, error) {
	m.reads++
	m.trips++
	body, ok := m.bodies[id]
	if !ok {
		return nil, fmt.Errorf("no node %d", id)
	}
	return body, nil
}

// batching is a memory that can answer a level at once.
type batching struct{ *memory }

func (m batching) NodesBatch(_ context.Context, ids []NodeID) (map[NodeID][]byte, error) {
	m.trips++
	found := make(map[NodeID][]byte, len(ids))
	for _, id := range ids {
		m.reads++
		if body, ok := m.bodies[id]; ok {
			found[id] = body
		}
	}
	return found, nil
}

// small returns a trie with a small bucket, so that tests with few entries have deep tries.
func small(nodes Nodes, bucket int) *Trie {
	t := New(NewHasher(testSeed), nodes)
	t.bucket = bucket
	return t
}

func member(i int) Change {
	return Change{"m.room.member", fmt.Sprintf("@user%d:example.org", i), int64(i + 1)}
}

func members(n int) []Change {
	out := make([]Change, n)
	for i := range out {
		out[i] = member(i)
	}
	return out
}

// model is what a snapshot must hold, by path.
type model map[uint64]int64

func (m model) with(t *Trie, changes []Change) model {
	next := make(model, len(m)+1)
	for p, e := range m {
		next[p] = e
	}
	for _, c := range changes {
		p := t.hash.Path(c.Kind, c.Key)
		if c.Event == 0 {
			delete(next, p)
		} else {
			next[p] = c.Event
		}
	}
	return next
}

func (m model) equals(o model) bool {
	if len(m) != len(o) {
		return false
	}
	for p, e := range m {
		if o[p] != e {
			return false
		}
	}
	return true
}

func read(tb testing.TB, t *Trie, root Root) model {
	tb.Helper()
	got, last, first := model{}, uint64(0), true
	err := t.All(ctx, root, func(path uint64, event int64) error {
		if !first && path <= last {
			tb.Fatalf("All is out of order: %x after %x", path, last)
		}
		got[path], last, first = event, path, false
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

func set(tb testing.TB, t *Trie, root Root, m *memory, changes ...Change) Root {
	tb.Helper()
	next, err := t.Set(ctx, root, changes, m.emit)
	if err != nil {
		tb.Fatal(err)
	}
	return next
}

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 7)) }

// randomChanges changes, adds and removes keys out of a space of keys.
func randomChanges(r *rand.Rand, space int) []Change {
	out := make([]Change, 1+r.IntN(1+r.IntN(20)))
	for i := range out {
		out[i] = member(r.IntN(space))
		if out[i].Event = int64(1 + r.IntN(5)); r.IntN(3) == 0 {
			out[i].Event = 0
		}
	}
	return out
}
