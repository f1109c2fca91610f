package house

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The floors of the house, from the ground up. A package may import from lower
// floors, and from its own only where that floor says so.
const (
	ground = iota
	settings
	stores
	cores
	workers
	doors
	wiring
	programs
)

var floorOf = map[string]int{
	"config": settings, "storage": stores, "roomserver": cores, "userserver": cores,
	"push": workers, "appservice": workers,
	"clientapi": doors, "syncapi": doors, "federationapi": doors, "mediaapi": doors, "adminapi": doors,
	"homeserver": wiring, "cmd": programs, "test": programs,
}

func floor(dir string) (house string, level int, known bool) {
	house, _, _ = strings.Cut(filepath.ToSlash(dir), "/")
	if house == "internal" {
		return dir, ground, true
	}
	level, known = floorOf[house]
	return house, level, known
}

func TestImportsRunDownhill(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.dir == "storage/storagetest" {
			continue
		}
		from, level, known := floor(s.dir)
		if !known {
			t.Errorf("%s: the folder %s has no floor; give it one in this test", s.path, s.dir)
			continue
		}
		for _, path := range s.imports() {
			inner, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			to, below, _ := floor(inner)
			switch {
			case to == from || level == ground && below == ground:
			case below >= level:
				t.Errorf("%s imports %s: not downhill", s.path, inner)
			case to == "config" && level < wiring:
				t.Errorf("%s imports config: what a package needs is given to its constructor", s.path)
			}
		}
	}
}

func TestOnlyStorageSpeaksSQL(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.dir == "storage" || s.dir == "storage/storagetest" || strings.HasPrefix(s.dir, "cmd/chancery-bench") {
			continue
		}
		for _, path := range s.imports() {
			if path == "database/sql" || strings.HasPrefix(path, "github.com/lib/pq") || strings.HasPrefix(path, "modernc.org/sqlite") {
				t.Errorf("%s imports %s", s.path, path)
			}
		}
	}
}

// outward are the ways out of a program that go around internal/egress.
var outward = map[string]*regexp.Regexp{
	"net":           regexp.MustCompile(`^(Dial.*|Lookup.*|Dialer|Resolver|DefaultResolver|Resolve(TCP|UDP|IP)Addr)$`),
	"net/http":      regexp.MustCompile(`^(DefaultClient|DefaultTransport|Client|Transport|Get|Post|PostForm|Head)$`),
	"crypto/tls":    regexp.MustCompile(`^(Dial|DialWithDialer|Dialer)$`),
	"net/smtp":      regexp.MustCompile(`^(Dial|SendMail)$`),
	"net/rpc":       regexp.MustCompile(`^Dial`),
	"log/syslog":    regexp.MustCompile(`^(Dial|New.*)$`),
	"os/exec":       regexp.MustCompile(`.`),
	"net/http/cgi":  regexp.MustCompile(`.`),
	"net/http/fcgi": regexp.MustCompile(`.`),
}

// Naming the type of a client that was given is no way out; making one is.
func made(n ast.Node, sel *ast.SelectorExpr) bool {
	switch n := n.(type) {
	case *ast.CompositeLit:
		return n.Type == sel
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "new" && len(n.Args) == 1 {
			return n.Args[0] == sel
		}
	}
	return false
}

var types = map[string]bool{"Client": true, "Transport": true, "Dialer": true, "Resolver": true}

func TestOnlyEgressReachesOut(t *testing.T) {
	for _, s := range sources(t) {
		if !s.program() || s.dir == "internal/egress" {
			continue
		}
		imports := s.imports()
		for name, path := range imports {
			if _, banned := outward[path]; banned && name == "." {
				t.Errorf("%s imports %s without its name", s.path, path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			for _, sel := range selectors(n) {
				pkg, ok := sel.X.(*ast.Ident)
				if !ok {
					continue
				}
				rule := outward[imports[pkg.Name]]
				if rule == nil || !rule.MatchString(sel.Sel.Name) || types[sel.Sel.Name] && !made(n, sel) {
					continue
				}
				t.Errorf("%s uses %s.%s: connections are opened by internal/egress", s.at(sel), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// selectors are the package members that a node uses itself, or makes.
func selectors(n ast.Node) []*ast.SelectorExpr {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		return []*ast.SelectorExpr{n}
	case *ast.CompositeLit:
		if sel, ok := n.Type.(*ast.SelectorExpr); ok {
			return []*ast.SelectorExpr{sel}
		}
	case *ast.CallExpr:
		if len(n.Args) == 1 {
			if sel, ok := n.Args[0].(*ast.SelectorExpr); ok {
				return []*ast.SelectorExpr{sel}
			}
		}
	}
	return nil
}

// constructors of events in gomatrixserverlib take the last of duplicate keys and
// ignore case; internal/event replaces them.
var constructors = regexp.MustCompile(`^(NewEventFrom.*|NewEventBuilder.*|SignJSON|VerifyJSON|EventBuilder|HeaderedEvent|ProtoEvent)$`)

const library = "github.com/matrix-org/gomatrixserverlib"

func TestTheLibrarysEventConstructorsAreNotUsed(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.dir == "internal/event" {
			continue
		}
		imports := s.imports()
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if ok && imports[pkg.Name] == library && constructors.MatchString(sel.Sel.Name) {
				t.Errorf("%s uses %s.%s", s.at(n), pkg.Name, sel.Sel.Name)
			}
			if !ok && constructors.MatchString(sel.Sel.Name) && strings.HasPrefix(sel.Sel.Name, "NewEventFrom") {
				t.Errorf("%s uses %s", s.at(n), sel.Sel.Name)
			}
			return true
		})
	}
}
