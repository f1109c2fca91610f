package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Limits are what an HTTP client may spend. Zero values mean: no redirects, 30
// seconds.
type Limits struct {
	Redirects int
	Time      time.Duration // of the whole exchange, body included
}

// Timeouts of the steps of an exchange.
const (
	dialTime      = 10 * time.Second
	handshakeTime = 10 * time.Second
	idleTime      = 90 * time.Second
	defaultTime   = 30 * time.Second
	maxHeader     = 64 << 10
)

// Client makes an HTTP client for a purpose. Each connection, a redirect's too, is
// judged by the purpose's rule; proxies of the environment are not used.
func (d *Dialer) Client(p Purpose, l Limits) *http.Client {
	if l.Time == 0 {
		l.Time = defaultTime
	}
	return &http.Client{Transport: d.Transport(p), Timeout: l.Time, CheckRedirect: d.redirects(p, l.Redirects)}
}

// Transport makes an HTTP transport for a purpose.
func (d *Dialer) Transport(p Purpose) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTime)
			defer cancel()
			return d.Dial(ctx, p, network, addr)
		},
		TLSClientConfig:        d.TLS(),
		TLSHandshakeTimeout:    handshakeTime,
		ResponseHeaderTimeout:  0, // the whole exchange is bounded
		MaxResponseHeaderBytes: maxHeader,
		IdleConnTimeout:        idleTime,
		MaxIdleConnsPerHost:    4,
		ForceAttemptHTTP2:      true,
	}
}

// TLS is the configuration of an outgoing TLS connection: 1.2 or newer, and the
// operator's roots.
func (d *Dialer) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.rules.Roots}
}

// redirects follows so many, never from https to http, and judges the next host
// before its name is looked up.
func (d *Dialer) redirects(p Purpose, most int) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		switch {
		case most == 0:
			return http.ErrUseLastResponse
		case len(before) > most:
			return fmt.Errorf("egress: more than %d redirects", most)
		case before[len(before)-1].URL.Scheme == "https" && next.URL.Scheme != "https":
			return refuse("a redirect leads from https to %s", next.URL.Scheme)
		}
		return d.hostAllowed(p, next.URL.Hostname())
	}
}

// Unix makes an HTTP client of a socket in the file system. The host in its URLs
// does not matter.
func Unix(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		// A socket's path has 107 bytes; its folder's descriptor stands for a longer one.
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		var d net.Dialer
		return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
	}}}
}

// Inside makes an HTTP client of a handler in this very process. Nothing leaves.
func Inside(h http.Handler) *http.Client { return &http.Client{Transport: inside{h}} }

type inside struct{ h http.Handler }

// RoundTrip calls the handler and keeps its answer.
func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &heard{header: http.Header{}, code: http.StatusOK}
	t.h.ServeHTTP(w, r)
	return &http.Response{StatusCode: w.code, Status: http.StatusText(w.code), Header: w.header, Body: io.NopCloser(&w.body), Request: r}, nil
}

type heard struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *heard) Header() http.Header         { return w.header }
func (w *heard) WriteHeader(code int)        { w.code = code }
func (w *heard) Write(b []byte) (int, error) { return w.body.Write(b) }
