// Command summary reads what "go test -json" writes, shows what failed, and counts.
// It fails when a test failed or was skipped, or when there was none: what was not
// run has proved nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

// event is one line of test2json.
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type test struct{ pkg, name string }

type counts struct {
	passed, failed, skipped int
	output                  map[test][]string
	slow                    map[string]float64
}

// child marks tests that are the second process of another one; alone they have
// nothing to do, and are not counted.
const child = "this is the child of another test"

func main() {
	c := &counts{output: map[test][]string{}, slow: map[string]float64{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Println(in.Text())
			continue
		}
		c.take(e)
	}
	c.close()
}

func (c *counts) take(e event) {
	t := test{e.Package + e.ImportPath, e.Test}
	switch e.Action {
	case "output", "build-output":
		c.output[t] = append(c.output[t], e.Output)
		return
	case "pass":
		c.passed += one(e.Test)
	case "fail", "build-fail":
		c.show("FAIL", t)
		c.failed += max(one(e.Test), one(e.ImportPath))
		if e.Test == "" && e.Action == "fail" && c.failed == 0 {
			c.failed++ // the package itself failed: a panic, a race, a build
		}
	case "skip":
		if e.Test == "" || strings.Contains(strings.Join(c.output[t], ""), child) {
			break // a package without tests, or half of a test
		}
		c.show("SKIP", t)
		c.skipped++
	default:
		return
	}
	if e.Test == "" {
		c.slow[e.Package] = e.Elapsed
	}
	delete(c.output, t)
}

func one(s string) int {
	if s == "" {
		return 0
	}
	return 1
}

func (c *counts) show(word string, t test) {
	fmt.Printf("--- %s %s %s\n%s", word, t.pkg, t.name, strings.Join(c.output[t], ""))
}

func (c *counts) close() {
	names := []string{}
	for p := range c.slow {
		names = append(names, p)
	}
	sort.Slice(names, func(i, j int) bool { return c.slow[names[i]] > c.slow[names[j]] })
	for _, p := range names[:min(8, len(names))] {
		fmt.Printf("%7.1f s  %s\n", c.slow[p], p)
	}
	word, code := "ok", 0
	if c.failed > 0 || c.skipped > 0 || c.passed == 0 {
		word, code = "FAILED", 1
	}
	fmt.Printf("%s %d tests, %d failed, %d skipped\n", word, c.passed+c.failed+c.skipped, c.failed, c.skipped)
	fmt.Printf("tests: %d passed, %d failed, %d skipped\n", c.passed, c.failed, c.skipped)
	os.Exit(code)
}
