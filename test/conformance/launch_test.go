package conformance

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// suite is the environment of a launch.
type suite struct {
	t   *testing.T
	env map[string]string
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "chancery")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/chancery-im/chancery/cmd/chancery").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t, dir)
	return &suite{t, map[string]string{"CHANCERY_BIN": bin, "SERVER_NAME": "localhost:8448", "BIND_HOST": "127.0.0.1", "DATA_DIR": data,
		"CLIENT_PORT": port(t), "FEDERATION_PORT": port(t), "ADMIN_PORT": "", "TLS_CERT": cert, "TLS_KEY": key, "CA_CERT": cert,
		"REGISTRATION_SHARED_SECRET": `quote" \and$`, "APPSERVICE_FILES": "", "DATABASE_URI": "", "DEFAULT_ROOM_VERSION": "10",
		"SMTP_HOST": "127.0.0.1", "SMTP_PORT": "2525"}}
}

// port is one that nobody uses now.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
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

// launch runs the script until the server answers; stop ends it and gives its exit.
func (s *suite) launch() (stop func() error) {
	s.t.Helper()
	cmd := exec.Command("./launch")
	cmd.Env = os.Environ()
	for k, v := range s.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stderr = os.Stderr
	cmd.Env = append(cmd.Env, "LOG_LEVEL=warn")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "The configuration is") {
			return func() error {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					return err
				}
				return cmd.Wait()
			}
		}
	}
	s.t.Fatalf("it did not start: %v", cmd.Wait())
	return nil
}

// call makes a request and decodes the answer.
func (s *suite) call(method, url, body string) (int, map[string]any) {
	s.t.Helper()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		s.t.Fatalf("%s: %v", url, err)
	}
	return resp.StatusCode, m
}

func TestAConformanceSuiteFindsAServerThatIsOpen(t *testing.T) {
	s := newSuite(t)
	stop := s.launch()
	plain, secure := "http://127.0.0.1:"+s.env["CLIENT_PORT"], "https://127.0.0.1:"+s.env["FEDERATION_PORT"]
	for _, base := range []string{plain, secure} {
		if code, m := s.call("GET", base+"/_matrix/client/versions", ""); code != 200 {
			t.Errorf("%s: %d %v", base, code, m)
		}
	}
	code, m := s.call("POST", plain+"/_matrix/client/v3/register", `{"auth":{"type":"m.login.dummy"},"username":"ada","password":"a good password"}`)
	if code != 200 || m["user_id"] != "@ada:localhost:8448" {
		t.Errorf("registration: %d %v", code, m)
	}
	if code, m := s.call("POST", plain+"/_matrix/client/v3/register?kind=guest", `{}`); code != 200 {
		t.Errorf("a guest: %d %v", code, m)
	}
	if code, m := s.call("GET", plain+"/_synapse/admin/v1/register", ""); code != 200 {
		t.Errorf("a nonce on the client port: %d %v", code, m)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s.env["ADMIN_PORT"] = port(t)
	stop = s.launch()
	if code, m := s.call("GET", plain+"/_synapse/admin/v1/register", ""); code != 404 {
		t.Errorf("administration on the client port: %d %v", code, m)
	}
	if code, m := s.call("GET", "http://127.0.0.1:"+s.env["ADMIN_PORT"]+"/_synapse/admin/v1/register", ""); code != 200 {
		t.Errorf("a nonce on the administration port: %d %v", code, m)
	}
	login := `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"ada"},"password":"a good password"}`
	if code, m := s.call("POST", secure+"/_matrix/client/v3/login", login); code != 200 {
		t.Errorf("after a restart: %d %v", code, m)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
