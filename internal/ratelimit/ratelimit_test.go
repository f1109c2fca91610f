package ratelimit

import (
	"strconv"
	"testing"
	"time"
)

type watch struct{ t time.Time }

func (w *watch) now() time.Time { return w.t }

func TestABurstPassesAndThenOneAPeriod(t *testing.T) {
	w := &watch{time.Unix(1000, 0)}
	l := New(w.now, Rate{PerSecond: 0.5, Burst: 3})
	for i := range 3 {
		if wait := l.Take("a"); wait != 0 {
			t.Fatalf("number %d waits %v", i, wait)
		}
	}
	if wait := l.Take("a"); wait != 2*time.Second {
		t.Fatalf("the fourth waits %v", wait)
	}
	if wait := l.Take("b"); wait != 0 {
		t.Fatalf("another key waits %v", wait)
	}
	w.t = w.t.Add(2 * time.Second)
	if l.Take("a") != 0 || l.Take("a") == 0 {
		t.Fatal("after a period exactly one more passes")
	}
}

func TestWhatIsGivenBackDoesNotCount(t *testing.T) {
	w := &watch{time.Unix(1000, 0)}
	l := New(w.now, Rate{PerSecond: 1, Burst: 1})
	for range 100 {
		if l.Take("a") != 0 {
			t.Fatal("a successful try was counted")
		}
		l.Give("a")
	}
}

func TestMemoryStaysBounded(t *testing.T) {
	w := &watch{time.Unix(1000, 0)}
	l := New(w.now, Rate{PerSecond: 1000, Burst: 1})
	for i := range 5 * maxKeys {
		l.Take(strconv.Itoa(i))
		if i%1000 == 0 {
			w.t = w.t.Add(time.Second)
		}
	}
	if len(l.next) > 2*maxKeys {
		t.Fatalf("%d keys are held", len(l.next))
	}
}
