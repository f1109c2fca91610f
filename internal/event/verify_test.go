package event_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/chancery-im/chancery/internal/event"
)

// oneKey is a Verifier that knows the key of our.example only.
type oneKey struct{}

func (oneKey) VerifySignature(_ context.Context, server, keyID string, _ int64, _ bool, message, sig []byte) error {
	k := seededKey(7)
	if server != "our.example" || keyID != k.ID || !ed25519.Verify(k.Private.Public().(ed25519.PublicKey), message, sig) {
		return errors.New("no such key, or a wrong signature")
	}
	return nil
}

// changed is the event's JSON with one top-level member replaced.
func changed(t *testing.T, raw []byte, key string, value any) []byte {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if m[key] = value; value == nil {
		delete(m, key)
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func verify(t *testing.T, v event.Version, raw []byte) (*event.Event, error) {
	t.Helper()
	f, err := event.Parse(v, raw)
	if err != nil {
		return nil, err
	}
	return f.Verify(t.Context(), oneKey{})
}

func TestHardening_F02_UnsignedAndForgedEventsAreRefused(t *testing.T) {
	e, err := signer().SignOwn("11", samples("11")["message"])
	if err != nil {
		t.Fatal(err)
	}
	var sigs map[string]map[string]string
	var whole struct{ Signatures map[string]map[string]string }
	_ = json.Unmarshal(e.Bytes(), &whole)
	sigs = whole.Signatures
	for name, raw := range map[string][]byte{
		"no signature":              changed(t, e.Bytes(), "signatures", nil),
		"another server's":          changed(t, e.Bytes(), "signatures", map[string]any{"evil.example": sigs["our.example"]}),
		"sender of another server":  changed(t, e.Bytes(), "sender", "@alice:other.example"),
		"changed after the signing": changed(t, e.Bytes(), "depth", 13),
	} {
		if _, err := verify(t, "11", raw); !errors.Is(err, event.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	more := map[string]any{"our.example": map[string]string{"ed25519:k1": sigs["our.example"]["ed25519:k1"], "curve448:x": "AAAA"}}
	if _, err := verify(t, "11", changed(t, e.Bytes(), "signatures", more)); err != nil {
		t.Errorf("a good signature beside one of an unknown algorithm: %v", err)
	}
}

func TestHardening_F04_AWrongContentHashRedacts(t *testing.T) {
	e, err := signer().SignOwn("11", samples("11")["message"])
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify(t, "11", changed(t, e.Bytes(), "content", map[string]string{"body": "put in later"}))
	if err != nil {
		t.Fatal(err)
	}
	if !got.WasRedacted() || string(got.Body()) != "{}" {
		t.Errorf("the body is delivered: %s", got.Body())
	}
	if got.ID() != e.ID() {
		t.Error("the id changed")
	}
}

func TestHardening_F12_WhatTwoParsersWouldReadDifferentlyIsRefused(t *testing.T) {
	e, err := signer().SignOwn("11", samples("11")["message"])
	if err != nil {
		t.Fatal(err)
	}
	good := string(e.Bytes())
	deep := strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)
	for name, raw := range map[string]string{
		"duplicate key":        strings.Replace(good, `{"auth_events"`, `{"sender":"@evil:y","auth_events"`, 1),
		"byte order mark":      "\xef\xbb\xbf" + good,
		"trailing bytes":       good + "x",
		"bad UTF-8":            strings.Replace(good, `"msgtype"`, "\"msg\xfftype\"", 1),
		"lone surrogate":       strings.Replace(good, `"msgtype"`, `"msg\ud800type"`, 1),
		"float":                strings.Replace(good, `"depth":12`, `"depth":12.0`, 1),
		"exponent":             strings.Replace(good, `"depth":12`, `"depth":1e1`, 1),
		"integer out of range": strings.Replace(good, `-9007199254740991`, `-9007199254740992`, 1),
		"NaN":                  strings.Replace(good, `"depth":12`, `"depth":NaN`, 1),
		"too deep":             strings.Replace(good, `"content":{`, `"content":{"x":`+deep+`,`, 1),
		"too large":            strings.Replace(good, `"msgtype":"m.text"`, `"msgtype":"`+strings.Repeat("x", 65536)+`"`, 1),
		"not an object":        `[]`,
		"sender of a number":   strings.Replace(good, `"sender":"@alice:our.example"`, `"sender":5`, 1),
		"state_key null":       strings.Replace(good, `"sender":`, `"state_key":null,"sender":`, 1),
	} {
		if name != "integer out of range" && raw == good {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if f, err := event.Parse("11", []byte(raw)); err == nil {
			t.Errorf("%s: taken as %s", name, f.From())
		}
	}
	for _, other := range []string{`"SENDER":"@evil:y"`, `"ſender":"@evil:y"`, `"Sender":"@evil:y"`} {
		f, err := event.Parse("11", []byte(strings.Replace(good, `{"auth_events"`, `{`+other+`,"auth_events"`, 1)))
		if err == nil && f.From() != "@alice:our.example" {
			t.Errorf("%s is read as the sender", other)
		}
	}
}

func TestHardening_F14_SizesAreBoundedWithEverythingInThem(t *testing.T) {
	e, err := signer().SignOwn("11", samples("11")["message"])
	if err != nil {
		t.Fatal(err)
	}
	many := map[string]any{}
	for i := range 5000 {
		many["s"+strings.Repeat("x", i%7)+string(rune('a'+i%26))] = map[string]string{"ed25519:1": "AA"}
	}
	for name, raw := range map[string][]byte{
		"unsigned":   changed(t, e.Bytes(), "unsigned", strings.Repeat("x", 1<<20)),
		"signatures": changed(t, e.Bytes(), "signatures", many),
	} {
		if _, err := event.Parse("11", raw); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	big := samples("11")["message"]
	big.Content = json.RawMessage(`{"body":"` + strings.Repeat("x", 70000) + `"}`)
	var fe *event.FormatError
	if _, err := signer().SignOwn("11", big); !errors.As(err, &fe) || fe.Code != "M_TOO_LARGE" {
		t.Errorf("a large event of ours: %v", err)
	}
}

func TestALoadedEventIsTheStoredOne(t *testing.T) {
	eachSample(t, func(t *testing.T, v event.Version, e *event.Event) {
		l, err := event.Load(v, e.ID(), e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if l.Room() != e.Room() || l.From() != e.From() || l.Height() != e.Height() || l.RedactsID() != e.RedactsID() || l.MembershipOf() != e.MembershipOf() || string(l.Body()) != string(e.Body()) {
			t.Errorf("loaded %+v", l)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, v := range []event.Version{"1", "3", "6", "11", "12"} {
		for _, tpl := range samples(v) {
			if e, err := signer().SignOwn(v, tpl); err == nil {
				f.Add(string(v), e.Bytes())
			}
		}
	}
	f.Fuzz(func(t *testing.T, v string, raw []byte) {
		p, err := event.Parse(event.Version(v), raw)
		if err != nil {
			return
		}
		if p.From() == "" || len(p.Prev()) > 20 || len(p.Auth()) > 10 {
			t.Errorf("taken: %s", raw)
		}
		_, _ = p.Verify(t.Context(), oneKey{})
	})
}

func BenchmarkSignOwn(b *testing.B) {
	s, tpl := signer(), samples("12")["message"]
	for b.Loop() {
		if _, err := s.SignOwn("12", tpl); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	e, _ := signer().SignOwn("12", samples("12")["message"])
	for b.Loop() {
		if _, err := event.Parse("12", e.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	e, _ := signer().SignOwn("12", samples("12")["message"])
	for b.Loop() {
		if _, err := event.Load("12", e.ID(), e.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}
