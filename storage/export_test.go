package storage

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// SetFault makes fn see every statement of the committer before it runs; an error of
// its fails the statement. nil ends that. Nothing may be waiting to be committed.
func (db *DB) SetFault(fn func(text string) error) { db.writer.fault = fn }

// LogFile is the file of SQLite's log.
func (db *DB) LogFile() string { return db.d.logFile() }

// SetLongLog changes the length at which the log is cut, in bytes.
func (db *DB) SetLongLog(n int64) error {
	return db.Write(background, func(*Tx) error {
		db.longLog, db.cutAt = n, n // on the committer's own goroutine
		return nil
	})
}

// ReadRows runs a query of a test.
func ReadRows(tx *ReadTx, text string, args ...any) ([]string, error) { return tx.texts(text, args...) }

// Exec runs a statement of a test.
func Exec(tx *Tx, text string, args ...any) error { _, err := tx.exec(text, args...); return err }

// Dump is all that is stored, but for what is drawn at random at first start.
func Dump(tx *ReadTx) (string, error) {
	list := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if tx.c.d.name() == "postgres" {
		list = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`
	}
	tables, err := tx.texts(list)
	if err != nil {
		return "", err
	}
	slices.Sort(tables)
	var b strings.Builder
	for _, t := range tables {
		if t == "meta" || t == "migrations" {
			continue
		}
		rows, err := dumpTable(tx, t)
		if err != nil {
			return "", err
		}
		for _, r := range rows {
			b.WriteString(t + ": " + r + "\n")
		}
	}
	return b.String(), nil
}

func dumpTable(tx *ReadTx, table string) ([]string, error) {
	s, err := tx.c.c.QueryContext(background, "SELECT * FROM "+table)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	cols, err := s.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	for s.Next() {
		vals := make([]sql.RawBytes, len(cols))
		dest := make([]any, len(cols))
		for i := range vals {
			dest[i] = &vals[i]
		}
		if err := s.Scan(dest...); err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("%q", vals))
	}
	slices.Sort(out)
	return out, s.Err()
}

// SetFaultAfterCommit makes commits reach the database and their answer be lost; nil
// ends that. Nothing may be waiting to be committed.
func (db *DB) SetFaultAfterCommit(err error) { db.lostAnswer = err }

// Texts are the statements that fn's reads run, as their database gets them.
func Texts(db *DB, fn func(*ReadTx) error) (texts []string, err error) {
	err = db.Read(background, func(tx *ReadTx) error {
		tx.c.fault = func(text string) error {
			texts = append(texts, tx.c.d.rewrite(text))
			return nil
		}
		defer func() { tx.c.fault = nil }()
		return fn(tx)
	})
	return texts, err
}

// Plan is how SQLite will run a statement.
func Plan(tx *ReadTx, text string) ([]string, error) {
	rows, err := tx.c.c.QueryContext(background, "EXPLAIN QUERY PLAN "+text, make([]any, 12)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, parent, unused int64
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, err
		}
		out = append(out, detail)
	}
	return out, rows.Err()
}

// Prepare asks the database whether it understands a statement.
func Prepare(tx *ReadTx, text string) error {
	_, err := tx.c.stmt(text)
	return err
}
