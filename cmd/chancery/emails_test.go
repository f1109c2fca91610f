package main

import (
	"strings"
	"testing"
)

func TestAddressesAreGivenAndTaken(t *testing.T) {
	s := installed(t)
	s.must("a good password", "user", "create", "ada", "--password-stdin")
	s.must("a good password", "user", "create", "bob", "--password-stdin")
	if got := s.must("", "user", "email", "ada", "--add", "Ada@example.com"); got != "ada@example.com\n" {
		t.Errorf("%q", got)
	}
	if code, _, errs := s.run("", "user", "email", "@bob:a.test", "--add", "ada@EXAMPLE.com"); code != 1 || !strings.Contains(errs, "another account") {
		t.Errorf("another's address: %d %s", code, errs)
	}
	for _, bad := range []string{"nobody", "a b@example.com", "Ada <ada@example.com>"} {
		if code, _, _ := s.run("", "user", "email", "ada", "--add", bad); code != 1 {
			t.Errorf("%q was taken", bad)
		}
	}
	if code, _, errs := s.run("", "user", "email", "eve"); code != 1 || !strings.Contains(errs, "no such user") {
		t.Errorf("of nobody: %d %s", code, errs)
	}
	if got := s.must("", "user", "email", "ada", "--remove", "ada@example.com"); got != "" {
		t.Errorf("%q", got)
	}
	if code, _, _ := s.run("", "user", "email", "ada", "--remove", "ada@example.com"); code != 1 {
		t.Error("it was removed twice")
	}
}
