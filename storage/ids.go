package storage

import (
	"context"
	"errors"
)

// leaseSize is how many numbers one lease takes: a write for each thousand.
const leaseSize = 1000

// lease is a block of numbers that belong to this process. What is left of it at
// the end is never used: gaps are normal.
type lease struct{ next, end int64 }

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
	if l.end-l.next < int64(n) {
		if err := db.lease(ctx, name, l, int64(max(n, leaseSize))); err != nil {
			return 0, err
		}
	}
	first = l.next
	l.next += int64(n)
	return first, nil
}

func (db *DB) lease(ctx context.Context, name string, l *lease, size int64) error {
	var next int64
	err := db.Write(ctx, func(tx *Tx) error {
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
	if err != nil {
		return err
	}
	l.next, l.end = next, next+size
	return nil
}
