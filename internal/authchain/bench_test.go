package authchain

import (
	"slices"
	"testing"
)

func BenchmarkLargeRoom(b *testing.B) {
	r, members := large(b, 100_000)
	all := slices.Clone(r.events)
	r.place(0)
	last := members[len(members)-1]
	b.Run("reach of 5 events", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Reach(ctx, r.idx, members[len(members)-5:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reach of all members", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Reach(ctx, r.idx, members); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("is the creation in the chain", func(b *testing.B) {
		for b.Loop() {
			if ok, err := Reaches(ctx, r.idx, last, 1); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("difference of two members", func(b *testing.B) {
		for b.Loop() {
			if _, err := Difference(ctx, r.idx, [][]int64{{members[40_000]}, {last}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("subgraph of 10 members", func(b *testing.B) {
		for b.Loop() {
			if _, err := Subgraph(ctx, r.idx, members[len(members)-10:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("subgraph of old and new", func(b *testing.B) {
		for b.Loop() {
			if _, err := Subgraph(ctx, r.idx, []int64{4, members[10], last}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("place one event", func(b *testing.B) {
		b.ReportAllocs()
		next := []NewEvent{{int64(len(r.auth) + 1), append([]int64{last}, r.auth[last]...), last}}
		for b.Loop() {
			if _, _, err := Place(ctx, r.idx, r.alloc, next); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("place the whole room", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Place(ctx, Nothing{}, r.alloc, all); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkForks(b *testing.B) {
	r, sets, common := forks(b)
	r.place(0)
	conflicted := conflictedOf(sets)
	b.Run("difference", func(b *testing.B) {
		for b.Loop() {
			if _, err := DifferenceOver(ctx, r.idx, list{common, new(int)}, sets); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("subgraph", func(b *testing.B) {
		for b.Loop() {
			if _, err := Subgraph(ctx, r.idx, conflicted); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAdversary(b *testing.B) {
	r, last := wide(b, 10, 5000)
	r.place(0)
	next := []NewEvent{{int64(len(r.auth) + 1), last, last[0]}}
	b.Run("wide/reach", func(b *testing.B) {
		for b.Loop() {
			if _, err := Reach(ctx, r.idx, last); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("wide/place", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Place(ctx, r.idx, r.alloc, next); err != nil {
				b.Fatal(err)
			}
		}
	})
	r, rung := ladder(b, 50_000)
	r.place(0)
	next = []NewEvent{{int64(len(r.auth) + 1), []int64{rung, rung - 1}, rung}}
	b.Run("ladder/reach", func(b *testing.B) {
		for b.Loop() {
			if _, err := Reach(ctx, r.idx, []int64{rung}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ladder/place", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Place(ctx, r.idx, r.alloc, next); err != nil {
				b.Fatal(err)
			}
		}
	})
}
