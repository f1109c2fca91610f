package test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// plays runs a script of test/js, which drives a server with a client library that
// people use. What it asks for is done by asked. It is skipped where Node.js or the
// library is not installed.
func plays(t *testing.T, script, url string, asked func(what string), args ...string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not on this machine")
	}
	if _, err := os.Stat(filepath.Join("js", "node_modules", "matrix-js-sdk")); err != nil {
		t.Skip("matrix-js-sdk is not installed: run npm ci in test/js")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, append([]string{script, url}, args...)...)
	var errors bytes.Buffer
	cmd.Dir, cmd.Stderr = "js", &errors
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
	done := false
	for sc := bufio.NewScanner(out); sc.Scan(); {
		line := sc.Text()
		if what, ok := strings.CutPrefix(line, "ASK "); ok {
			asked(what)
			fmt.Fprintln(in, "done")
			continue
		}
		t.Log(line)
		done = done || line == "DONE"
	}
	if err := cmd.Wait(); !done {
		t.Errorf("%s did not reach its end: %v\n%s", script, err, errors.Bytes())
	}
}

// TestTwoPeopleTalkEncryptedWithMatrixJSSDK drives the shipped binary: cross-signing,
// key backup, an encrypted room, edits, reactions, threads, redactions, a kill -9 in
// between, a second device.
func TestTwoPeopleTalkEncryptedWithMatrixJSSDK(t *testing.T) {
	t.Parallel()
	srv := run(t)
	plays(t, "talk.mjs", srv.url(), func(string) {
		srv.kill()
		srv.start()
	})
}
