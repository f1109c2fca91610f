package main

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// syncs: the first sync of somebody in 500 rooms, and syncs with nothing new.
func (r *loadRun) syncs(ctx context.Context) error {
	const rooms, messages, neighbours = 500, 20, 5
	owner, err := register(ctx, r.srv.base(), "landlord")
	if err != nil {
		return err
	}
	reader, err := register(ctx, r.srv.base(), "tenant")
	if err != nil {
		return err
	}
	others, err := r.guests(ctx, 40)
	if err != nil {
		return err
	}
	err = parallel(ctx, 8, rooms, func(ctx context.Context, _, i int) error {
		room, err := owner.createRoom(ctx, map[string]any{"preset": "public_chat", "name": "Room " + strconv.Itoa(i), "initial_state": []any{
			map[string]any{"type": "m.room.guest_access", "content": map[string]string{"guest_access": "can_join"}}}})
		if err != nil {
			return err
		}
		for n := range neighbours {
			if err := others[(i+n)%len(others)].join(ctx, room); err != nil {
				return err
			}
		}
		if err := reader.join(ctx, room); err != nil {
			return err
		}
		for n := range messages {
			if _, err := others[i%len(others)].send(ctx, room, fmt.Sprintf("f%d.%d", i, n), "line "+strconv.Itoa(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	m := r.meter(fmt.Sprintf("first sync of %d rooms", rooms))
	since := ""
	for range 30 {
		if err := m.time(func() error { since, err = reader.look(ctx, "", 0); return err }); err != nil {
			return err
		}
	}
	m.print()
	m = r.meter("sync with nothing new")
	for range 3000 {
		if err := m.time(func() error { since, err = reader.look(ctx, since, 0); return err }); err != nil {
			return err
		}
	}
	m.print()
	return nil
}

// look is a sync as a client without a filter asks it; it returns the next token only.
func (c *client) look(ctx context.Context, since string, wait time.Duration) (string, error) {
	var out struct {
		Next string `json:"next_batch"`
	}
	path := fmt.Sprintf("/_matrix/client/v3/sync?timeout=%d", wait.Milliseconds())
	if since != "" {
		path += "&since=" + url.QueryEscape(since)
	}
	return out.Next, c.do(ctx, "GET", path, nil, &out)
}

// fanout: from one send to everybody who long-polls.
func (r *loadRun) fanout(ctx context.Context) error {
	for _, c := range []struct{ members, perSecond, seconds int }{{100, 20, 15}, {1000, 2, 15}} {
		if err := r.fan(ctx, c.members, c.perSecond, c.seconds); err != nil {
			return err
		}
	}
	return nil
}

func (r *loadRun) fan(ctx context.Context, members, perSecond, seconds int) error {
	owner, err := register(ctx, r.srv.base(), "speaker"+strconv.Itoa(members))
	if err != nil {
		return err
	}
	room, err := owner.createRoom(ctx, guestRoom)
	if err != nil {
		return err
	}
	people, err := r.guests(ctx, members)
	if err != nil {
		return err
	}
	if err := parallel(ctx, 16, members, func(ctx context.Context, _, i int) error { return people[i].join(ctx, room) }); err != nil {
		return err
	}
	tokens := make([]string, members)
	if err := parallel(ctx, 16, members, func(ctx context.Context, _, i int) (err error) {
		tokens[i], err = people[i].look(ctx, "", 0)
		return err
	}); err != nil {
		return err
	}
	total := perSecond * seconds
	poll, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	m := r.meter(fmt.Sprintf("delivery to %d members, %d/s", members, perSecond))
	var got atomic.Int64
	done := make(chan struct{})
	for i, p := range people {
		wg.Go(func() { p.receives(poll, tokens[i], m, &got, int64(total*members), done) })
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for n := range total {
		<-tick.C
		if _, err := owner.send(ctx, room, "f"+strconv.Itoa(n), "at "+strconv.FormatInt(time.Now().UnixNano(), 10)); err != nil {
			return err
		}
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		return fmt.Errorf("only %d of %d messages were delivered within a minute", got.Load(), total*members)
	}
	m.print()
	stop()
	wg.Wait()
	return nil
}

var guestRoom = map[string]any{"preset": "public_chat", "initial_state": []any{
	map[string]any{"type": "m.room.guest_access", "content": map[string]string{"guest_access": "can_join"}}}}

// receives long-polls and notes how long each message took to arrive.
func (c *client) receives(ctx context.Context, since string, m *meter, got *atomic.Int64, all int64, done chan struct{}) {
	for ctx.Err() == nil {
		out, err := c.sync(ctx, since, 30*time.Second)
		if err != nil {
			continue
		}
		now := time.Now()
		since = out.Next
		for _, room := range out.Rooms.Join {
			for _, e := range room.Timeline.Events {
				at, ok := strings.CutPrefix(e.Content.Body, "at ")
				if !ok {
					continue
				}
				nanos, _ := strconv.ParseInt(at, 10, 64)
				m.mu.Lock()
				m.times = append(m.times, now.Sub(time.Unix(0, nanos)))
				m.mu.Unlock()
				if got.Add(1) == all {
					close(done)
				}
			}
		}
	}
}

// idle: memory of long-polls that wait.
func (r *loadRun) idle(ctx context.Context) error {
	const n = 4000
	people, err := r.guests(ctx, n)
	if err != nil {
		return err
	}
	tokens := make([]string, n)
	if err := parallel(ctx, 16, n, func(ctx context.Context, _, i int) (err error) {
		tokens[i], err = people[i].look(ctx, "", 0)
		return err
	}); err != nil {
		return err
	}
	runtime.GC()
	pid := r.srv.cmd.Process.Pid
	before := settled(pid)
	poll, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i, p := range people {
		own := &client{base: p.base, token: p.token, http: newHTTP()}
		wg.Go(func() { _, _ = own.look(poll, tokens[i], 5*time.Minute) })
		if i%50 == 49 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	after := settled(pid)
	start, wait := cpu(pid), 5*time.Second
	time.Sleep(wait)
	fmt.Printf("%-34s %7d polls  %5.1f KiB each (resident, %.1f to %.1f MB)  server CPU %.2f %% of a core\n", "idle long-polls", n,
		float64(after-before)/1024/float64(n), float64(before)/1e6, float64(after)/1e6, 100*(cpu(pid)-start).Seconds()/wait.Seconds())
	stop()
	wg.Wait()
	return nil
}

// settled is a process's resident memory once it has stopped moving: the least while it
// is watched. The runtime collects by itself after two minutes at the latest, and gives
// back little by little.
func settled(pid int) int64 {
	var seen []int64
	for range 180 {
		time.Sleep(time.Second)
		seen = append(seen, resident(pid))
	}
	return slices.Min(seen)
}
