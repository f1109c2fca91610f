package storage

import (
	"database/sql"
	"errors"

	"github.com/chancery-im/chancery/internal/notify"
)

// ReadTx reads one consistent snapshot. It is valid only inside DB.Read or
// DB.Write, must not be kept, and must not be held while waiting for anything
// but the database.
type ReadTx struct {
	c *conn
	// failed is the first error of a statement: what comes after it cannot be
	// relied on, so that a closure which forgives it is not committed either.
	failed error
}

// Tx reads and writes inside one transaction of the committer.
type Tx struct {
	ReadTx
	now  int64 // the commit's own time, ms since the epoch
	next int64 // the last position that was taken
	end  int64 // the last position that is reserved for this transaction
	ring notify.Ring
}

// scanner is a row that can be scanned.
type scanner interface{ Scan(dest ...any) error }

// one scans the first row, or fails with ErrNotFound.
func (tx *ReadTx) one(text string, dest []any, args ...any) error {
	s, err := tx.c.stmt(text)
	if err != nil {
		return tx.fail(err)
	}
	err = s.QueryRowContext(background, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return tx.fail(err)
}

// fail remembers the first error of a statement and says it in our words.
func (tx *ReadTx) fail(err error) error {
	if err == nil {
		return nil
	}
	err = tx.c.d.wrap(err)
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// collect reads all rows before it returns: a second query while rows are open is
// what lib/pq does not forgive.
func collect[T any](tx *ReadTx, text string, scan func(scanner) (T, error), args ...any) ([]T, error) {
	s, err := tx.c.stmt(text)
	if err != nil {
		return nil, tx.fail(err)
	}
	rows, err := s.QueryContext(background, args...)
	if err != nil {
		return nil, tx.fail(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, tx.fail(rows.Err())
}

// texts collects one column of text.
func (tx *ReadTx) texts(text string, args ...any) ([]string, error) {
	return collect(tx, text, func(r scanner) (s string, err error) { return s, r.Scan(&s) }, args...)
}

// exists reports whether the query has a row.
func (tx *ReadTx) exists(text string, args ...any) (bool, error) {
	var n int64
	err := tx.one(text, []any{&n}, args...)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// in is a slice as the argument of "IN $n".
func (tx *ReadTx) in(v any) any { return tx.c.d.list(v) }

// exec runs a statement and tells how many rows it changed.
func (tx *Tx) exec(text string, args ...any) (int64, error) {
	s, err := tx.c.stmt(text)
	if err != nil {
		return 0, tx.fail(err)
	}
	res, err := s.ExecContext(background, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	return res.RowsAffected()
}

// Now is the time of the commit, in milliseconds since the epoch.
func (tx *Tx) Now() int64 { return tx.now }

// Position is the newest position of this snapshot.
func (tx *ReadTx) Position() (pos int64, err error) {
	err = tx.one(`SELECT position FROM stream WHERE id = 1`, []any{&pos})
	return pos, err
}

// spare is how many positions are reserved for closures at a time. What is left of
// them is skipped: a position is only ever compared.
const spare = 8

// NextPos takes the next stream position. Positions are in the order of commits: the
// row that holds the counter stays locked until this one is done. After a failed
// statement it is 0, and the transaction will not be committed.
func (tx *Tx) NextPos() int64 {
	if tx.next == tx.end && tx.reserve(spare) != nil {
		return 0
	}
	tx.next++
	return tx.next
}

// reserve takes n positions with one statement.
func (tx *Tx) reserve(n int64) error {
	var end int64
	if err := tx.one(`UPDATE stream SET position = position + $1 WHERE id = 1 RETURNING position`, []any{&end}, n); err != nil {
		return err
	}
	if tx.end == 0 {
		tx.next = end - n
	}
	tx.end = end
	return nil
}

// RingRoom, RingUser and RingServer wake who waits for these, after the commit.
func (tx *Tx) RingRoom(id string) { tx.ring.Rooms = append(tx.ring.Rooms, id) }

// RingUser wakes a user's own devices.
func (tx *Tx) RingUser(id string) { tx.ring.Users = append(tx.ring.Users, id) }

// RingRules tells that a user's push rules or ignored users changed.
func (tx *Tx) RingRules(user string) { tx.ring.Rules = append(tx.ring.Rules, user) }

// RingPushers tells that a user's pushers changed.
func (tx *Tx) RingPushers(user string) { tx.ring.Pushers = append(tx.ring.Pushers, user) }

// RingKeys tells that the one-time or fallback keys of a user's device changed.
func (tx *Tx) RingKeys(user string) { tx.ring.Keys = append(tx.ring.Keys, user) }

// RingServer wakes the queue of a destination.
func (tx *Tx) RingServer(name string) { tx.ring.Servers = append(tx.ring.Servers, name) }
