package appservice

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "bridge.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

const bridge = `
id: irc
url: http://localhost:9999
as_token: secret-as
hs_token: secret-hs
sender_localpart: ircbot
rate_limited: false
namespaces:
  users:
    - {exclusive: true, regex: "@_irc_.*"}
    - {exclusive: false, regex: "@guest_.*:x"}
`

func TestARegistrationSaysWhoseAUserIs(t *testing.T) {
	r, err := Load("x", []string{write(t, bridge)})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.OfToken("secret-hs"); ok {
		t.Error("the token of the other direction")
	}
	owns, ok := r.OfToken("secret-as")
	if !ok {
		t.Fatal("the token is not known")
	}
	for user, want := range map[string][2]bool{
		"@ircbot:x": {true, true}, "@_irc_bob:x": {true, true}, "@guest_1:x": {true, false}, "@bob:x": {false, false},
		"@not@_irc_bob:x": {false, false}, "@ircbot:y": {false, false},
	} {
		if owns(user) != want[0] || r.Exclusive(user) != want[1] {
			t.Errorf("%s: owned %v, exclusive %v", user, owns(user), r.Exclusive(user))
		}
	}
}

func TestBadRegistrationsAreNamed(t *testing.T) {
	good := write(t, bridge)
	files := []string{good, good, filepath.Join(t.TempDir(), "none"), write(t, "id: [x"),
		write(t, strings.Replace(bridge, "as_token: secret-as", "", 1)),
		write(t, strings.NewReplacer("irc\n", "other\n", "secret-as", "as2", "@_irc_.*", "@(").Replace(bridge))}
	_, err := Load("x", files)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"another one has its id", "no such file", "as_token is missing", "no regular expression"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "application service "); n != 5 {
		t.Errorf("%d complaints in %v", n, err)
	}
}
