package storage

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// dialect is what differs between the two databases.
type dialect interface {
	name() string
	connect(ctx context.Context, writer bool) (*conn, error)
	readers() int
	settle() error   // after the schema is there
	logFile() string // what keepLogShort watches; "" when there is none
	close()
	rewrite(text string) string
	ddl(stmt string) string // a statement of the schema
	begin(writer bool) string
	list(v any) any // a Go slice as the argument of "IN $n"
	wrap(err error) error
	fatal(err error) bool // nothing may be acknowledged after this error
	insertMany(tx *Tx, t table, rows [][]any) error
	updateRooms(tx *Tx, rows []roomUpdate) (won map[int64]bool, err error)
}

// conn is one connection with its prepared statements. One goroutine at a time
// uses it.
type conn struct {
	d      dialect
	pool   *sql.DB
	c      *sql.Conn
	stmts  map[string]*sql.Stmt
	writer bool
	// fault, in tests, sees every statement before it runs, and may fail it.
	fault func(text string) error
}

// background: statements are short, and a cancelled one would cost a connection.
var background = context.Background()

func newConn(ctx context.Context, d dialect, pool *sql.DB, writer bool) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{d: d, pool: pool, c: c, stmts: map[string]*sql.Stmt{}, writer: writer}, nil
}

func (c *conn) stmt(text string) (*sql.Stmt, error) {
	if c.fault != nil {
		if err := c.fault(text); err != nil {
			return nil, err
		}
	}
	if s := c.stmts[text]; s != nil {
		return s, nil
	}
	s, err := c.c.PrepareContext(background, c.d.rewrite(text))
	if err != nil {
		return nil, c.d.wrap(err)
	}
	c.stmts[text] = s
	return s, nil
}

func (c *conn) run(text string) error {
	s, err := c.stmt(text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(background)
	return c.d.wrap(err)
}

func (c *conn) begin(writer bool) error { return c.run(c.d.begin(writer)) }
func (c *conn) commit() error           { return c.run("COMMIT") }

func (c *conn) rollback() {
	// What cannot be rolled back is a broken connection: the next begin fails
	// and revives it.
	_ = c.run("ROLLBACK")
}

// revive replaces a broken connection.
func (c *conn) revive() error {
	c.close()
	fresh, err := c.d.connect(background, c.writer)
	if err != nil {
		return err
	}
	c.c, c.stmts = fresh.c, fresh.stmts
	return nil
}

func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.stmts = map[string]*sql.Stmt{}
	c.c.Close()
}

// rewriteFor turns the one SQL text into a database's own: "$n" into "?n", and
// "IN $n" into the database's way to take a list.
func rewriteFor(text, param, inOpen, inClose string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\'' {
			quoted = !quoted
		}
		if quoted {
			b.WriteByte(c)
			continue
		}
		if n, ok := strings.CutPrefix(text[i:], "IN $"); ok {
			digits := leadingDigits(n)
			b.WriteString(inOpen + param + digits + inClose)
			i += len("IN $") + len(digits) - 1
			continue
		}
		if c == '$' {
			b.WriteString(param)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func leadingDigits(s string) string {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}

func placeholders(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i))
	}
	return b.String()
}
