package userserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chancery-im/chancery/internal/notify"
	"github.com/chancery-im/chancery/storage/storagetest"
	"github.com/chancery-im/chancery/userserver"
)

// square is a town whose people see each other come and go.
type square struct {
	*town
	count *notify.Count
	rung  []string
}

func eachSquare(t *testing.T, story func(q *square)) {
	each(t, func(w *town) {
		q := &square{town: w}
		q.begin(false)
		story(q)
	})
}

// begin makes the core anew; its timer is the test's to call.
func (q *square) begin(off bool) {
	bell := notify.NewBell()
	bell.Listen(func(r notify.Ring) { q.rung = append(q.rung, r.Presence...) })
	q.count = &notify.Count{}
	q.users = userserver.New(userserver.Options{DB: q.db, ServerName: storagetest.ServerName, Clock: q.clock.now, Log: quiet(),
		Bell: bell, Count: q.count, NoPresence: off})
	q.users.SetRooms(q.rooms)
}

// passes lets time go by, and what it brings happen.
func (q *square) passes(d time.Duration) {
	q.clock.pass(d)
	q.users.Lapse()
}

func (q *square) session(user, device string) userserver.Session {
	q.Helper()
	return q.knows(q.login(user, userserver.LoginOptions{Device: device}).Access)
}

func (q *square) polls(s userserver.Session, state string) (end func()) {
	q.Helper()
	end, err := q.users.BeginSync(s, state)
	q.must(err)
	return end
}

// sees checks a user's presence, and how many changes others have been told of.
func (q *square) sees(user, state string, changes int) {
	q.Helper()
	c := q.users.Presence(user).Content(q.clock.now().UnixMilli())
	if c.Presence != state || len(q.rung) != changes {
		q.Errorf("%s is %s after %d changes (%v); wanted %s after %d", user, c.Presence, len(q.rung), q.rung, state, changes)
	}
	if c.CurrentlyActive != (state == "online") {
		q.Errorf("%s is %s, and currently active is %v", user, state, c.CurrentlyActive)
	}
}

func TestTheMostPresentDeviceCounts(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice := q.register("alice")
		phone, laptop, tablet := q.session(alice, "phone"), q.session(alice, "laptop"), q.session(alice, "tablet")
		q.sees(alice, "offline", 0)
		q.polls(tablet, "offline")()
		q.sees(alice, "offline", 0)
		endPhone := q.polls(phone, "unavailable")
		q.sees(alice, "unavailable", 1)
		endLaptop := q.polls(laptop, "")
		q.sees(alice, "online", 2)
		for range 5 {
			q.polls(phone, "unavailable")() // a second request of the same device
			q.polls(laptop, "online")()
		}
		q.sees(alice, "online", 2)
		endLaptop()
		q.passes(29 * time.Second)
		q.sees(alice, "online", 2)
		q.passes(2 * time.Second)
		q.sees(alice, "unavailable", 3)
		q.passes(time.Hour) // its request still runs
		q.sees(alice, "unavailable", 3)
		endPhone()
		q.passes(31 * time.Second)
		q.sees(alice, "offline", 4)
		_, err := q.users.BeginSync(phone, "busy as a bee")
		q.refused(err, "M_INVALID_PARAM")
	})
}

func TestWhoDoesNothingIdlesAndWhoDoesSomethingIsBack(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice := q.register("alice")
		phone, laptop := q.session(alice, "phone"), q.session(alice, "laptop")
		end := q.polls(phone, "online")
		q.polls(laptop, "online")
		q.passes(4 * time.Minute)
		q.users.Active(laptop)
		q.passes(2 * time.Minute)
		q.sees(alice, "online", 1)
		q.passes(3 * time.Minute)
		q.sees(alice, "unavailable", 2)
		if ago := *q.users.Presence(alice).Content(q.clock.now().UnixMilli()).LastActiveAgo; ago != (5 * time.Minute).Milliseconds() {
			t.Errorf("last active %d ms ago", ago)
		}
		q.users.Active(phone)
		q.sees(alice, "online", 3)
		end()
		q.must(q.users.SetPresence(ctx, laptop, "offline", ""))
		q.passes(time.Minute)
		q.sees(alice, "offline", 4)
		q.users.Active(laptop) // it does not want to be seen
		q.sees(alice, "offline", 4)
	})
}

func TestAMessageIsKeptAndAnOldOneIsNoNews(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice := q.register("alice")
		phone := q.session(alice, "phone")
		q.must(q.users.SetPresence(ctx, phone, "online", "In a meeting"))
		q.sees(alice, "online", 1)
		before := q.count.Now()
		q.must(q.users.SetPresence(ctx, phone, "online", "In a meeting"))
		q.sees(alice, "online", 1)
		q.must(q.users.SetPresence(ctx, phone, "online", "Back"))
		q.sees(alice, "online", 2)
		if list := q.users.PresenceChanges(before, q.count.Now()); len(list) != 1 || list[0].Status != "Back" {
			t.Errorf("the changes are %+v", list)
		}
		for _, bad := range []string{strings.Repeat("x", 513), "a\x00b"} {
			if q.users.SetPresence(ctx, phone, "online", bad) == nil {
				t.Errorf("a message of %d bytes was taken", len(bad))
			}
		}
		q.refused(q.users.SetPresence(ctx, phone, "away", ""), "M_INVALID_PARAM")
		q.passes(10 * time.Second)
		q.must(q.users.Close())

		q.begin(false)
		q.must(q.users.Start(ctx))
		defer q.users.Close()
		q.clock.pass(10 * time.Second)
		got := q.users.Presence(alice).Content(q.clock.now().UnixMilli())
		if got.Presence != "offline" || got.Status != "Back" || *got.LastActiveAgo != 20_000 || got.CurrentlyActive {
			t.Errorf("after a restart: %+v", got)
		}
		if all := q.users.PresenceOfAll(); len(all) != 1 {
			t.Errorf("there is something to say of %+v", all)
		}
	})
}

func TestAKilledServerKnowsWhoWasThere(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice, bob := q.register("alice"), q.register("bob")
		q.must(q.users.SetPresence(ctx, q.session(alice, "phone"), "unavailable", "Back soon"))
		q.polls(q.session(bob, "phone"), "online")
		q.must(q.users.SetPresence(ctx, q.session(alice, "phone"), "online", "Back soon"))

		since := q.clock.now().UnixMilli()
		q.clock.pass(time.Minute)
		q.begin(false) // without Close
		q.must(q.users.Start(ctx))
		defer q.users.Close()
		if list := q.users.PresenceSince(since); len(list) != 2 {
			t.Errorf("%+v were there", list)
		}
		if list := q.users.PresenceSince(since + 1); len(list) != 1 || list[0].Status != "Back soon" {
			t.Errorf("%+v are to be told of", list)
		}
	})
}

func TestNothingIsLeftOfADeactivatedUser(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice := q.register("alice")
		phone := q.session(alice, "phone")
		end := q.polls(phone, "online")
		q.must(q.users.SetPresence(ctx, phone, "online", "Here I am"))
		q.must(q.users.Deactivate(ctx, alice, false))
		q.sees(alice, "offline", 3)
		end()
		q.must(q.users.Close())
		q.begin(false)
		q.must(q.users.Start(ctx))
		defer q.users.Close()
		if all := q.users.PresenceSince(0); len(all) != 0 {
			t.Errorf("%+v is left", all)
		}
	})
}

func TestPresenceThatIsOffTellsNothing(t *testing.T) {
	eachSquare(t, func(q *square) {
		alice := q.register("alice")
		phone := q.session(alice, "phone")
		q.begin(true)
		q.must(q.users.Start(ctx))
		q.must(q.users.SetPresence(ctx, phone, "online", "Here I am"))
		q.polls(phone, "online")
		q.users.Active(phone)
		q.sees(alice, "offline", 0)
		if len(q.users.PresenceSince(0)) != 0 || len(q.users.PresenceOfAll()) != 0 {
			t.Error("somebody is told of")
		}
		q.must(q.users.Close())
	})
}

// TestTheClockServesThousands: whose turn it is, is found without looking at all.
func TestTheClockServesThousands(t *testing.T) {
	w := newTown(t, storagetest.SQLite(t))
	q := &square{town: w}
	q.begin(false)
	const people = 3000
	for i := range people {
		end := q.polls(userserver.Session{User: fmt.Sprintf("@u%d:%s", i, storagetest.ServerName), Device: "d"}, "online")
		if i%2 == 0 {
			end()
		}
		q.clock.pass(10 * time.Millisecond)
	}
	// All were online for 30 s at most: those who are gone go one after the other.
	q.passes(0)
	q.rung = nil
	for range 100 {
		q.passes(100 * time.Millisecond)
	}
	if n := len(q.rung); n != 500 {
		t.Errorf("%d went in 10 s, one each 20 ms", n)
	}
	q.passes(time.Minute)
	q.passes(5 * time.Minute)
	if all := q.users.PresenceOfAll(); len(all) != people/2 {
		t.Errorf("%d are there", len(all))
	}
	q.must(q.users.Close())
}
