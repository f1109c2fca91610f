package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chancery-im/chancery/config"
)

// shell runs commands with an environment of their own.
type shell struct {
	t   *testing.T
	env map[string]string
}

func (s shell) run(input string, args ...string) (code int, out, errs string) {
	s.t.Helper()
	in := filepath.Join(s.t.TempDir(), "in")
	if err := os.WriteFile(in, []byte(input), 0o600); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.Open(in)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	var o, e bytes.Buffer
	p := &program{in: f, out: &o, err: &e, env: func(k string) string { return s.env[k] }}
	code = p.main(args)
	return code, o.String(), e.String()
}

func (s shell) must(input string, args ...string) string {
	s.t.Helper()
	code, out, errs := s.run(input, args...)
	if code != 0 {
		s.t.Fatalf("chancery %s: %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// installed is a shell with a configured server that is not running.
func installed(t *testing.T) shell {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(config.Sample("a.test", "."), `client: "127.0.0.1:8008"`, `client: "127.0.0.1:0"`, 1)
	if err := os.WriteFile(filepath.Join(dir, "chancery.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return shell{t, map[string]string{envDataDir: dir}}
}

// serving runs the server of a shell until the returned function asks it to stop,
// which returns its exit code.
func (s shell) serving(args ...string) (greeting string, stop func() int) {
	s.t.Helper()
	r, w := io.Pipe()
	p := &program{in: os.Stdin, out: w, err: io.Discard, env: func(k string) string { return s.env[k] }}
	done := make(chan int, 1)
	go func() {
		done <- p.main(append([]string{"serve"}, args...))
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		greeting += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "The configuration is") {
			break
		}
	}
	go io.Copy(io.Discard, r)
	return greeting, func() int {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			s.t.Error(err)
		}
		return <-done
	}
}

func TestTheFirstStartMakesEverythingAndTheSecondFindsIt(t *testing.T) {
	s := installed(t)
	dir := s.env[envDataDir]
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.run("", "serve", "--server-name", "Not A Name"); code != 1 || !strings.Contains(errs, "host name") {
		t.Errorf("with a name that is none: %d %s", code, errs)
	}
	if exists(dir) {
		t.Error("a refused first start left a folder")
	}
	// The first start takes the default port; the test takes a free one.
	file := filepath.Join(dir, "chancery.yaml")
	o := (&program{out: io.Discard, env: func(k string) string { return s.env[k] }}).options("serve")
	if err := o.p.firstStart(o, "a.test"); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, file: 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", path, fi.Mode(), err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(raw, []byte("127.0.0.1:8008"), []byte("127.0.0.1:0")), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		greeting, stop := s.serving()
		for _, want := range []string{"serves a.test", "http://127.0.0.1:", "chancery user create", "Federation is off"} {
			if !strings.Contains(greeting, want) {
				t.Errorf("the greeting lacks %q:\n%s", want, greeting)
			}
		}
		if code := stop(); code != 0 {
			t.Errorf("SIGTERM ends it with %d", code)
		}
	}
	if code, _, errs := s.run("", "serve", "--server-name", "b.test"); code != 1 || !strings.Contains(errs, "a.test, not b.test") {
		t.Errorf("another name: %d %s", code, errs)
	}
}

func TestAccountsAreMadeWhetherTheServerRunsOrNot(t *testing.T) {
	s := installed(t)
	s.must("a good password\n", "user", "create", "ada", "--admin", "--password-stdin")
	greeting, stop := s.serving()
	s.must("a good password", "user", "create", "--password-stdin", "@bob:a.test")
	if code, _, errs := s.run("a good password", "user", "create", "bob", "--password-stdin"); code != 1 || !strings.Contains(errs, "taken") {
		t.Errorf("twice: %d %s", code, errs)
	}
	list := s.must("", "user", "list")
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(greeting)
	resp, err := http.Post(base+"/_matrix/client/v3/login", "application/json",
		strings.NewReader(`{"type":"m.login.password","identifier":{"type":"m.id.user","user":"ada"},"password":"a good password"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("login: %s", resp.Status)
	}
	stop()
	if later := s.must("", "user", "list"); later != list || !regexp.MustCompile(`@ada:a.test .*administrator`).MatchString(list) || !strings.Contains(list, "@bob:a.test") {
		t.Errorf("running:\n%s\nstopped:\n%s", list, later)
	}
}

func TestAPasswordIsNotTakenFromNowhere(t *testing.T) {
	s := installed(t)
	if code, _, errs := s.run("", "user", "create", "ada"); code != 1 || !strings.Contains(errs, "--password-stdin") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := s.run("\n", "user", "create", "ada", "--password-stdin"); code != 1 || !strings.Contains(errs, "no password") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestATokenIsPrintedAlone(t *testing.T) {
	s := installed(t)
	code, out, errs := s.run("", "token", "create", "--uses", "3")
	if code != 0 || len(strings.Fields(out)) != 1 || !strings.Contains(errs, "closed") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}

func TestKeysRotateOnlyWhileTheServerRests(t *testing.T) {
	s := installed(t)
	_, stop := s.serving()
	if code, _, errs := s.run("", "keys", "rotate"); code != 1 || !strings.Contains(errs, "running") {
		t.Errorf("%d %s", code, errs)
	}
	before := s.must("", "keys", "list")
	stop()
	s.must("", "keys", "rotate")
	after := strings.Split(strings.TrimSpace(s.must("", "keys", "list")), "\n")
	old := strings.Fields(strings.Split(before, "\n")[1])[0]
	if len(after) != 3 || !strings.HasPrefix(after[2], old) || !strings.HasSuffix(after[1], "signs") || strings.HasSuffix(after[2], "signs") {
		t.Errorf("before:\n%s\nafter:\n%s", before, strings.Join(after, "\n"))
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	s := installed(t)
	s.must("", "check-config")
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("server_name: a.test\nfoo: 1\nlog:\n  level: loud\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := s.run("", "check-config", "--config", file)
	if code != 1 || !strings.Contains(errs, file+":2: foo") || !strings.Contains(errs, file+":4: log.level") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, _ := s.run("", "serve", "--config", file); code != 1 {
		t.Error("it starts all the same")
	}
	if out := s.must("", "generate-config", "--server-name", "z.test"); !strings.Contains(out, `server_name: "z.test"`) {
		t.Error(out)
	}
}

func TestTheDoctorFindsWhatIsWrong(t *testing.T) {
	s := installed(t)
	s.must("a good password", "user", "create", "ada", "--password-stdin")
	if out := s.must("", "doctor"); strings.Contains(out, "BAD") {
		t.Error(out)
	}
	names, _ := filepath.Glob(filepath.Join(s.env[envDataDir], "signing_keys", "*.key"))
	if err := os.Chmod(names[0], 0o640); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := s.run("", "doctor"); code != 1 || !strings.Contains(out, "BAD   signing keys") {
		t.Errorf("%d %s", code, out)
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := s.run("", "doctor"); code != 1 || !strings.Contains(out, "backup") {
		t.Errorf("%d %s", code, out)
	}
	if code, _, errs := s.run("", "serve"); code != 1 || !strings.Contains(errs, "backup") {
		t.Errorf("it starts without the key that it had: %d %s", code, errs)
	}
	s.must("", "keys", "rotate", "--lost")
	s.must("", "doctor")
}

func TestWrongUseIsToldApartFromFailure(t *testing.T) {
	s := installed(t)
	for _, args := range [][]string{{}, {"dance"}, {"user"}, {"serve", "now"}, {"user", "create"}, {"serve", "--no-such-flag"}} {
		if code, _, errs := s.run("", args...); code != 2 || errs == "" {
			t.Errorf("%v: %d", args, code)
		}
	}
	for _, args := range [][]string{{"help"}, {"version"}, {"serve", "--help"}} {
		if code, _, _ := s.run("", args...); code != 0 {
			t.Errorf("%v: %d", args, code)
		}
	}
}
