package statetrie

import (
	"fmt"
	"testing"
)

var sizes = []int{100, 10_000, 100_000}

// BenchmarkBucket measures what one change costs with other bucket sizes; bucketSize was chosen by it.
func BenchmarkBucket(b *testing.B) {
	for _, bucket := range []int{8, 16, 24, 32, 48, 64, 128} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("bucket=%d/entries=%d", bucket, n), func(b *testing.B) {
				m := newMemory(b)
				root := set(b, small(m, bucket), 0, m, members(n)...)
				b.ReportMetric(float64(m.bytes)/float64(n), "stored-B/entry")
				b.ReportMetric(float64(m.sent), "stored-nodes")
				trie := small(m, bucket).WithCache(NewCache(256<<20), 1)
				read(b, trie, root)
				changeOne(b, trie, m, root, n)
			})
		}
	}
}

// changeOne sets one key after the other and reports what it writes for each.
func changeOne(b *testing.B, trie *Trie, m *memory, root Root, n int) {
	nodes, bytes := 0, 0
	emit := func(_ NodeID, body []byte) { nodes++; bytes += len(body) }
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		c := member(i * 7919 % n)
		c.Event = int64(1_000_000 + i)
		if _, err := trie.Set(ctx, root, []Change{c}, emit); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(nodes)/float64(b.N), "nodes/op")
	b.ReportMetric(float64(bytes)/float64(b.N), "B-written/op")
}

func BenchmarkSet(b *testing.B) {
	eachSize(b, func(b *testing.B, m *memory, hot, _ *Trie, root Root, n int) { changeOne(b, hot, m, root, n) })
}

func BenchmarkGetHot(b *testing.B) {
	eachSize(b, func(b *testing.B, _ *memory, hot, _ *Trie, root Root, n int) {
		c := member(n / 2)
		for b.Loop() {
			if _, ok, _ := hot.Get(ctx, root, c.Kind, c.Key); !ok {
				b.Fatal("lost")
			}
		}
	})
}

func BenchmarkGetCold(b *testing.B) {
	eachSize(b, func(b *testing.B, _ *memory, _, cold *Trie, root Root, n int) {
		c := member(n / 2)
		for b.Loop() {
			if _, ok, _ := cold.Get(ctx, root, c.Kind, c.Key); !ok {
				b.Fatal("lost")
			}
		}
	})
}

func BenchmarkAllCold(b *testing.B) {
	eachSize(b, func(b *testing.B, _ *memory, _, cold *Trie, root Root, n int) {
		for b.Loop() {
			if err := cold.All(ctx, root, func(uint64, int64) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAllHot(b *testing.B) {
	eachSize(b, func(b *testing.B, _ *memory, hot, _ *Trie, root Root, n int) {
		for b.Loop() {
			if err := hot.All(ctx, root, func(uint64, int64) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDiff(b *testing.B) {
	for _, k := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("changes=%d", k), func(b *testing.B) {
			eachSize(b, func(b *testing.B, m *memory, hot, cold *Trie, root Root, n int) {
				changes := members(k)
				for i := range changes {
					changes[i].Event += 1_000_000
				}
				other := set(b, hot, root, m, changes...)
				for name, trie := range map[string]*Trie{"hot": hot, "cold": cold} {
					b.Run(name, func(b *testing.B) {
						for b.Loop() {
							if err := trie.Diff(ctx, root, other, func(uint64, int64, int64) error { return nil }); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
			})
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			trie, changes := small(newMemory(b), bucketSize), members(n)
			for b.Loop() {
				if _, err := trie.Build(changes, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func eachSize(b *testing.B, run func(b *testing.B, m *memory, hot, cold *Trie, root Root, n int)) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			m := newMemory(b)
			cold := small(batching{m}, bucketSize)
			root := set(b, cold, 0, m, members(n)...)
			hot := cold.WithCache(NewCache(256<<20), 1)
			read(b, hot, root)
			run(b, m, hot, cold, root, n)
		})
	}
}
