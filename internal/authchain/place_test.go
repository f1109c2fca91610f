package authchain

import (
	"errors"
	"slices"
	"testing"
)

func TestPlaceLeavesOutEventsThatHaveAPosition(t *testing.T) {
	r := newRoom(t)
	create := r.add(0)
	member := r.add(0, create)
	batch := slices.Clone(r.events)
	r.place(0)
	chains := r.chains
	placed, links, err := Place(ctx, r.idx, r.alloc, append(batch, NewEvent{3, []int64{member}, member}, NewEvent{3, []int64{member}, member}))
	if err != nil || len(placed) != 1 || len(links) != 0 || placed[0].NID != 3 || r.chains != chains {
		t.Fatalf("%v, %v, %v", placed, links, err)
	}
	placed, links, err = Place(ctx, r.idx, nil, batch)
	if err != nil || placed != nil || links != nil {
		t.Fatalf("%v, %v, %v", placed, links, err)
	}
}

func TestPlaceRefusesEventsInTheWrongOrderOrWithoutTheirAuthEvents(t *testing.T) {
	r := newRoom(t)
	_, _, err := Place(ctx, r.idx, r.alloc, []NewEvent{{2, []int64{1}, 0}, {1, nil, 0}})
	if !errors.Is(err, ErrOrder) {
		t.Fatalf("wrong order: %v", err)
	}
	if _, _, err = Place(ctx, r.idx, r.alloc, []NewEvent{{1, []int64{1}, 0}}); !errors.Is(err, ErrOrder) {
		t.Fatalf("its own auth event: %v", err)
	}
	if _, _, err = Place(ctx, r.idx, r.alloc, []NewEvent{{2, []int64{1}, 0}}); !errors.Is(err, ErrUnplaced) {
		t.Fatalf("unknown auth event: %v", err)
	}
	if _, err = Reach(ctx, r.idx, []int64{9}); !errors.Is(err, ErrUnplaced) {
		t.Fatalf("unknown event: %v", err)
	}
	full := errors.New("full")
	if _, _, err = Place(ctx, r.idx, func(int) (int64, error) { return 0, full }, []NewEvent{{1, nil, 0}}); err != full {
		t.Fatalf("alloc: %v", err)
	}
}

func TestAJoinLinksToPowerLevelsAndJoinRulesOnly(t *testing.T) {
	r := newRoom(t)
	create := r.add(0)
	admin := r.add(0, create)
	power := r.add(0, create, admin)
	rules := r.add(0, create, admin, power)
	r.place(0)
	join := r.add(0, create, power, rules)
	if n := r.place(0); n != 1 {
		t.Fatalf("a join made %d links, the join rules imply the others", n)
	}
	power = r.add(power, create, admin, power)
	if n := r.place(0); n != 0 {
		t.Fatalf("new power levels made %d links", n)
	}
	rejoin := r.add(join, create, power, rules, join)
	if n := r.place(0); n != 1 {
		t.Fatalf("a profile change made %d links", n)
	}
	r.add(rejoin, create, power, rules, rejoin)
	if n := r.place(0); n != 0 {
		t.Fatalf("the next one made %d", n)
	}
}

func TestRemovedEventsLeaveNoTrace(t *testing.T) {
	r := lively(t, seeded(3), 120)
	n := len(r.auth)
	r.place(0)
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i + 1)
	}
	r.idx.Remove(all[n/2:])
	if r.idx.Len() != n/2 {
		t.Fatalf("%d events are left", r.idx.Len())
	}
	for e := int64(1); e <= int64(n/2); e++ {
		cover, err := Reach(ctx, r.idx, []int64{e})
		if err != nil || len(r.covered(cover)) != len(r.walk(e)) {
			t.Fatalf("Reach(%d) = %v, %v", e, cover, err)
		}
	}
	r.idx.Remove(all)
	if r.idx.Len() != 0 || len(r.idx.chains) != 0 || len(r.idx.at) != 0 {
		t.Fatalf("left: %+v", r.idx)
	}
}
