package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) (*Config, string) {
	t.Helper()
	c, bad := Parse([]byte(text), "chancery.yaml", Override{})
	return c, bad.Error()
}

func TestAllComplaintsComeAtOnceEachWithItsLine(t *testing.T) {
	_, got := parse(t, `server_name: Bad Name
listeners:
  client: nonsense
registration:
  mode: perhaps
  gests: true
rate_limits:
  enabled: maybe
  messages: {per_second: 0, burst: 1}
media:
  max_upload: huge
federation:
  mode: list
log:
  level: info
  level: debug
unknown: 1
`)
	want := []string{
		`chancery.yaml:1: server_name: "Bad Name" is not a host name`,
		`chancery.yaml:3: listeners.client: "nonsense" is not a host and a port`,
		`chancery.yaml:5: registration.mode: "perhaps" is not one of closed, token, open`,
		`chancery.yaml:6: registration.gests: there is no such key; did you mean guests?`,
		`chancery.yaml:8: rate_limits.enabled: expected true or false`,
		`chancery.yaml:9: rate_limits.messages: per_second must be more than 0`,
		`chancery.yaml:11: media.max_upload: "huge" is not a size`,
		`chancery.yaml: federation.peers: mode list needs at least one server`,
		`chancery.yaml:16: log.level: the key is there twice`,
		`chancery.yaml:17: unknown: there is no such key`,
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("missing %q", w)
		}
	}
	if n := len(strings.Split(got, "\n")); n != len(want) {
		t.Errorf("%d complaints, want %d:\n%s", n, len(want), got)
	}
}

func TestBrokenYAMLIsToldWithItsLine(t *testing.T) {
	for _, text := range []string{"server_name: x\nlisteners: [\n", "server_name: x\n\tfoo: bar\n", "a: b: c\n"} {
		if _, got := parse(t, text); !strings.Contains(got, "chancery.yaml:") || !strings.Contains(got, "not YAML") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestTheSmallestConfigurationIsAName(t *testing.T) {
	c, bad := parse(t, "server_name: example.org\n")
	if bad != "" {
		t.Fatal(bad)
	}
	if c.Federation.Mode != ModeOff || c.Registration.Mode != RegistrationClosed || c.URLPreviews.Enabled || c.Push.Mode != ModeOff || c.Registration.Guests {
		t.Errorf("the defaults are not closed: %+v", c)
	}
	if !strings.HasPrefix(c.Listeners.Client, "127.0.0.1:") {
		t.Errorf("listens on %s", c.Listeners.Client)
	}
}

func TestTheCommandLineGoesBeforeTheFile(t *testing.T) {
	c, _ := Parse([]byte("server_name: a.org\ndata_dir: /one\n"), "x", Override{DataDir: "/two"})
	if c.DataDir != "/two" {
		t.Error(c.DataDir)
	}
}

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSecretsComeFromFilesBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "shared", "a-long-value-nobody-knows-9\n", 0o600)
	p := write(t, dir, "chancery.yaml", "server_name: a.org\nregistration:\n  shared_secret_file: shared\n", 0o644)
	c, err := Load(p, Override{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Registration.SharedSecret.Reveal() != "a-long-value-nobody-knows-9" {
		t.Error("not read")
	}
}

func TestHardening_D07_ASecretThatEverybodyCanReadStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "shared", "a-long-value-nobody-knows-9\n", 0o644)
	p := write(t, dir, "one.yaml", "server_name: a.org\nregistration:\n  shared_secret_file: shared\n", 0o600)
	if _, err := Load(p, Override{}); err == nil || !strings.Contains(err.Error(), "one.yaml:3: registration.shared_secret_file") {
		t.Errorf("secret file: %v", err)
	}
	p = write(t, dir, "two.yaml", "server_name: a.org\nregistration:\n  shared_secret: a-long-value-nobody-knows-9\n", 0o644)
	if _, err := Load(p, Override{}); err == nil || !strings.Contains(err.Error(), "make it 0600") {
		t.Errorf("secret in the file: %v", err)
	}
}

func TestHardening_D07_SecretsAreNotPrinted(t *testing.T) {
	c := Default()
	c.Registration.SharedSecret, c.Database.URI = "needle-1", "postgres://u:needle-2@h/db"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if out := fmt.Sprintf(verb, c); strings.Contains(out, "needle") {
			t.Errorf("%s prints a secret", verb)
		}
	}
}

func TestHardening_A04_APlaceholderSecretIsRefused(t *testing.T) {
	for _, s := range []string{"short", "CHANGE_ME", "shared-secret", "aaaaaaaaaaaaaaaaaaaa", "<your secret here>"} {
		if _, bad := parse(t, "server_name: a.org\nregistration:\n  shared_secret: \""+s+"\"\n"); !strings.Contains(bad, "registration.shared_secret") {
			t.Errorf("%q passes", s)
		}
	}
}

func TestAMissingFileIsAnErrorOfItsOwn(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Override{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	for text, n := range map[string]Size{"0": 0, "1000": 1000, "1 KiB": 1024, "50 MiB": 50 << 20, "2GiB": 2 << 30} {
		var s, back Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != n {
			t.Errorf("%s is %d, %v", text, s, err)
		}
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%s comes back as %d, %v", s, back, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("server_name: [a, {b: c}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, bad := Parse([]byte(text), "f", Override{})
		if c == nil || bad == nil {
			t.Fatal("nothing came back")
		}
	})
}
