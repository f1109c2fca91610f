package storage

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/chancery-im/chancery/internal/notify"
)

// transact runs the sets as one transaction. Losers of the compare-and-set have
// their own error and do not fail the others. When a set is the cause of an error,
// it is returned with it.
func (db *DB) transact(batch []*Pending) (spoiler *Pending, err error) {
	for _, p := range batch {
		p.ring, p.err, p.pos = notify.Ring{}, nil, 0
	}
	if err := db.begin(); err != nil {
		return nil, err
	}
	tx := &Tx{ReadTx: ReadTx{c: db.writer}, now: db.opt.Clock().UnixMilli()}
	if spoiler, err = db.fill(tx, batch); err != nil {
		db.writer.rollback()
		db.judge(err)
		return spoiler, err
	}
	if err := errors.Join(db.writer.commit(), db.lostAnswer); err != nil {
		db.judge(err)
		db.writer.rollback()
		return nil, db.inDoubt(batch, err)
	}
	return nil, nil
}

// begin opens the transaction, on a new connection if the old one broke.
func (db *DB) begin() error {
	err := db.writer.begin(true)
	if err == nil || db.judge(err) {
		return err
	}
	db.log.WithError(err).Warn("the connection to the database broke; making a new one")
	if err := db.writer.revive(); err != nil {
		return err
	}
	return db.writer.begin(true)
}

// judge stops all writing after an error that leaves the disk's content unknown, and
// reports whether it did.
func (db *DB) judge(err error) bool {
	if !db.d.fatal(err) {
		return false
	}
	stop := fmt.Errorf("%w after a failed write: %w", ErrClosed, err)
	db.failed.Store(&stop)
	db.log.WithError(err).Error("the database failed to write; nothing more is acknowledged until a restart")
	return true
}

// Failed is nil while the database takes writes, and the reason once it has stopped.
func (db *DB) Failed() error {
	if failed := db.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// inDoubt: the connection was lost while committing. Whether the sets are there is
// to be seen in the database itself.
func (db *DB) inDoubt(batch []*Pending, cause error) error {
	if db.d.name() == "sqlite" {
		return cause
	}
	if err := db.writer.revive(); err != nil {
		return errors.Join(cause, err)
	}
	tx := &ReadTx{c: db.writer}
	for _, p := range batch {
		if len(p.set.Events) == 0 || p.err != nil {
			continue
		}
		last := p.set.Events[len(p.set.Events)-1]
		there, err := tx.exists(`SELECT 1 FROM events WHERE event_nid = $1`, last.NID)
		if err != nil || !there {
			return errors.Join(cause, err)
		}
		return nil // one transaction: if one set is there, all are
	}
	return cause
}

// fill writes the rows of all sets, then runs their closures.
func (db *DB) fill(tx *Tx, batch []*Pending) (spoiler *Pending, err error) {
	defer guard(&err)
	r := newRows(tx)
	for _, p := range batch {
		if p.set.ofRoom() {
			r.claim(p)
		}
	}
	if err := r.compareAndSet(); err != nil {
		return nil, err
	}
	for _, p := range r.sets {
		if p.err == nil {
			r.add(p)
		}
	}
	if err := r.write(); err != nil {
		return nil, err
	}
	for _, p := range batch {
		if p.err != nil {
			continue
		}
		if err := closures(tx, p); err != nil {
			return p, err
		}
	}
	return nil, tx.failed
}

// closures runs what a set does beside its rows.
func closures(tx *Tx, p *Pending) (err error) {
	if len(p.set.Do) == 0 {
		return nil
	}
	defer guard(&err)
	tx.ring = notify.Ring{}
	before := tx.next
	for _, fn := range p.set.Do {
		if err := fn(tx); err != nil {
			return err
		}
	}
	if tx.failed != nil {
		// fn forgave a failed statement, which PostgreSQL does not.
		return tx.failed
	}
	p.ring.Rooms = append(p.ring.Rooms, tx.ring.Rooms...)
	p.ring.Users = append(p.ring.Users, tx.ring.Users...)
	p.ring.Servers = append(p.ring.Servers, tx.ring.Servers...)
	p.ring.Rules = append(p.ring.Rules, tx.ring.Rules...)
	p.ring.Keys = append(p.ring.Keys, tx.ring.Keys...)
	p.ring.Receipts = append(p.ring.Receipts, tx.ring.Receipts...)
	p.ring.Devices = append(p.ring.Devices, tx.ring.Devices...)
	p.ring.Pushers = append(p.ring.Pushers, tx.ring.Pushers...)
	if tx.next > before {
		p.ring.Pos = tx.next
	}
	return nil
}

// guard turns a panic into an error: a mistake in one request must not end the
// committer, and with it all.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("storage: a write panicked: %v\n%s", r, debug.Stack())
	}
}
