package storage

import (
	"context"
	"os"
	"time"
)

// The log of SQLite (WAL) is copied into the database after every autoCheckpoint
// pages, as far as readers allow. Readers that follow each other without a pause
// can keep it from ever starting anew: past longLog the committer lets no new reader
// in for a moment and cuts the log itself.
const (
	autoCheckpoint = 2000     // pages of 4 KiB
	longLog        = 64 << 20 // bytes
	readersWait    = 200 * time.Millisecond
	patience       = 25 // times longer for a log of four times that length
)

// keepLogShort runs between two transactions of the committer.
func (db *DB) keepLogShort() {
	log := db.d.logFile()
	if log == "" || db.failed.Load() != nil {
		return
	}
	fi, err := os.Stat(log)
	if err != nil || fi.Size() < db.cutAt {
		return
	}
	wait := readersWait
	if fi.Size() > 4*db.longLog {
		wait *= patience
	}
	held := db.holdReaders(wait)
	defer func() {
		for _, c := range held {
			db.readers <- c
		}
	}()
	if len(held) < cap(db.readers) {
		db.cutAt = fi.Size() + db.longLog/4 // a long read: not again with every commit
		return
	}
	db.cutAt = db.longLog
	var busy, frames, done int64
	err = db.writer.c.QueryRowContext(background, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done)
	if err != nil && !db.judge(err) {
		db.log.WithError(err).Warn("the database's log could not be cut")
	}
}

// holdReaders takes the reading connections, as many as come free in time.
func (db *DB) holdReaders(wait time.Duration) (held []*conn) {
	ctx, cancel := context.WithTimeout(background, wait)
	defer cancel()
	for len(held) < cap(db.readers) {
		select {
		case c := <-db.readers:
			held = append(held, c)
		case <-ctx.Done():
			return held
		}
	}
	return held
}

// Reclaim gives a part of the space of what was deleted back to the file system, at
// most n pages of 4 KiB, and reports whether there is more. PostgreSQL does it by
// itself.
func (db *DB) Reclaim(ctx context.Context, n int) (more bool, err error) {
	if db.d.name() != "sqlite" {
		return false, nil
	}
	err = db.Write(ctx, func(tx *Tx) error {
		if _, err := tx.exec("PRAGMA incremental_vacuum(" + itoa(n) + ")"); err != nil {
			return err
		}
		var free int64
		err := tx.one("PRAGMA freelist_count", []any{&free})
		more = free > 0
		return err
	})
	return more, err
}
