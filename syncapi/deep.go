package syncapi

import (
	"context"
	"sync"
)

// deep runs work that needs a deep stack on goroutines of its own. A goroutine keeps
// the largest stack that it ever needed for some minutes; that of a long-poll, which
// waits for most of its life, would keep what one look into the database takes.
type deep struct {
	jobs chan func()
	end  chan struct{}
	done sync.WaitGroup
}

// deepWorkers bounds the looks at once: there are fewer reading connections anyway.
const deepWorkers = 16

func newDeep() *deep {
	d := &deep{jobs: make(chan func()), end: make(chan struct{})}
	for range deepWorkers {
		d.done.Go(func() {
			for {
				select {
				case job := <-d.jobs:
					job()
				case <-d.end:
					return
				}
			}
		})
	}
	return d
}

// close waits for what is running.
func (d *deep) close() {
	close(d.end)
	d.done.Wait()
}

// run waits for fn, which runs elsewhere. A panic in it is the caller's. After close it
// runs fn here.
func (d *deep) run(ctx context.Context, fn func() error) error {
	var err error
	ended := make(chan any, 1)
	job := func() {
		defer func() { ended <- recover() }()
		err = fn()
	}
	select {
	case d.jobs <- job:
	case <-d.end:
		return fn()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p := <-ended; p != nil {
		panic(p)
	}
	return err
}
