package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chancery-im/chancery/homeserver"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// movedClock is a clock that a story moves.
type movedClock struct{ ms atomic.Int64 }

func (c *movedClock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *movedClock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func TestAGatewayThatFailsIsTriedAgainWhenItsTimeHasCome(t *testing.T) {
	storagetest.EachPlace(t, func(t *testing.T, p storagetest.Place) {
		clock := &movedClock{}
		clock.ms.Store(time.Now().UnixMilli())
		s := serveAs(t, p, homeserver.Options{Clock: clock.now}, pushing)
		anna, ben, room, g := pushed(s)
		g.says(502, 429, 500)
		first := anna.says(room, "one")
		s.is("the first attempt", g.hearsOf().EventID, first)
		second := anna.says(room, "two")
		for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			// What happens in the room makes the worker look at the clock.
			again := make(chan struct{})
			go func() {
				for {
					select {
					case <-again:
						return
					default:
						clock.advance(wait / 8)
						ben.call("PUT", "/rooms/"+room+"/typing/"+ben.id, map[string]any{"typing": true, "timeout": 1000})
					}
				}
			}()
			s.is("the next attempt", g.hearsOf().EventID, first)
			close(again)
		}
		s.is("then the next message", g.hearsOf().EventID, second)
	})
}

func TestARejectedPushkeyIsForgotten(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		ben.setsPusher(pusher("tablet", g.url)).ok(nil)
		g.says(`{"rejected":["phone","tablet"]}`, `{"rejected":["phone","tablet"]}`)
		anna.says(room, "hello")
		g.hearsOf()
		g.hearsOf()
		s.settles("pushers", func() string { return ben.keys() }, "")
		ben.setsPusher(pusher("new", g.url)).ok(nil)
		anna.says(room, "again")
		s.is("who is told", g.hearsOf().Devices[0].Key, "new")
	})
}

// settles waits until what the server does in the background is done.
func (s *server) settles(what string, got func() string, want string) {
	s.t.Helper()
	is := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if is = got(); is == want {
			return
		}
	}
	s.is(what, is, want)
}

func TestWhatAGatewayDoesNotTakeIsNotSentAgain(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, _, room, g := pushed(s)
		g.says(400)
		bad, good := anna.says(room, "one"), anna.says(room, "two")
		s.is("refused", g.hearsOf().EventID, bad)
		s.is("and then", g.hearsOf().EventID, good)
	})
}

func TestWhatWasReadOrTakenBackMeanwhileIsNotPushed(t *testing.T) {
	eachPushing(t, func(s *server) {
		anna, ben, room, g := pushed(s)
		g.says(502)
		first := anna.says(room, "one")
		s.is("the first attempt", g.hearsOf().EventID, first)
		ben.call("POST", "/rooms/"+room+"/receipt/m.read/"+first, map[string]any{}).ok(nil)
		gone := anna.says(room, "two")
		anna.call("PUT", "/rooms/"+room+"/redact/"+gone+"/r1", map[string]any{}).ok(nil)
		left := anna.says(room, "three")
		s.is("what comes of it", g.hearsOf().EventID, left)
	})
}

func TestADeadGatewayHoldsUpNobodyElse(t *testing.T) {
	eachPushing(t, func(s *server) {
		over := make(chan struct{})
		dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
		t.Cleanup(dead.Close)
		t.Cleanup(func() { close(over) })
		anna, ben, room, g := pushed(s)
		for i := range 60 {
			ben.setsPusher(pusher(fmt.Sprint("dead", i), dead.URL+"/_matrix/push/v1/notify")).ok(nil)
		}
		for range 3 {
			id := anna.says(room, "hello")
			s.is("the other gateway", g.hearsOf().EventID, id)
		}
	})
}

const pushingConfig = `push:
  mode: open
egress:
  allow_networks: [127.0.0.1]
`

func TestNoNotificationIsLostWhenTheServerIsKilled(t *testing.T) {
	p := run(t, pushingConfig)
	s := &server{t: t, url: p.url()}
	anna, _, room, g := pushed(s)
	for range 100 {
		g.says(503)
	}
	var sent []string
	for i := range 5 {
		sent = append(sent, anna.says(room, fmt.Sprint(i)))
	}
	s.is("an attempt", g.hearsOf().EventID, sent[0])
	p.kill()
	g.mu.Lock()
	g.answers = nil
	g.mu.Unlock()
	p.start()
	for i := 0; i < len(sent); {
		switch n := g.hearsOf(); {
		case n.EventID == sent[i]:
			i++
		case i > 0 && n.EventID == sent[i-1]:
		case i == 0:
			t.Fatalf("heard %s first", n.raw)
		default:
			t.Fatalf("heard %s, not message %d", n.raw, i)
		}
	}
}
