package homeserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/chancery-im/chancery/config"
)

// Bounds of a connection. The header's are from the hardening cases: who sends
// slowly is cut off.
const (
	headerTime  = 5 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
	stopTime    = 15 * time.Second
)

// Socket is the path of the administrators' socket in a data folder.
func Socket(dataDir string) string { return filepath.Join(dataDir, "admin.sock") }

// listening is one listener with its server.
type listening struct {
	what string
	l    net.Listener
	s    *http.Server
}

// Listening is a server with its listeners open.
type Listening struct {
	h    *Homeserver
	list []*listening
	errs chan error
}

// Listen opens every configured listener and the administrators' socket, and
// serves them. Stop ends it.
func (h *Homeserver) Listen() (*Listening, error) {
	run := &Listening{h: h, errs: make(chan error, 4)}
	if err := run.open(); err != nil {
		run.close()
		return nil, err
	}
	for _, one := range run.list {
		go run.serve(one)
	}
	return run, nil
}

func (run *Listening) open() error {
	h, l := run.h, run.h.Config.Listeners
	if l.Client != "" {
		if err := run.tcp("client", l.Client, h.Public, nil); err != nil {
			return err
		}
	}
	if l.TLS != "" {
		certs, err := newCertificates(l.TLSCert, l.TLSKey, h.clock)
		if err != nil {
			return err
		}
		if err := run.tcp("tls", l.TLS, h.Public, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get}); err != nil {
			return err
		}
	}
	if l.Admin != "" && l.Admin != config.AdminOnClient {
		if err := run.tcp("admin", l.Admin, h.Admin, nil); err != nil {
			return err
		}
		if a, ok := run.Addr("admin").(*net.TCPAddr); ok && !a.IP.IsLoopback() {
			h.log.Warnf("the administration API listens on %s without TLS; let no network reach it that you do not trust", a)
		}
	}
	return run.socket()
}

func (run *Listening) tcp(what, addr string, handler http.Handler, secure *tls.Config) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listeners.%s: %w", what, err)
	}
	run.add(what, l, handler, secure)
	return nil
}

// socket opens the administrators' socket. Its folder lets nobody but the owner in,
// so that the moment before its mode is set is nobody's chance.
func (run *Listening) socket() error {
	path := Socket(run.h.Config.DataDir)
	// The folder is reached through its descriptor: a socket's path has 107 bytes.
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	fresh := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	_ = os.Remove(path) // one that a killed server left; the folder is locked, so nobody uses it
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return fmt.Errorf("the socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return err
	}
	run.add("socket", l, run.h.Trusted, nil)
	return nil
}

func (run *Listening) add(what string, l net.Listener, handler http.Handler, secure *tls.Config) {
	run.list = append(run.list, &listening{what, l, &http.Server{Handler: handler, TLSConfig: secure, ReadHeaderTimeout: headerTime,
		IdleTimeout: idleTime, MaxHeaderBytes: headerBytes, ErrorLog: quietLog(run.h.log)}})
}

func (run *Listening) serve(one *listening) {
	var err error
	if one.s.TLSConfig != nil {
		err = one.s.ServeTLS(one.l, "", "")
	} else {
		err = one.s.Serve(one.l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		run.errs <- fmt.Errorf("listeners.%s: %w", one.what, err)
	}
}

// Addr is the address of a listener: "client", "tls" or "admin"; nil when it is
// not open.
func (run *Listening) Addr(what string) net.Addr {
	for _, one := range run.list {
		if one.what == what {
			return one.l.Addr()
		}
	}
	return nil
}

// Wait returns when ctx ends, or with the error of a listener that failed.
func (run *Listening) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-run.errs:
		return err
	}
}

// Stop takes no new requests, lets long-polls answer at once and the others end,
// and closes the server. What was acknowledged is on disk whether this ends well
// or not.
func (run *Listening) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	run.h.quiet.Do(run.h.sync.Close)
	done := make(chan error, len(run.list))
	for _, one := range run.list {
		go func() { done <- one.s.Shutdown(ctx) }()
	}
	for range run.list {
		if err := <-done; err != nil {
			run.h.log.WithError(err).Warn("requests were cut off")
		}
	}
	run.close()
	return run.h.Close()
}

func (run *Listening) close() {
	for _, one := range run.list {
		_ = one.s.Close()
		_ = one.l.Close()
		if one.what == "socket" {
			_ = os.Remove(Socket(run.h.Config.DataDir))
		}
	}
}
