package storage

import (
	"embed"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

//go:embed schema/*.sql
var schema embed.FS

// migrate brings the schema up to date: each numbered file once, each in a
// transaction of its own. A database of a newer release is refused.
func (db *DB) migrate() error {
	if err := db.writer.run(db.d.ddl(`CREATE TABLE IF NOT EXISTS migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)`)); err != nil {
		return err
	}
	files, err := schema.ReadDir("schema")
	if err != nil {
		return err
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Name() < files[j].Name() })
	var have int64
	tx := &ReadTx{c: db.writer}
	if err := tx.one(`SELECT COALESCE(MAX(number), 0) FROM migrations`, []any{&have}); err != nil {
		return err
	}
	newest := int64(0)
	for _, f := range files {
		n, err := strconv.ParseInt(strings.SplitN(f.Name(), "_", 2)[0], 10, 64)
		if err != nil {
			return fmt.Errorf("storage: schema file %s has no number", f.Name())
		}
		newest = n
		if n <= have {
			continue
		}
		if err := db.apply(n, f.Name()); err != nil {
			return fmt.Errorf("storage: %s: %w", f.Name(), err)
		}
	}
	if have > newest {
		return fmt.Errorf("storage: the database has schema %d and this release knows %d; use the newer release", have, newest)
	}
	return nil
}

func (db *DB) apply(number int64, name string) error {
	raw, err := schema.ReadFile("schema/" + name)
	if err != nil {
		return err
	}
	if err := db.writer.begin(true); err != nil {
		return err
	}
	for _, stmt := range statements(string(raw), db.d.name()) {
		if _, err := db.writer.c.ExecContext(background, db.d.ddl(stmt)); err != nil {
			db.writer.rollback()
			return fmt.Errorf("%w in %q", err, firstLine(stmt))
		}
	}
	tx := &Tx{ReadTx: ReadTx{c: db.writer}}
	if _, err := tx.exec(`INSERT INTO migrations (number, name) VALUES ($1, $2)`, number, name); err != nil {
		db.writer.rollback()
		return err
	}
	return db.writer.commit()
}

// statements splits a schema file, keeping of lines marked "-- only: x" those of
// this database.
func statements(text, dialect string) []string {
	var b strings.Builder
	for _, line := range strings.Split(text, "\n") {
		code, mark, marked := strings.Cut(line, "-- only: ")
		if marked && strings.TrimSpace(mark) != dialect {
			continue
		}
		code, _, _ = strings.Cut(code, "--")
		b.WriteString(code + "\n")
	}
	var out []string
	for _, s := range strings.Split(b.String(), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
