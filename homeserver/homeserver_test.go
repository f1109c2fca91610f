package homeserver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/config"
	"github.com/chancery-im/chancery/internal/egress"
	"github.com/chancery-im/chancery/storage"
)

func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// configured is a server of its own folder, on ports that are free.
func configured(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.ServerName, cfg.DataDir, cfg.Listeners.Client = "a.test", filepath.Join(t.TempDir(), "data"), "127.0.0.1:0"
	return &cfg
}

func start(t *testing.T, cfg *config.Config) *Listening {
	t.Helper()
	h, err := New(context.Background(), cfg, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	run, err := h.Listen()
	if err != nil {
		t.Fatal(errors.Join(err, h.Close()))
	}
	return run
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAServerStartsTwiceOnOneFolderAndKeepsItsKey(t *testing.T) {
	cfg := configured(t)
	run := start(t, cfg)
	key := run.h.Keys.Current().ID
	if code, body := get(t, http.DefaultClient, "http://"+run.Addr("client").String()+"/_matrix/client/versions"); code != 200 || !strings.Contains(body, "v1.") {
		t.Errorf("%d %s", code, body)
	}
	if err := run.Stop(); err != nil {
		t.Fatal(err)
	}
	run = start(t, cfg)
	defer run.Stop()
	if run.h.Keys.Current().ID != key {
		t.Error("the second start made another key")
	}
}

func TestTheDataFolderIsItsOwnersOnly(t *testing.T) {
	cfg := configured(t)
	if err := os.Mkdir(cfg.DataDir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := start(t, cfg)
	defer run.Stop()
	for path, mode := range map[string]os.FileMode{cfg.DataDir: 0o700, Socket(cfg.DataDir): 0o600, KeyFolder(cfg.DataDir): 0o700} {
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
}

func TestHardening_O08_AServerWithAnOpenKeyDoesNotStart(t *testing.T) {
	cfg := configured(t)
	if err := start(t, cfg).Stop(); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(KeyFolder(cfg.DataDir), "*.key"))
	if err := os.Chmod(names[0], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(context.Background(), cfg, Options{Log: quiet()}); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("it starts: %v", err)
	}
	// The refused start gave the folder back.
	if err := os.Chmod(names[0], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(t, cfg).Stop(); err != nil {
		t.Error(err)
	}
}

func TestOneFolderHasOneServer(t *testing.T) {
	cfg := configured(t)
	run := start(t, cfg)
	defer run.Stop()
	if _, err := New(context.Background(), cfg, Options{Log: quiet()}); !errors.Is(err, storage.ErrLocked) {
		t.Error(err)
	}
}

func TestASocketThatAKilledServerLeftIsReplaced(t *testing.T) {
	cfg := configured(t)
	if err := os.Mkdir(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", Socket(cfg.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	run := start(t, cfg)
	defer run.Stop()
	if code, _ := get(t, egress.Unix(Socket(cfg.DataDir)), "http://x/_chancery/admin/v1/health"); code != 200 {
		t.Error(code)
	}
}

func TestTheSocketWorksInAFolderWithALongPath(t *testing.T) {
	cfg := configured(t)
	cfg.DataDir = filepath.Join(cfg.DataDir, strings.Repeat("long", 20), strings.Repeat("longer", 15))
	run := start(t, cfg)
	defer run.Stop()
	if code, body := get(t, egress.Unix(Socket(cfg.DataDir)), "http://x/_chancery/admin/v1/users"); code != 200 || !strings.Contains(body, "users") {
		t.Errorf("%d %s", code, body)
	}
}

func TestHardening_D01_AdministrationIsNotOnThePublicListener(t *testing.T) {
	cfg := configured(t)
	cfg.Listeners.Admin = "127.0.0.1:0"
	cfg.Registration.SharedSecret = "a long secret of a test 123"
	run := start(t, cfg)
	defer run.Stop()
	public, admin := "http://"+run.Addr("client").String(), "http://"+run.Addr("admin").String()
	for _, path := range []string{"/_chancery/admin/v1/users", "/_synapse/admin/v1/register", "//_chancery/admin/v1/users", "/x/../_chancery/admin/v1/users",
		"/_chancery%2fadmin/v1/users", "/%2e%2e/_chancery/admin/v1/users"} {
		req, _ := http.NewRequest("GET", public+path, nil)
		req.URL.Opaque = path
		req.Header.Set("X-Forwarded-For", "127.0.0.1")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 404 {
			t.Errorf("%s answers %d", path, resp.StatusCode)
		}
	}
	if code, _ := get(t, http.DefaultClient, admin+"/_chancery/admin/v1/users"); code != 401 {
		t.Errorf("without a token: %d", code)
	}
	if code, _ := get(t, http.DefaultClient, admin+"/_synapse/admin/v1/register"); code != 200 {
		t.Errorf("a nonce: %d", code)
	}
	if code, _ := get(t, http.DefaultClient, admin+"/_matrix/client/versions"); code != 404 {
		t.Errorf("the public API is on the administrators' listener: %d", code)
	}
}

func TestUnknownEndpointsAndMethodsAreUnrecognized(t *testing.T) {
	run := start(t, configured(t))
	defer run.Stop()
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/_matrix/client/v3/nothing", 404}, {"GET", "/", 404}, {"PATCH", "/_matrix/client/v3/login", 405}, {"DELETE", "/_matrix/client/versions", 405},
		{"OPTIONS", "/_matrix/client/v3/login", 200}, {"OPTIONS", "/_matrix/client/v3/nothing", 200},
	} {
		w := httptest.NewRecorder()
		run.h.Public.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.code || c.code >= 400 && !strings.Contains(w.Body.String(), "M_UNRECOGNIZED") {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: no CORS", c.method, c.path)
		}
	}
}

func TestHardening_O01_AFreshServerMayReachNobody(t *testing.T) {
	run := start(t, configured(t))
	defer run.Stop()
	for name, p := range map[string]egress.Purpose{"peer": egress.Peer("matrix.example"), "push": egress.Push(), "preview": egress.Preview()} {
		if err := run.h.Egress.Allowed(p); !errors.Is(err, egress.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheConfiguredRulesOfEgressHold(t *testing.T) {
	cfg := configured(t)
	cfg.Federation = config.Federation{Mode: config.ModeList, Deny: []string{"bad.gov"},
		Peers: []config.Peer{{Name: "Good.gov", Networks: []string{"10.9.0.0/16"}}, {Name: "bad.gov"}}}
	d, err := newEgress(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"good.gov": true, "bad.gov": false, "other.gov": false} {
		if err := d.Allowed(egress.Peer(name)); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Lookup(context.Background(), egress.Peer("good.gov"), "10.9.1.1"); err != nil {
		t.Error(err)
	}
	cfg.Egress.CACert = filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(cfg.Egress.CACert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newEgress(cfg); err == nil {
		t.Error("a file without certificates passes")
	}
}

func TestOnlyTrustedProxiesSayForWhomTheyAsk(t *testing.T) {
	for _, c := range []struct{ from, header, want string }{
		{"127.0.0.1:5", "198.51.100.1", "198.51.100.1:0"},
		{"[::ffff:127.0.0.1]:5", "198.51.100.1", "198.51.100.1:0"},
		{"127.0.0.1:5", "6.6.6.6, 198.51.100.1", "198.51.100.1:0"},
		{"127.0.0.1:5", "198.51.100.1, 127.0.0.1", "198.51.100.1:0"},
		{"127.0.0.1:5", "198.51.100.1, nonsense", "127.0.0.1:5"},
		{"127.0.0.1:5", "2001:db8::7", "[2001:db8::7]:0"},
		{"203.0.113.5:5", "127.0.0.1", "203.0.113.5:5"},
		{"@", "127.0.0.1", "@"},
	} {
		got := ""
		h := forwarded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }), []string{"127.0.0.1", "::1"})
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", c.header)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s for %s: %s, want %s", c.from, c.header, got, c.want)
		}
	}
}

// certificate writes a self-signed one for 127.0.0.1.
func certificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTheTLSListenerServesTheSameAPI(t *testing.T) {
	cfg := configured(t)
	cfg.Listeners.TLS = "127.0.0.1:0"
	cfg.Listeners.TLSCert, cfg.Listeners.TLSKey = certificate(t, t.TempDir(), 1)
	run := start(t, cfg)
	defer run.Stop()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if code, _ := get(t, c, "https://"+run.Addr("tls").String()+"/_matrix/client/versions"); code != 200 {
		t.Error(code)
	}
}

func TestARenewedCertificateNeedsNoRestart(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	cert, key := certificate(t, dir, 1)
	c, err := newCertificates(cert, key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	first, _ := c.get(nil)
	certificate(t, dir, 2)
	if err := os.Chtimes(cert, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * lookEvery)
	second, _ := c.get(nil)
	if bytes.Equal(first.Certificate[0], second.Certificate[0]) {
		t.Error("the old certificate is still served")
	}
	if err := os.WriteFile(cert, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * lookEvery)
	if third, err := c.get(nil); err != nil || !bytes.Equal(second.Certificate[0], third.Certificate[0]) {
		t.Errorf("a broken file took the good certificate away: %v", err)
	}
}

func TestAListenerThatCannotOpenIsAnErrorAndFreesTheFolder(t *testing.T) {
	cfg := configured(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg.Listeners.Client = taken.Addr().String()
	h, err := New(context.Background(), cfg, Options{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Listen(); err == nil || !strings.Contains(err.Error(), "listeners.client") {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
