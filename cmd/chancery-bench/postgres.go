package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// postgres is a private database server in a folder, on a Unix socket only.
type postgres struct {
	bin    string // folder of its programs
	folder string // data
	socket string // folder of the socket
	owner  *syscall.Credential
	cmd    *exec.Cmd
	gone   chan struct{}
	log    *os.File
}

// findPostgres looks for the programs of a PostgreSQL server.
func findPostgres() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("no PostgreSQL server programs on this machine")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is who runs the database: it refuses root.
func unprivileged() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

func newPostgres(folder, socket string, log *os.File) (*postgres, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: bin, folder: folder, socket: socket, owner: unprivileged(), log: log}
	for _, dir := range []string{folder, socket} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if p.owner != nil {
			if err := os.Chown(dir, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
				return nil, err
			}
		}
	}
	return p, p.run("initdb", "-D", folder, "-U", "chancery", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums")
}

func (p *postgres) command(name string, args ...string) *exec.Cmd {
	path := filepath.Join(p.bin, name)
	if _, err := os.Stat(path); err != nil {
		path = name // a client program, which may live elsewhere
	}
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setpgid: true}
	cmd.Dir = "/"
	return cmd
}

func (p *postgres) run(name string, args ...string) error {
	cmd := p.command(name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out.String())
	}
	return nil
}

// start runs the database with its ordinary, durable settings.
func (p *postgres) start() error {
	p.cmd = p.command("postgres", "-D", p.folder, "-k", p.socket, "-c", "listen_addresses=", "-c", "max_connections=60")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) {
		_ = cmd.Wait()
		close(gone)
	}(p.cmd, p.gone)
	for range 3000 {
		if p.run("psql", "-h", p.socket, "-U", "chancery", "-d", "postgres", "-c", "SELECT 1") == nil {
			return nil
		}
		select {
		case <-p.gone:
			return errors.New("the database ended before it answered; see its log")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("the database did not answer")
}

func (p *postgres) uri(name string) string {
	return "host=" + p.socket + " user=chancery dbname=" + name + " sslmode=disable"
}

func (p *postgres) create(name string) error {
	return p.run("psql", "-h", p.socket, "-U", "chancery", "-d", "postgres", "-c", "CREATE DATABASE "+name)
}

// kill ends every process of the database at once.
func (p *postgres) kill() {
	if p.cmd == nil {
		return
	}
	for _, pid := range p.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.gone
	// Children are adopted and die with their shared memory; wait for them.
	for range 200 {
		if len(p.processes()) == 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = os.Remove(filepath.Join(p.folder, "postmaster.pid"))
	p.cmd = nil
}

func (p *postgres) stop() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.gone
	p.cmd = nil
}

// processes are the postmaster and its children.
func (p *postgres) processes() []int {
	if p.cmd == nil {
		return nil
	}
	parent := p.cmd.Process.Pid
	out := []int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		rest := raw[bytes.LastIndexByte(raw, ')')+1:]
		f := bytes.Fields(rest)
		ppid, _ := strconv.Atoi(string(f[1]))
		pgrp, _ := strconv.Atoi(string(f[2]))
		if (pid == parent || ppid == parent || pgrp == parent) && string(f[0]) != "Z" {
			out = append(out, pid)
		}
	}
	return out
}

// cpu is the CPU time of the database: the living processes and those that ended.
func (p *postgres) cpu() time.Duration {
	var sum time.Duration
	for _, pid := range p.processes() {
		sum += cpu(pid)
	}
	if p.cmd != nil {
		sum += childCPU(p.cmd.Process.Pid)
	}
	return sum
}

// childCPU is what ended and awaited children of a process used.
func childCPU(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	u, _ := strconv.ParseInt(string(f[13]), 10, 64)
	k, _ := strconv.ParseInt(string(f[14]), 10, 64)
	return time.Duration(u+k) * time.Second / 100
}
