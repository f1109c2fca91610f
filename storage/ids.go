package storage

import (
	"context"
	"errors"
)

// leaseSize is how many numbers one lease takes: a write for each thousand.
const leaseSize = 1000

// lease is a block of numbers that belong to this process, and the block after it,
// fetched when the first is half used, so that a busy room need not wait for it. What
// is left at the end is never used: gaps are normal.
type lease struct {
	block, spare block
	fetching     chan struct{} // closed when the fetch under way has ended
	err          error         // of the last fetch
}

// block is the numbers from next up to, but without, end.
type block struct{ next, end int64 }

func (b block) left() int64 { return b.end - b.next }

// NextIDs returns n consecutive new numbers of a kind, beginning with first. It may
// write, and must not be called inside a transaction.
func (db *DB) NextIDs(ctx context.Context, name string, n int) (first int64, err error) {
	db.idMu.Lock()
	defer db.idMu.Unlock()
	l := db.ids[name]
	if l == nil {
		l = &lease{}
		db.ids[name] = l
	}
	for l.block.left() < int64(n) {
		if l.spare.left() >= int64(n) {
			l.block, l.spare = l.spare, block{}
			break
		}
		if err := db.awaitLease(ctx, name, l, n); err != nil {
			return 0, err
		}
	}
	first = l.block.next
	l.block.next += int64(n)
	if l.block.left() < leaseSize/2 && l.spare.left() == 0 && l.fetching == nil {
		db.fetchLease(name, l, leaseSize)
	}
	return first, nil
}

// awaitLease waits for the fetch under way, or for one that it starts. The lock is
// open meanwhile.
func (db *DB) awaitLease(ctx context.Context, name string, l *lease, n int) error {
	if l.fetching == nil {
		db.fetchLease(name, l, max(n, leaseSize))
	}
	done := l.fetching
	db.idMu.Unlock()
	defer db.idMu.Lock()
	select {
	case <-done:
		db.idMu.Lock()
		defer db.idMu.Unlock()
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetchLease gets the next block in the background.
func (db *DB) fetchLease(name string, l *lease, size int) {
	l.fetching = make(chan struct{})
	go func() {
		next, err := db.takeNumbers(name, int64(size))
		db.idMu.Lock()
		defer db.idMu.Unlock()
		if l.err = err; err == nil {
			l.spare = block{next, next + int64(size)}
		}
		close(l.fetching)
		l.fetching = nil
	}()
}

// takeNumbers moves the counter on.
func (db *DB) takeNumbers(name string, size int64) (next int64, err error) {
	err = db.Write(background, func(tx *Tx) error {
		err := tx.one(`SELECT next FROM counters WHERE name = $1`, []any{&next}, name)
		if errors.Is(err, ErrNotFound) {
			next = 1
			_, err = tx.exec(`INSERT INTO counters (name, next) VALUES ($1, $2)`, name, next+size)
			return err
		}
		if err != nil {
			return err
		}
		_, err = tx.exec(`UPDATE counters SET next = $2 WHERE name = $1`, name, next+size)
		return err
	})
	return next, err
}
