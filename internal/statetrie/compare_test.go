package statetrie

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

func TestTheAlternativeHoldsTheSameStates(t *testing.T) {
	r := seeded(4)
	m := newMemory(t)
	trie := small(m, 4)
	d := &deltas{rebase: 32}
	type pair struct {
		root Root
		id   int
	}
	pairs := []pair{{0, d.build(nil, row{})}}
	for range 600 {
		from := pairs[len(pairs)-1]
		if r.IntN(4) == 0 {
			from = pairs[r.IntN(len(pairs))]
		}
		c := member(r.IntN(700))
		c.Event = int64(r.IntN(4))
		pairs = append(pairs, pair{set(t, trie, from.root, m, c), d.set(from.id, entry{trie.hash.Path(c.Kind, c.Key), c.Event})})
	}
	for range 500 {
		a, b := pairs[r.IntN(len(pairs))], pairs[r.IntN(len(pairs))]
		want := 0
		if err := trie.Diff(ctx, a.root, b.root, func(uint64, int64, int64) error { want++; return nil }); err != nil {
			t.Fatal(err)
		}
		if got := d.diff(a.id, b.id); got != want {
			t.Fatalf("%d differences, the trie has %d", got, want)
		}
	}
}

// contest holds one history in both forms.
type contest struct {
	n     int
	trie  *Trie // cold: no cache
	hot   *Trie
	m     *memory
	d     *deltas
	roots []Root
	ids   []int
	out   func(what, trie, alternative string)
}

// TestCompareWithDeltaChains prints the table for docs/performance.md. It takes a few seconds.
func TestCompareWithDeltaChains(t *testing.T) {
	if os.Getenv("COMPARE") == "" {
		t.Skip("set COMPARE=1 to measure the trie against delta chains")
	}
	for _, n := range sizes {
		fmt.Printf("\n| %d entries | trie | chain of deltas |\n|---|---|---|\n", n)
		newContest(t, n).run(t)
	}
}

func newContest(t *testing.T, n int) *contest {
	m := newMemory(t)
	c := &contest{n: n, m: m, trie: small(batching{m}, bucketSize), d: &deltas{rebase: rebaseAfter(n)}}
	c.hot = c.trie.WithCache(NewCache(256<<20), 1)
	c.roots = []Root{set(t, c.hot, 0, m, members(n)...)}
	entries, err := c.trie.paths(members(n))
	if err != nil {
		t.Fatal(err)
	}
	c.ids = []int{c.d.build(slices.Clone(entries), row{})}
	c.out = func(what, a, b string) { fmt.Printf("| %s | %s | %s |\n", what, a, b) }
	return c
}

func (c *contest) change(i int) Change {
	ch := member(i * 7919 % c.n)
	ch.Event = int64(1_000_000 + i)
	return ch
}

func (c *contest) entry(ch Change) entry { return entry{c.trie.hash.Path(ch.Kind, ch.Key), ch.Event} }

func (c *contest) run(t *testing.T) {
	c.straight(t)
	c.gets(t)
	last := len(c.roots) - 1
	c.diffs(t, "compare states 1 change apart", last-1, last)
	c.diffs(t, "compare states 1,000 changes apart", last-1000, last)
	c.diffs(t, "compare first and last", 0, last)
	c.load(t)
	c.fork(t)
	c.equal(t)
}

// straight makes 20,000 changes one after the other.
func (c *contest) straight(t *testing.T) {
	const steps = 20_000
	c.m.bytes, c.m.sent = 0, 0
	start := time.Now()
	for i := range steps {
		c.roots = append(c.roots, set(t, c.hot, c.roots[i], c.m, c.change(i)))
	}
	took := time.Since(start)
	rows, wrote, worst, most := len(c.d.rows), c.d.wrote, time.Duration(0), 0
	start = time.Now()
	for i := range steps {
		before, at := c.d.wrote, time.Now()
		c.ids = append(c.ids, c.d.set(c.ids[i], c.entry(c.change(i))))
		worst, most = max(worst, time.Since(at)), max(most, c.d.wrote-before)
	}
	chain := time.Since(start)
	c.out("one change, CPU", us(took/steps), us(chain/steps))
	c.out("one change, rows and bytes written", fmt.Sprintf("%.1f, %d B", float64(c.m.sent)/steps, c.m.bytes/steps),
		fmt.Sprintf("%.1f, %d B", float64(len(c.d.rows)-rows)/steps, (c.d.wrote-wrote)/steps))
	c.out("the dearest change", "as any other", fmt.Sprintf("%s, %d KB", us(worst), most/1000))
}

func (c *contest) gets(t *testing.T) {
	r := seeded(1)
	c.m.reads, c.d.read = 0, 0
	const tries = 3000
	var trie, chain time.Duration
	for range tries {
		i, k := r.IntN(len(c.roots)), member(r.IntN(c.n))
		start := time.Now()
		a, _, err := c.trie.Get(ctx, c.roots[i], k.Kind, k.Key)
		trie += time.Since(start)
		start = time.Now()
		b := c.d.find(c.ids[i], c.trie.hash.Path(k.Kind, k.Key))
		chain += time.Since(start)
		if err != nil || a != b {
			t.Fatalf("snapshot %d: %d and %d, %v", i, a, b, err)
		}
	}
	c.out("cold look-up at an old state: CPU, rows one after the other",
		fmt.Sprintf("%s, %.1f", us(trie/tries), float64(c.m.reads)/tries),
		fmt.Sprintf("%s, %.1f", us(chain/tries), float64(c.d.read)/tries))
}

func (c *contest) diffs(t *testing.T, what string, i, j int) {
	c.m.reads, c.d.read = 0, 0
	const tries = 5
	start, n := time.Now(), 0
	for range tries {
		n = 0
		if err := c.trie.Diff(ctx, c.roots[i], c.roots[j], func(uint64, int64, int64) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	trie := time.Since(start)
	start = time.Now()
	for range tries {
		if got := c.d.diff(c.ids[i], c.ids[j]); got != n {
			t.Fatalf("%s: %d and %d", what, n, got)
		}
	}
	c.out(what, fmt.Sprintf("%s, %d rows", us(trie/tries), c.m.reads/tries), fmt.Sprintf("%s, %d rows", us(time.Since(start)/tries), c.d.read/tries))
}

func (c *contest) load(t *testing.T) {
	last := len(c.roots) - 1
	start := time.Now()
	if err := c.trie.All(ctx, c.roots[last], func(uint64, int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
	trie := time.Since(start)
	start = time.Now()
	c.d.all(c.ids[last])
	c.out("everything, cold", us(trie), us(time.Since(start)))
}

// fork makes 50 branches of 40 changes each, all from one state just before the chain's new base, and compares the ends.
func (c *contest) fork(t *testing.T) {
	at := len(c.ids) - 1
	for c.d.get(c.ids[at]).depth != c.d.rebase-20 {
		at--
	}
	c.m.bytes = 0
	wrote := c.d.wrote
	roots, ids := make([]Root, 50), make([]int, 50)
	start := time.Now()
	for b := range roots {
		roots[b] = c.roots[at]
		for i := range 40 {
			roots[b] = set(t, c.hot, roots[b], c.m, c.change(50_000+b*40+i))
		}
	}
	trie := time.Since(start)
	start = time.Now()
	for b := range ids {
		ids[b] = c.ids[at]
		for i := range 40 {
			ids[b] = c.d.set(ids[b], c.entry(c.change(50_000+b*40+i)))
		}
	}
	chain := time.Since(start)
	c.out("50 forks of 40 changes", fmt.Sprintf("%s, %d KB", us(trie), c.m.bytes/1000), fmt.Sprintf("%s, %d KB", us(chain), (c.d.wrote-wrote)/1000))
	start, n := time.Now(), 0
	if err := c.trie.DiffMany(ctx, roots, func(uint64, []int64) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	trie = time.Since(start)
	start = time.Now()
	for b := range ids[1:] {
		c.d.diff(ids[0], ids[b+1])
	}
	c.out("compare the 50 ends", us(trie), us(time.Since(start)))
}

// equal comes to one state by two roads and asks whether the ends are equal.
func (c *contest) equal(t *testing.T) {
	at := len(c.roots) - 1
	ra, rb, ia, ib := c.roots[at], c.roots[at], c.ids[at], c.ids[at]
	for i := range 200 {
		a, b := c.change(90_000+i), c.change(90_000+199-i)
		ra, rb = set(t, c.hot, ra, c.m, a), set(t, c.hot, rb, c.m, b)
		ia, ib = c.d.set(ia, c.entry(a)), c.d.set(ib, c.entry(b))
	}
	start := time.Now()
	n := c.d.diff(ia, ib)
	took := time.Since(start)
	if ra != rb && c.n >= 200 || c.n >= 200 && n != 0 {
		t.Fatalf("roots %d and %d, %d differences", ra, rb, n)
	}
	c.out("are two states equal that came about by two roads of 200 changes", "one comparison of numbers", us(took))
}

func us(d time.Duration) string { return fmt.Sprintf("%.1f us", float64(d.Nanoseconds())/1000) }
