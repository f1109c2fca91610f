package id_test

import (
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/id"
)

func TestIdentifiersAreToldFromOthers(t *testing.T) {
	hash := strings.Repeat("A", 43)
	for what, c := range map[string]struct {
		is        func(string) bool
		good, bad []string
	}{
		"user": {id.IsUser, []string{"@a:b", "@a.B c/=:example.org:8448", "@:example.org", "@a:[::1]:80", "@a:1.2.3.4"},
			[]string{"", "@", "@a", "a:b", "@a:", "@a:b c", "@a\x00:b", "@a\xff:b", "@a\n:b", "@a:b:c", "@" + strings.Repeat("a", 255) + ":b", "@a:[::1"}},
		"new localpart": {id.IsNewLocalpart, []string{"a", "a.b_c=d-e/f+1"}, []string{"", "A", "ä", "a b", "a:b", "@a"}},
		"room":          {id.IsRoom, []string{"!a:b", "!" + hash}, []string{"", "!", "!a", "!:b", "#a:b", "!" + hash + "A", "!a:b\x00"}},
		"event":         {id.IsEvent, []string{"$a:b", "$" + hash, "$" + strings.Repeat("+", 43)}, []string{"", "$", "$a", "!a:b", "$" + hash + "="}},
		"alias":         {id.IsAlias, []string{"#a:b", "#ä b:example.org"}, []string{"", "#a", "#:b", "a:b"}},
		"server":        {id.IsServerName, []string{"a", "example.org", "example.org:8448", "[::1]", "[::1]:1", "1.2.3.4:5"}, []string{"", ":1", "a:", "a:x", "a_b", "a b", "[x]", "[1.2.3.4]", "[fe80::1%25eth0]", "a:123456"}},
		"device":        {id.IsDevice, []string{"A", "ü"}, []string{"", "a\x00"}},
	} {
		for _, s := range c.good {
			if !c.is(s) {
				t.Errorf("%q is a %s", s, what)
			}
		}
		for _, s := range c.bad {
			if c.is(s) {
				t.Errorf("%q is no %s", s, what)
			}
		}
	}
}

func TestPartsOfAnIdentifier(t *testing.T) {
	if s := id.ServerOf("@a:example.org:8448"); s != "example.org:8448" {
		t.Error(s)
	}
	if s := id.LocalpartOf("@a:example.org"); s != "a" {
		t.Error(s)
	}
	if a, b := id.NewRoomID(nil, "example.org"), id.NewRoomID(nil, "example.org"); a == b || !id.IsRoom(a) {
		t.Error(a, b)
	}
}

func FuzzIdentifiers(f *testing.F) {
	for _, s := range []string{"@a:b", "!a:b", "$a:b", "#a:b", "@a:[::1]:1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, is := range []func(string) bool{id.IsUser, id.IsRoom, id.IsEvent, id.IsAlias} {
			if is(s) && (len(s) > id.MaxLength || strings.ContainsAny(s, "\x00\n")) {
				t.Errorf("taken: %q", s)
			}
		}
	})
}
