package push

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

var start = time.UnixMilli(1_700_000_000_000)

func pusherAt(id int64, host string) *ref {
	return &ref{id: id, user: fmt.Sprint("@u", id, ":example.org"), host: host}
}

func doubling(failures int) time.Duration { return time.Second << (failures - 1) }

func TestAPusherSendsOneAtATimeAndManyPushersAtOnce(t *testing.T) {
	ls := newLines()
	for id := range int64(10) {
		ls.add(pusherAt(id, "a"), 3, start)
	}
	jobs, _ := ls.next(start)
	if len(jobs) != 10 {
		t.Fatalf("%d pushers send", len(jobs))
	}
	ls.add(jobs[0].ref, 1, start)
	if more, _ := ls.next(start); len(more) != 0 {
		t.Fatalf("%d send twice at a time", len(more))
	}
	ls.settle(jobs[0], result{done: 1, shown: -1}, start, doubling)
	if more, _ := ls.next(start); len(more) != 1 || more[0].ref.id != jobs[0].ref.id {
		t.Fatalf("what was added while it was sending is not sent: %v", more)
	}
}

func TestADeadGatewayGetsOneAttemptAtATime(t *testing.T) {
	ls := newLines()
	for id := range int64(100) {
		ls.add(pusherAt(id, "dead"), 1, start)
	}
	ls.add(pusherAt(1000, "good"), 1, start)
	jobs, _ := ls.next(start)
	if len(jobs) != PerHost+1 {
		t.Fatalf("%d at first", len(jobs))
	}
	broken := errors.New("no answer")
	for _, j := range jobs {
		if j.host == "dead" {
			ls.settle(j, result{err: broken, down: true, shown: -1}, start, doubling)
		}
	}
	jobs, _ = ls.next(start)
	if len(jobs) != whenDown {
		t.Fatalf("%d while it is down", len(jobs))
	}
	if !ls.settle(jobs[0], result{asked: true, shown: -1}, start, doubling) {
		t.Error("nobody is told that it works again")
	}
	if jobs, _ = ls.next(start); len(jobs) != PerHost {
		t.Errorf("%d once it works again", len(jobs))
	}
}

func TestFailuresMakeThePauseLonger(t *testing.T) {
	ls := newLines()
	ls.add(pusherAt(1, "a"), 1, start)
	now := start
	for n := 1; n < 5; n++ {
		jobs, _ := ls.next(now)
		if len(jobs) != 1 {
			t.Fatalf("attempt %d: %d jobs", n, len(jobs))
		}
		ls.settle(jobs[0], result{err: errors.New("x"), asked: true, shown: -1}, now, doubling)
		ls.add(jobs[0].ref, 1, now) // does not hurry it
		early, wait := ls.next(now.Add(doubling(n) - 1))
		if len(early) != 0 || wait != 1 {
			t.Fatalf("attempt %d: %d jobs too early, %v left", n, len(early), wait)
		}
		now = now.Add(doubling(n))
	}
}

func TestBackoffIsBounded(t *testing.T) {
	w := &Worker{o: Options{Rand: zeros{}}}
	for n, want := range map[int]time.Duration{1: time.Second / 2, 2: time.Second, 3: 2 * time.Second, 12: 1024 * time.Second, 13: lastRetry / 2, math.MaxInt: lastRetry / 2} {
		if d := w.backoff(n); d != want {
			t.Errorf("after %d failures %v, wanted %v", n, d, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestTheNumberOfUnreadIsToldOnceForManyReceipts(t *testing.T) {
	ls, r := newLines(), pusherAt(1, "a")
	if !ls.wantsBadge(r) {
		t.Error("what the app shows is not known")
	}
	ls.addBadge(r, start)
	if ls.wantsBadge(r) {
		t.Error("one is queued already")
	}
	if jobs, wait := ls.next(start); len(jobs) != 0 || wait != badgeWait {
		t.Errorf("%d jobs at once, %v left", len(jobs), wait)
	}
	jobs, _ := ls.next(start.Add(badgeWait))
	if len(jobs) != 1 || !ls.wantsBadge(r) {
		t.Errorf("%d jobs; one that comes while it is sent must be told too", len(jobs))
	}
	ls.settle(jobs[0], result{shown: 0, done: 1}, start, doubling)
	if ls.wantsBadge(r) {
		t.Error("the app shows none, and none can become less")
	}
}

func TestANewMessageDoesNotWaitForANumber(t *testing.T) {
	ls, r := newLines(), pusherAt(1, "a")
	ls.addBadge(r, start)
	ls.add(r, 1, start)
	if jobs, _ := ls.next(start); len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
}

func TestTooManyNotificationsAreTrimmed(t *testing.T) {
	ls, r := newLines(), pusherAt(1, "a")
	full := 0
	for range maxQueue + slack + 1 {
		if ls.add(r, 1, start) {
			full++
		}
	}
	if full != 1 {
		t.Errorf("trimmed %d times", full)
	}
}

func TestAPusherThatIsGoneIsNotPutBack(t *testing.T) {
	ls, r := newLines(), pusherAt(1, "a")
	ls.add(r, 1, start)
	jobs, _ := ls.next(start)
	ls.forget(r.id)
	ls.settle(jobs[0], result{err: errors.New("x"), shown: 3}, start, doubling)
	if jobs, _ := ls.next(start.Add(time.Hour)); len(jobs) != 0 || len(ls.byID) != 0 || len(ls.shown) != 0 {
		t.Errorf("%d jobs, %d lines, %d numbers", len(jobs), len(ls.byID), len(ls.shown))
	}
}
