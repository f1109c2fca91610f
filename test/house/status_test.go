package house

import (
	"context"
	"flag"
	"fmt"
	"go/ast"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/homeserver"
)

var update = flag.Bool("update", false, "write docs/spec-status.md anew")

const statusFile = "docs/spec-status.md"

// mounted are the routes of a real server, and where each handler is.
func mounted(t *testing.T) (public, admin map[homeserver.Route]string) {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir = "house.test", filepath.Join(t.TempDir(), "data")
	log := logrus.New()
	log.SetOutput(io.Discard)
	h, err := homeserver.New(context.Background(), &cfg, homeserver.Options{Log: logrus.NewEntry(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, a, err := h.Routes()
	if err != nil {
		t.Fatal(err)
	}
	files := handlers(t)
	place := func(list []homeserver.Route) map[homeserver.Route]string {
		m := map[homeserver.Route]string{}
		for _, r := range list {
			r.Path = plain(r.Path)
			m[r] = files[r]
		}
		return m
	}
	return place(p), place(a)
}

var variable = regexp.MustCompile(`\{[^{}]*\}`)

// plain is a path whose variables have no names, so that the router's and the
// specification's are the same.
func plain(path string) string {
	return strings.TrimSuffix(variable.ReplaceAllString(path, "{}"), "/")
}

// handlers finds where the routes' handlers are: a route is a literal of method,
// path and handler, or the comment of a handler names it.
func handlers(t *testing.T) map[homeserver.Route]string {
	found, declared := map[homeserver.Route]string{}, map[string]string{}
	all := sources(t)
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !s.test {
				declared[s.dir+" "+f.Name.Name] = s.path
				comment(s, f, found)
			}
		}
	}
	for _, s := range all {
		if s.test || !strings.HasSuffix(s.dir, "api") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || len(lit.Elts) < 3 {
				return true
			}
			method, path := text(lit.Elts[0]), text(lit.Elts[1])
			if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE"}, method) || !strings.HasPrefix(path, "/") {
				return true
			}
			for _, e := range lit.Elts[2:] {
				if file := declared[s.dir+" "+member(e)]; file != "" {
					found[homeserver.Route{Method: method, Path: plain(whole(path))}] = file
				}
			}
			return true
		})
	}
	return found
}

var named = regexp.MustCompile(`^(GET|PUT|POST|DELETE) (/\S+?)[,:.]?(\s|$)`)

func comment(s source, f *ast.FuncDecl, found map[homeserver.Route]string) {
	if m := named.FindStringSubmatch(f.Doc.Text()); m != nil {
		found[homeserver.Route{Method: m[1], Path: plain(m[2])}] = s.path
	}
}

// whole is the path of a route that may leave the usual prefix out.
func whole(path string) string {
	if strings.HasPrefix(path, "/_") || strings.HasPrefix(path, "/.well-known/") {
		return path
	}
	return "/_matrix/client/v3" + path
}

func text(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok {
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return ""
}

func member(e ast.Expr) string {
	if call, ok := e.(*ast.CallExpr); ok {
		e = call.Fun
	}
	if sel, ok := e.(*ast.SelectorExpr); ok {
		return sel.Sel.Name
	}
	return ""
}

// row is a line of the table.
type row struct {
	section                          string
	method, path, status, file, note string
}

func (r row) route() homeserver.Route { return homeserver.Route{Method: r.method, Path: plain(r.path)} }

// beyond is the section of what is not in the specification; there a row has no
// status and no note.
const beyond = "Beyond the specification"

func (r row) String() string {
	if r.section == beyond {
		return fmt.Sprintf("| %s | `%s` | %s |", r.method, r.path, r.file)
	}
	return fmt.Sprintf("| %s | `%s` | %s | %s | %s |", r.method, r.path, r.status, r.file, r.note)
}

// served reports whether a section is of requests that others make to us.
func (r row) served() bool {
	return strings.HasPrefix(r.section, "Client-server") || strings.HasPrefix(r.section, "Server-server")
}

func parseRow(section, line string) (row, bool) {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if !strings.HasPrefix(line, "|") || len(cells) < 3 || !strings.HasPrefix(cells[1], "`") {
		return row{}, false
	}
	r := row{section: section, method: cells[0], path: strings.Trim(cells[1], "`")}
	if section == beyond {
		r.file = cells[2]
	} else if len(cells) == 5 {
		r.status, r.file, r.note = cells[2], cells[3], cells[4]
	}
	return r, true
}

func TestSpecStatusTellsWhatIsMounted(t *testing.T) {
	public, admin := mounted(t)
	raw, err := os.ReadFile(filepath.Join(root(t), statusFile))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	section, known, operations := "", map[homeserver.Route]bool{}, 0
	for _, line := range strings.Split(strings.TrimRight(string(raw), "\n"), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		r, ok := parseRow(section, line)
		switch {
		case !ok:
			out = append(out, line)
		case section == beyond:
			// written below, from what is mounted
		default:
			operations++
			known[r.route()] = true
			if r.served() {
				r = judged(r, public)
			}
			out = append(out, r.String())
		}
	}
	out = append(out, others(known, public, admin)...)
	if operations != 212 {
		t.Errorf("the tables have %d operations, the specification 212", operations)
	}
	want := strings.Join(out, "\n") + "\n"
	if *update {
		if err := os.WriteFile(filepath.Join(root(t), statusFile), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	compare(t, string(raw), want)
}

func judged(r row, public map[homeserver.Route]string) row {
	file, there := public[r.route()]
	switch {
	case !there:
		r.status, r.file = "no", ""
	case r.status != "part":
		r.status, r.file = "yes", file
	default:
		r.file = file
	}
	return r
}

// others are the mounted routes that the specification does not have. r0 is the
// older name of v3; a state event whose key is empty is asked for without one.
func others(known map[homeserver.Route]bool, lists ...map[homeserver.Route]string) (out []string) {
	seen := map[string]bool{}
	for _, list := range lists {
		for r, file := range list {
			emptyKey := homeserver.Route{Method: r.Method, Path: r.Path + "/{}"}
			if known[r] || strings.HasSuffix(r.Path, "/state/{}") && known[emptyKey] || strings.Contains(r.Path, "/client/r0/") || strings.Contains(r.Path, "/media/r0/") {
				continue
			}
			seen[row{section: beyond, method: r.Method, path: r.Path, file: file}.String()] = true
		}
	}
	for s := range seen {
		out = append(out, s)
	}
	sort.Strings(out)
	return out
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	have := map[string]bool{}
	for _, l := range strings.Split(got, "\n") {
		have[l] = true
	}
	missing := 0
	for _, l := range strings.Split(want, "\n") {
		if !have[l] {
			missing++
			t.Errorf("%s should say: %s", statusFile, l)
		}
	}
	if missing == 0 && got != want {
		t.Errorf("%s has lines that are not true; write it with: go test ./test/house -run TestSpecStatus -update", statusFile)
	}
}

func TestEveryMountedRouteHasItsHandlerNamed(t *testing.T) {
	public, admin := mounted(t)
	for _, list := range []map[homeserver.Route]string{public, admin} {
		for r, file := range list {
			if file == "" && !strings.Contains(r.Path, "/r0/") {
				t.Errorf("%s %s: its handler is not found; a handler's comment begins with method and path", r.Method, r.Path)
			}
		}
	}
}
