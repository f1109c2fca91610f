package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// crowd registers n people.
func (r *loadRun) crowd(ctx context.Context, prefix string, n int) ([]*client, error) {
	people := make([]*client, n)
	err := parallel(ctx, min(n, 4), n, func(ctx context.Context, _, i int) (err error) {
		people[i], err = register(ctx, r.srv.base(), fmt.Sprintf("%s%d", prefix, i))
		return err
	})
	return people, err
}

// sends: acknowledged messages with 1 sender, 64 in one room, 64 in 64 rooms.
func (r *loadRun) sends(ctx context.Context) error {
	people, err := r.crowd(ctx, "sender", 64)
	if err != nil {
		return err
	}
	one, err := people[0].createRoom(ctx, map[string]any{"preset": "public_chat"})
	if err != nil {
		return err
	}
	own := make([]string, len(people))
	for i, c := range people {
		if i > 0 {
			if err := c.join(ctx, one); err != nil {
				return err
			}
		}
		if own[i], err = c.createRoom(ctx, map[string]any{"preset": "private_chat"}); err != nil {
			return err
		}
	}
	for _, s := range []struct {
		name    string
		workers int
		total   int
		room    func(w int) string
	}{
		{"send: 1 sender", 1, r.messages / 10, func(int) string { return one }},
		{"send: 64 senders, 1 room", 64, r.messages, func(int) string { return one }},
		{"send: 64 senders, 64 rooms", 64, r.messages, func(w int) string { return own[w] }},
	} {
		m := r.meter(s.name)
		err := parallel(ctx, s.workers, s.total, func(ctx context.Context, w, i int) error {
			return m.time(func() error {
				_, err := people[w].send(ctx, s.room(w), fmt.Sprintf("%s.%d", s.name, i), "a message of the length that people write, number "+strconv.Itoa(i))
				return err
			})
		})
		if err != nil {
			return err
		}
		m.print()
	}
	return nil
}

// createRooms: rooms made one after the other.
func (r *loadRun) createRooms(ctx context.Context) error {
	people, err := r.crowd(ctx, "maker", 4)
	if err != nil {
		return err
	}
	m := r.meter("createRoom: 4 makers")
	err = parallel(ctx, 4, 400, func(ctx context.Context, w, i int) error {
		return m.time(func() error {
			_, err := people[w].createRoom(ctx, map[string]any{"preset": "private_chat", "name": "Room " + strconv.Itoa(i)})
			return err
		})
	})
	if err == nil {
		m.print()
	}
	return err
}

// joins: a public room that grows to 10,000 members, who have no passwords.
func (r *loadRun) joins(ctx context.Context) error {
	owner, err := register(ctx, r.srv.base(), "owner")
	if err != nil {
		return err
	}
	room, err := owner.createRoom(ctx, map[string]any{"preset": "public_chat", "initial_state": []any{
		map[string]any{"type": "m.room.guest_access", "content": map[string]string{"guest_access": "can_join"}}}})
	if err != nil {
		return err
	}
	joined := 0
	for _, size := range []int{100, 1000, 10000} {
		people, err := r.guests(ctx, size-joined)
		if err != nil {
			return err
		}
		m := r.meter(fmt.Sprintf("join: up to %d members", size))
		err = parallel(ctx, 16, len(people), func(ctx context.Context, _, i int) error {
			return m.time(func() error { return people[i].join(ctx, room) })
		})
		if err != nil {
			return err
		}
		m.print()
		joined = size
	}
	return nil
}

// states: a message and a state change in rooms of several sizes.
func (r *loadRun) states(ctx context.Context) error {
	owner, err := register(ctx, r.srv.base(), "stateowner")
	if err != nil {
		return err
	}
	for _, text := range strings.Split(r.sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		room, err := owner.createRoom(ctx, map[string]any{"preset": "private_chat"})
		if err != nil {
			return err
		}
		fill := r.meter(fmt.Sprintf("state: filling %d entries", size))
		err = parallel(ctx, 32, size, func(ctx context.Context, _, i int) error {
			return fill.time(func() error {
				_, err := owner.state(ctx, room, "org.example.entry", "key"+strconv.Itoa(i), map[string]int{"n": i})
				return err
			})
		})
		if err != nil {
			return err
		}
		fill.print()
		for _, s := range []struct {
			name string
			op   func(i int) error
		}{
			{"message", func(i int) error {
				_, err := owner.send(ctx, room, fmt.Sprintf("s%d.%d", size, i), "hello")
				return err
			}},
			{"state change", func(i int) error {
				_, err := owner.state(ctx, room, "org.example.entry", "key"+strconv.Itoa(i%size), map[string]int{"n": -i - 1})
				return err
			}},
		} {
			m := r.meter(fmt.Sprintf("%s in a room of %d entries", s.name, size))
			err := parallel(ctx, 16, 2000, func(_ context.Context, _, i int) error { return m.time(func() error { return s.op(i) }) })
			if err != nil {
				return err
			}
			m.print()
		}
	}
	return nil
}

// paging: reading a history of messages backwards, 100 a page.
func (r *loadRun) paging(ctx context.Context) error {
	reader, err := register(ctx, r.srv.base(), "reader")
	if err != nil {
		return err
	}
	room, err := reader.createRoom(ctx, map[string]any{"preset": "private_chat"})
	if err != nil {
		return err
	}
	err = parallel(ctx, 32, 5000, func(ctx context.Context, _, i int) error {
		_, err := reader.send(ctx, room, "p"+strconv.Itoa(i), "line "+strconv.Itoa(i))
		return err
	})
	if err != nil {
		return err
	}
	m := r.meter("paging: 100 events a page")
	for range 4 {
		from := ""
		for {
			var out struct {
				Chunk []message `json:"chunk"`
				End   string    `json:"end"`
			}
			err := m.time(func() error {
				path := "/_matrix/client/v3/rooms/" + room + "/messages?dir=b&limit=100"
				if from != "" {
					path += "&from=" + from
				}
				return reader.do(ctx, "GET", path, nil, &out)
			})
			if err != nil {
				return err
			}
			if from = out.End; from == "" {
				break
			}
		}
	}
	m.print()
	return nil
}
