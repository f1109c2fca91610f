package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is the program under test, with its data folder and its database.
type server struct {
	binary string
	folder string // data folder
	dbURI  string // "" for SQLite
	config string // path of the configuration
	addr   string
	log    *os.File
	cmd    *exec.Cmd
	gone   chan struct{}
}

func (s *server) base() string { return "http://" + s.addr }

// freeAddr is a loopback address that nobody uses now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// configure writes a configuration for measuring: open registration, no rate
// limits, loopback only.
func (s *server) configure() error {
	text := fmt.Sprintf(benchConfig, s.folder, s.addr, s.dbURI)
	return os.WriteFile(s.config, []byte(text), 0o600)
}

const benchConfig = `server_name: bench.test
data_dir: %q
listeners:
  client: %q
database:
  uri: %q
registration:
  mode: open
  guests: true
rate_limits:
  enabled: false
log:
  level: warn
`

// start runs the server and returns when it answers.
func (s *server) start(ctx context.Context) error {
	if err := s.configure(); err != nil {
		return err
	}
	s.cmd = exec.Command(s.binary, "serve", "--config", s.config)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait()
		close(gone)
	}(s.cmd, s.gone)
	return s.ready(ctx)
}

func (s *server) ready(ctx context.Context) error {
	hc := &http.Client{Timeout: time.Second}
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		resp, err := hc.Get(s.base() + "/_matrix/client/versions")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.gone:
			return errors.New("the server ended before it answered; see its log")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("the server did not answer within a minute")
}

// kill is SIGKILL: no goodbye.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.gone
	s.cmd = nil
}

// stop asks the server to end, and waits.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.gone
	}
	s.cmd = nil
}

// cpu is the CPU time a process and its living children have used.
func cpu(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var u, k int64
	fmt.Sscan(fields[11], &u)
	fmt.Sscan(fields[12], &k)
	return time.Duration(u+k) * time.Second / 100
}

// peak is the largest resident memory of a process so far, in bytes.
func peak(pid int) int64 { return statusBytes(pid, "VmHWM:") }

// resident is the resident memory of a process now, in bytes.
func resident(pid int) int64 { return statusBytes(pid, "VmRSS:") }

func statusBytes(pid int, field string) int64 {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(raw), "\n") {
		if rest, ok := strings.CutPrefix(line, field); ok {
			var kb int64
			fmt.Sscan(rest, &kb)
			return kb << 10
		}
	}
	return 0
}

// diskUse is the space that the files under dir take, in bytes.
func diskUse(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n += st.Blocks * 512
			}
		}
		return nil
	})
	return n
}
