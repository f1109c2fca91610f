package test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoPeopleTalkEncryptedWithMatrixJSSDK drives the shipped binary with a client
// library that people use: cross-signing, key backup, an encrypted room, edits,
// reactions, threads, redactions, a kill -9 in between, a second device.
func TestTwoPeopleTalkEncryptedWithMatrixJSSDK(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not on this machine")
	}
	if _, err := os.Stat(filepath.Join("js", "node_modules", "matrix-js-sdk")); err != nil {
		t.Skip("matrix-js-sdk is not installed: run npm ci in test/js")
	}
	srv := run(t)
	cmd := exec.Command(node, "scenario.mjs", srv.url())
	cmd.Dir = "js"
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // how it ended is in what it said
	done := false
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		switch line := sc.Text(); {
		case line == "KILL":
			srv.kill()
			srv.start()
			fmt.Fprintln(in, "GO")
		case line == "DONE":
			done = true
		case strings.HasPrefix(line, "FAILED"):
			t.Error(line)
		default:
			t.Log(line)
		}
	}
	if !done {
		t.Error("the scenario did not reach its end")
	}
}
