package storage_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

// TestEveryStatementIsUnderstoodByBothDatabases prepares all statements that stand in
// this package's source: one SQL text is what both must take, also where no test runs
// it on PostgreSQL.
func TestEveryStatementIsUnderstoodByBothDatabases(t *testing.T) {
	texts := statementsInSource(t)
	if len(texts) < 50 {
		t.Fatalf("found only %d statements", len(texts))
	}
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for at, text := range texts {
			if strings.HasPrefix(at, "postgres.go:") || strings.HasPrefix(at, "table.go:") ||
				strings.Contains(text, "%s") || strings.HasSuffix(text, "WHERE ") {
				continue // of one database only, or not whole
			}
			if err := db.Read(ctx, func(tx *storage.ReadTx) error { return storage.Prepare(tx, text) }); err != nil {
				t.Errorf("%s: %v in\n%s", at, err, text)
			}
		}
	})
}

// statementsInSource are the constant strings that begin as a statement does, by place.
func statementsInSource(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	consts := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		for _, d := range f.Decls {
			addConstants(consts, d)
		}
	}
	out := map[string]string{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			s, ok := constantText(consts, e)
			if !ok {
				return true
			}
			first, _, _ := strings.Cut(strings.TrimSpace(s), " ")
			switch first {
			case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
				out[fset.Position(e.Pos()).String()] = s
			}
			return false
		})
	}
	return out
}

func addConstants(consts map[string]string, d ast.Decl) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.CONST {
		return
	}
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			if i < len(v.Values) {
				if s, ok := constantText(consts, v.Values[i]); ok {
					consts[name.Name] = s
				}
			}
		}
	}
}

func constantText(consts map[string]string, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, e.Kind == token.STRING && err == nil
	case *ast.Ident:
		s, ok := consts[e.Name]
		return s, ok
	case *ast.BinaryExpr:
		a, ok1 := constantText(consts, e.X)
		b, ok2 := constantText(consts, e.Y)
		return a + b, ok1 && ok2 && e.Op == token.ADD
	}
	return "", false
}
