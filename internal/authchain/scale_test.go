package authchain

import (
	"slices"
	"testing"
)

// large makes a room of n members: most join by themselves, some are invited, the power levels change every 1,000
// members and are sent by one of 20 admins, and every tenth member has changed its profile.
func large(t testing.TB, n int) (r *room, members []int64) {
	r = newRoom(t)
	create := r.add(0)
	admin := r.add(0, create)
	power := r.add(0, create, admin)
	rules := r.add(0, create, admin, power)
	members = append(members, admin)
	for i := 1; i < n; i++ {
		var m int64
		if i%4 == 0 {
			invite := r.add(0, create, power, rules, members[i%20%len(members)])
			m = r.add(invite, create, power, rules, invite)
		} else {
			m = r.add(0, create, power, rules)
		}
		if i%10 == 0 {
			m = r.add(m, create, power, rules, m)
		}
		members = append(members, m)
		if i%1000 == 0 {
			power = r.add(power, create, power, members[i/1000%20])
		}
		if i%10_000 == 0 {
			rules = r.add(rules, create, power, rules, members[0])
		}
	}
	return r, members
}

func TestARoomOf100000MembersHasSmallCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("large room")
	}
	r, members := large(t, 100_000)
	n := len(r.auth)
	links := r.place(0)
	t.Logf("%d events, %d chains, %d links (%.2f an event)", n, r.chains, links, float64(links)/float64(n))
	if links > 2*n {
		t.Errorf("%d links for %d events", links, n)
	}
	largest := 0
	for _, m := range members[len(members)-200:] {
		cover, err := Reach(ctx, r.idx, []int64{m})
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(cover))
	}
	t.Logf("the largest of 200 covers has %d chains", largest)
	if largest > 40 {
		t.Errorf("a member rests on %d chains", largest)
	}
	before := *r.trips
	if _, err := Reach(ctx, r.trips, members[len(members)-5:]); err != nil {
		t.Fatal(err)
	}
	if trips := r.trips.links - before.links; trips > 6 {
		t.Errorf("Reach took %d round trips", trips)
	}
}

// F26: an auth chain 100,000 deep.
func TestADepthOf100000CostsNothingWhenItIsOneStateKey(t *testing.T) {
	r := newRoom(t)
	last := r.add(0)
	for range 100_000 {
		last = r.add(last, last)
	}
	if links := r.place(0); links != 0 || r.chains != 1 {
		t.Fatalf("%d links, %d chains", links, r.chains)
	}
	diff, err := Difference(ctx, r.idx, [][]int64{{last}, {last - 3}})
	if err != nil || !slices.Equal(diff, []int64{last - 2, last - 1, last}) {
		t.Fatalf("%v, %v", diff, err)
	}
}

// wide makes layers of events of which each has the whole layer before as auth events.
func wide(t testing.TB, width, depth int) (r *room, last []int64) {
	r = newRoom(t)
	last = []int64{r.add(0)}
	for range depth {
		layer := make([]int64, width)
		for i := range layer {
			layer[i] = r.add(last[min(i, len(last)-1)], last...)
		}
		last = layer
	}
	return r, last
}

// F26: width 10, depth 5,000.
func TestAWideAndDeepGraphHasFewChainsAndBoundedLinks(t *testing.T) {
	r, last := wide(t, 10, 5000)
	n := len(r.auth)
	if links := r.place(100); links > 10*n || r.chains > 20 {
		t.Fatalf("%d links and %d chains for %d events", links, r.chains, n)
	}
	r.trips.rows = 0
	cover, err := Reach(ctx, r.trips, last)
	if err != nil || len(r.covered(cover)) != n {
		t.Fatalf("%d of %d events, %v", len(r.covered(cover)), n, err)
	}
	if r.trips.rows > 1000 {
		t.Errorf("Reach read %d links", r.trips.rows)
	}
	r.trips.rows = 0
	between, err := Subgraph(ctx, r.trips, []int64{last[0], last[1] - 20})
	if err != nil || len(between) != 12 {
		t.Fatalf("between two events two layers apart are %d, %v", len(between), err)
	}
	if r.trips.rows > 2000 {
		t.Errorf("Subgraph read %d links", r.trips.rows)
	}
}

// ladder makes power levels that always fork, the dead branch first: each rung needs a chain of its own.
func ladder(t testing.TB, rungs int) (r *room, last int64) {
	r = newRoom(t)
	last = r.add(0)
	for range rungs {
		r.add(last, last)
		last = r.add(last, last)
	}
	return r, last
}

func TestALadderOfForksIsPlacedInBoundedTime(t *testing.T) {
	r, last := ladder(t, 2000)
	if links := r.place(10); links > 2*2000 {
		t.Fatalf("%d links", links)
	}
	cover, err := Reach(ctx, r.trips, []int64{last})
	if err != nil || len(cover) != 2001 {
		t.Fatalf("%d chains, %v", len(cover), err)
	}
	if n := len(r.covered(cover)); n != 2001 {
		t.Fatalf("%d events, the dead branches are not among the 2001", n)
	}
	if r.trips.links > 100 {
		t.Errorf("Reach took %d round trips", r.trips.links)
	}
	diff, err := Difference(ctx, r.trips, [][]int64{{last}, {last - 2}})
	if err != nil || !slices.Equal(diff, []int64{last}) {
		t.Fatalf("%v, %v", diff, err)
	}
}

// forks makes a room of 5,000 members with 50 branches of state that each change 2,000/50 members.
func forks(t testing.TB) (r *room, sets [][]int64, common []int64) {
	r, members := large(t, 5000)
	create, rules := int64(1), int64(4)
	power := int64(3)
	touched := map[int]bool{}
	for b := range 50 {
		forked := r.add(power, create, power, members[0])
		set := []int64{forked}
		for i := range 40 {
			who := 1000 + b*40 + i
			touched[who] = true
			set = append(set, r.add(members[who], create, forked, rules, members[who]))
		}
		sets = append(sets, set)
	}
	for b := range sets {
		for i := range 2000 {
			if i/40 != b {
				sets[b] = append(sets[b], members[1000+i])
			}
		}
	}
	for i, m := range members {
		if !touched[i] {
			common = append(common, m)
		}
	}
	return r, sets, common
}

// F26: 2,000 conflicted members in 50 forks.
func Test2000ConflictedMembersIn50ForksAreResolvedInBoundedWork(t *testing.T) {
	r, sets, common := forks(t)
	r.place(0)
	diff, err := DifferenceOver(ctx, r.trips, list{common, new(int)}, sets)
	if err != nil || len(diff) < 50+2000 || len(diff) > 3*2050 {
		t.Fatalf("%d events, %v", len(diff), err)
	}
	t.Logf("difference %d events, %d round trips, %d links read", len(diff), r.trips.links, r.trips.rows)
	*r.trips = counting{Index: r.idx}
	conflicted := conflictedOf(sets)
	between, err := Subgraph(ctx, r.trips, conflicted)
	if err != nil || len(between) < len(conflicted) {
		t.Fatalf("%d events, %v", len(between), err)
	}
	t.Logf("%d conflicted, subgraph %d events, %d+%d round trips, %d links read",
		len(conflicted), len(between), r.trips.links, r.trips.within, r.trips.rows)
}

// A fork of one membership in a room of 100,000 does not read the 100,000 that are not concerned.
func TestASmallForkInALargeRoomLooksOnlyAtWhatCameAfterIt(t *testing.T) {
	r, members := large(t, 100_000)
	create, power, rules := int64(1), int64(3), int64(4)
	victim := members[99_000]
	ban := r.add(victim, create, power, members[0], victim)
	rename := r.add(victim, create, power, rules, victim)
	r.place(0)
	asked := 0
	common := append(slices.Clone(members[:99_000]), members[99_001:]...)
	diff, err := DifferenceOver(ctx, r.trips, list{common, &asked}, [][]int64{{ban}, {rename}})
	if err != nil || !slices.Equal(diff, []int64{ban, rename}) {
		t.Fatalf("%v, %v", diff, err)
	}
	if asked > 10 || r.trips.rows > 100 {
		t.Errorf("%d common events looked at, %d links read", asked, r.trips.rows)
	}
}

func conflictedOf(sets [][]int64) []int64 {
	all := slices.Concat(sets...)
	slices.Sort(all)
	return slices.Compact(all)
}

// A row of users of whom each invites the next makes a chain per user, too.
func TestARowOfInvitationsTakesFewRoundTrips(t *testing.T) {
	r := newRoom(t)
	create := r.add(0)
	sender := r.add(0, create)
	power := r.add(0, create, sender)
	rules := r.add(0, create, power, sender)
	for range 3000 {
		invite := r.add(0, create, power, rules, sender)
		sender = r.add(invite, create, power, rules, invite)
	}
	if links := r.place(1); links > 2*3000 {
		t.Fatalf("%d links", links)
	}
	cover, err := Reach(ctx, r.trips, []int64{sender})
	if err != nil || len(r.covered(cover)) != len(r.auth) {
		t.Fatalf("%d chains, %v", len(cover), err)
	}
	if r.trips.links > 150 {
		t.Errorf("Reach took %d round trips", r.trips.links)
	}
}
