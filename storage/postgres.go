package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
)

type postgresDialect struct {
	pool   *sql.DB
	commit string // synchronous_commit of the writing connection
}

// advisoryLock is the first half of the number of the lock that one server holds on
// its database. The second half is of the schema: two servers may share a database
// when each has a schema of its own.
const advisoryLock = 0x6368616e // "chan"

func openPostgres(ctx context.Context, o Options) (dialect, error) {
	cfg, err := pq.NewConfig(o.URI)
	if err != nil {
		return nil, fmt.Errorf("storage: the database URI: %w", err)
	}
	cfg.ApplicationName = "chancery " + o.ServerName
	cfg.BinaryParameters = true // events are bytes, and would be sent as text of twice the length
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("storage: the database URI: %w", err)
	}
	d := &postgresDialect{pool: sql.OpenDB(connector)}
	if err := d.check(ctx); err != nil {
		d.pool.Close()
		return nil, err
	}
	return d, nil
}

// check refuses a database that stores text in a way that we do not expect.
func (d *postgresDialect) check(ctx context.Context) error {
	var enc string
	if err := d.pool.QueryRowContext(ctx, "SHOW server_encoding").Scan(&enc); err != nil {
		return fmt.Errorf("storage: asking PostgreSQL: %w", err)
	}
	if enc != "UTF8" {
		return fmt.Errorf("storage: the PostgreSQL database's encoding is %s; create it with ENCODING 'UTF8'", enc)
	}
	return nil
}

// durable refuses a connection that forgets what it acknowledges. The settings may
// come from the server, the database, the role or the URI; each connection sees what
// holds for it. synchronous_commit is then set for the session, so that a later
// change of any of those does not reach it.
func (d *postgresDialect) durable(ctx context.Context, c *sql.Conn) error {
	for _, setting := range []struct{ name, why string }{
		{"fsync", "a crash of the machine would lose acknowledged messages"},
		{"full_page_writes", "a crash of the machine could tear pages"},
		{"synchronous_commit", "a crash of the database would lose acknowledged messages"},
	} {
		var v string
		if err := c.QueryRowContext(ctx, "SHOW "+setting.name).Scan(&v); err != nil {
			return fmt.Errorf("storage: asking PostgreSQL for %s: %w", setting.name, err)
		}
		if v == "off" {
			return fmt.Errorf("storage: PostgreSQL runs with %s=off, so %s; set it to on, for the server and for the database and role that are used",
				setting.name, setting.why)
		}
		d.commit = v // synchronous_commit is the last
	}
	_, err := c.ExecContext(ctx, "SET synchronous_commit = "+pq.QuoteLiteral(d.commit))
	return err
}

func (d *postgresDialect) name() string { return "postgres" }

func (d *postgresDialect) readers() int { return 16 }

func (d *postgresDialect) connect(ctx context.Context, writer bool) (*conn, error) {
	c, err := newConn(ctx, d, d.pool, writer)
	if err != nil || !writer {
		return c, err
	}
	if err = d.durable(ctx, c.c); err == nil {
		err = d.lock(ctx, c.c)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// lock makes the writing connection the only one of its kind. It belongs to the
// session: who loses the connection loses the lock, and cannot write without it.
func (d *postgresDialect) lock(ctx context.Context, c *sql.Conn) error {
	var schema sql.NullString
	if err := c.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	if !schema.Valid {
		return errors.New("storage: the PostgreSQL role has no schema to use; create the one that search_path names, or grant it public")
	}
	h := fnv.New32a()
	h.Write([]byte(schema.String))
	tick := time.NewTicker(lockRetry)
	defer tick.Stop()
	for try := 0; ; try++ {
		var got bool
		err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1::int, $2::int)", int64(advisoryLock), int64(int32(h.Sum32()))).Scan(&got)
		if err != nil || got {
			return err
		}
		if try == lockTries {
			return fmt.Errorf("%w (schema %s of the PostgreSQL database)", ErrLocked, schema.String)
		}
		<-tick.C
	}
}

// PostgreSQL takes a moment to see that a connection is gone, of a server that was
// killed or of our own: the lock may still be its.
const (
	lockRetry = 100 * time.Millisecond
	lockTries = 20
)

func (d *postgresDialect) settle() error { return nil }

func (d *postgresDialect) logFile() string { return "" }

func (d *postgresDialect) close() { d.pool.Close() }

// ddl: text is compared and ordered as bytes, whatever the database's locale, as on
// SQLite.
func (d *postgresDialect) ddl(stmt string) string {
	return textType.ReplaceAllString(stmt, `TEXT COLLATE "C"`)
}

var textType = regexp.MustCompile(`\bTEXT\b`)

func (d *postgresDialect) rewrite(text string) string { return rewriteFor(text, "$", "= ANY(", ")") }

func (d *postgresDialect) begin(writer bool) string {
	if writer { // whatever the defaults of the database and the role
		return "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
	}
	return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
}

func (d *postgresDialect) list(v any) any { return pq.Array(v) }

func (d *postgresDialect) wrap(err error) error {
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "23505" {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return err
}

// fatal: PostgreSQL itself stops when a flush fails.
func (d *postgresDialect) fatal(error) bool { return false }

// insertMany sends whole columns: lib/pq pays a round trip for each statement.
func (d *postgresDialect) insertMany(tx *Tx, t table, rows [][]any) error {
	if len(rows) == 1 {
		_, err := tx.exec(t.insertOne(), rows[0]...)
		return err
	}
	for part := range slices.Chunk(rows, maxRows) {
		if _, err := tx.exec(t.insertColumns(), columns(t.types, part)...); err != nil {
			return err
		}
	}
	return nil
}

// maxRows bounds one statement, which is held in memory on both sides: the state of a
// large room comes as one set.
const maxRows = 2000

// columns turns rows into one array a column.
func columns(types []string, rows [][]any) []any {
	out := make([]any, len(types))
	for i, typ := range types {
		switch typ {
		case "bigint":
			col := make([]sql.NullInt64, len(rows))
			for j, row := range rows {
				if v, ok := row[i].(int64); ok {
					col[j] = sql.NullInt64{Int64: v, Valid: true}
				}
			}
			out[i] = pq.Array(col)
		case "text":
			col := make([]sql.NullString, len(rows))
			for j, row := range rows {
				if v, ok := row[i].(string); ok {
					col[j] = sql.NullString{String: v, Valid: true}
				}
			}
			out[i] = pq.Array(col)
		case "bytea":
			col := make([][]byte, len(rows))
			for j, row := range rows {
				col[j], _ = row[i].([]byte)
			}
			out[i] = pq.Array(col)
		}
	}
	return out
}

func (d *postgresDialect) updateRooms(tx *Tx, rows []roomUpdate) (map[int64]bool, error) {
	if len(rows) <= 1 {
		return updateRoomsOneByOne(tx, rows)
	}
	all := make([][]any, len(rows))
	for i, r := range rows {
		all[i] = r.args()
	}
	types := strings.Split("bigint bigint bigint bigint bytea bigint bigint bigint bigint bigint bigint bigint bigint", " ")
	nids, err := collect(&tx.ReadTx, `UPDATE rooms r SET rev = u.rev, state_root = u.root, extremities = u.ext, last_topo = u.topo,
		last_pos = GREATEST(r.last_pos, u.pos), bump_pos = GREATEST(r.bump_pos, u.bump), joined = u.joined, invited = u.invited,
		notify_n = u.notify_n, highlight_n = u.highlight_n, thread_pos = GREATEST(r.thread_pos, u.thread_pos)
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
			$11::bigint[], $12::bigint[], $13::bigint[])
		AS u(nid, expect, rev, root, ext, topo, pos, bump, joined, invited, notify_n, highlight_n, thread_pos)
		WHERE r.room_nid = u.nid AND r.rev = u.expect RETURNING r.room_nid`,
		func(r scanner) (n int64, err error) { return n, r.Scan(&n) }, columns(types, all)...)
	won := map[int64]bool{}
	for _, n := range nids {
		won[n] = true
	}
	return won, err
}
