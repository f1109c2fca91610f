package test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the shipped binary, built once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chancery-binary-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "chancery")
	out, err := exec.Command("go", "build", "-o", path, "github.com/chancery-im/chancery/cmd/chancery").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// process is the shipped binary running in a folder of its own.
type process struct {
	t      *testing.T
	config string
	addr   string
	log    *os.File
	cmd    *exec.Cmd
}

const processConfig = `server_name: example.org
data_dir: %q
listeners:
  client: %q
registration:
  mode: open
rate_limits:
  enabled: false
`

// run starts the shipped binary until the test ends. more is added to its
// configuration.
func run(t *testing.T, more ...string) *process {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p := &process{t: t, config: filepath.Join(dir, "chancery.yaml"), addr: addr}
	if err := os.WriteFile(p.config, []byte(fmt.Sprintf(processConfig, filepath.Join(dir, "data"), addr)+strings.Join(more, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			raw, _ := os.ReadFile(p.log.Name())
			t.Logf("the server's log:\n%s", raw[max(0, len(raw)-4000):])
		}
		p.log.Close()
	})
	p.start()
	return p
}

// shipped is the shipped binary as the stories know a server, for those that need its
// speed: it has no race detector in it.
func shipped(t *testing.T) *server { return &server{t: t, url: run(t).url()} }

// start starts the binary and returns when it answers.
func (p *process) start() {
	p.t.Helper()
	bin, err := program()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(bin, "serve", "--config", p.config)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.url()+"/_matrix/client/versions", nil)
		if resp, err := loopback.Do(req); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatal("the server did not answer within a minute")
}

func (p *process) url() string { return "http://" + p.addr }

// kill is kill -9.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// loopback is the client of tests.
var loopback = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
