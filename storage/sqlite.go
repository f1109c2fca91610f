package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// SQLiteFile is the name of the database in the data folder.
const SQLiteFile = "chancery.db"

type sqliteDialect struct {
	pool *sql.DB
	path string
}

// openSQLite opens the file. The driver is pure Go: no C compiler, one static
// binary.
func openSQLite(_ context.Context, o Options) (dialect, error) {
	path := filepath.Join(o.DataDir, SQLiteFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	// As SQLite does where its configure script finds it: a flush is of the data and
	// the length of the file, and not of its times. Elsewhere it stays fsync.
	_, _ = sqlite.Fdatasync(true)
	q := url.Values{}
	// auto_vacuum and secure_delete must be set before the first table.
	for _, p := range []string{"busy_timeout(10000)", "auto_vacuum(INCREMENTAL)", "secure_delete(ON)",
		"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(" + itoa(autoCheckpoint) + ")", "temp_store(MEMORY)"} {
		q.Add("_pragma", p)
	}
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(0)
	return &sqliteDialect{pool: pool, path: path}, nil
}

func (d *sqliteDialect) name() string { return "sqlite" }

// readers: a point read costs three times as much with 16 connections as with two.
func (d *sqliteDialect) readers() int { return 2 }

func (d *sqliteDialect) connect(ctx context.Context, writer bool) (*conn, error) {
	c, err := newConn(ctx, d, d.pool, writer)
	if err != nil {
		return nil, err
	}
	cache := "PRAGMA cache_size = -4096"
	if writer {
		cache = "PRAGMA cache_size = -8192"
	}
	if _, err := c.c.ExecContext(ctx, cache); err != nil {
		return nil, err
	}
	var mode string
	var sync int
	if err := c.c.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return nil, err
	}
	if err := c.c.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return nil, err
	}
	if mode != "wal" || sync != 2 {
		return nil, fmt.Errorf("storage: SQLite runs with journal_mode=%s and synchronous=%d, and not WAL and FULL; is the data folder on a network share?", mode, sync)
	}
	return c, nil
}

// settle makes the names of the database and its log durable: a power cut right
// after the first start must find them.
func (d *sqliteDialect) settle() error { return syncFolder(filepath.Dir(d.path)) }

func (d *sqliteDialect) logFile() string { return d.path + "-wal" }

func (d *sqliteDialect) close() { d.pool.Close() }

// ddl: only a key of the type INTEGER is SQLite's own row number; any other would be
// an index beside the table.
func (d *sqliteDialect) ddl(stmt string) string {
	return strings.ReplaceAll(stmt, "BIGINT NOT NULL PRIMARY KEY", "INTEGER NOT NULL PRIMARY KEY")
}

func (d *sqliteDialect) rewrite(text string) string {
	return rewriteFor(text, "?", "IN (SELECT value FROM json_each(", "))")
}

func (d *sqliteDialect) begin(writer bool) string {
	if writer {
		return "BEGIN IMMEDIATE"
	}
	return "BEGIN"
}

func (d *sqliteDialect) list(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // slices of numbers and text
	}
	return string(b)
}

func (d *sqliteDialect) wrap(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case 1555, 2067: // SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
			return fmt.Errorf("%w: %w", ErrExists, err)
		}
	}
	return err
}

// fatal: after an I/O error nobody knows what of the last flush is on the disk.
// A full disk is none: the transaction is undone, and the next may fit.
func (d *sqliteDialect) fatal(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case 10, 11, 26: // SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB
		return true
	}
	return false
}

// insertMany runs one prepared statement a row: on SQLite that beats long VALUES.
func (d *sqliteDialect) insertMany(tx *Tx, t table, rows [][]any) error {
	for _, row := range rows {
		if _, err := tx.exec(t.insertOne(), row...); err != nil {
			return err
		}
	}
	return nil
}

func (d *sqliteDialect) updateRooms(tx *Tx, rows []roomUpdate) (map[int64]bool, error) {
	return updateRoomsOneByOne(tx, rows)
}

func updateRoomsOneByOne(tx *Tx, rows []roomUpdate) (map[int64]bool, error) {
	won := map[int64]bool{}
	for _, r := range rows {
		n, err := tx.exec(`UPDATE rooms SET rev = $3, state_root = $4, extremities = $5, last_topo = $6,
			last_pos = CASE WHEN $7 > last_pos THEN $7 ELSE last_pos END,
			bump_pos = CASE WHEN $8 > bump_pos THEN $8 ELSE bump_pos END,
			joined = $9, invited = $10, notify_n = $11, highlight_n = $12,
			thread_pos = CASE WHEN $13 > thread_pos THEN $13 ELSE thread_pos END WHERE room_nid = $1 AND rev = $2`, r.args()...)
		if err != nil {
			return nil, err
		}
		won[r.nid] = n == 1
	}
	return won, nil
}

// Durable says in words what keeps an acknowledged write.
func (db *DB) Durable() string {
	if db.d.name() == "sqlite" {
		return "SQLite, WAL, synchronous=FULL"
	}
	return "PostgreSQL, fsync=on, synchronous_commit on"
}
