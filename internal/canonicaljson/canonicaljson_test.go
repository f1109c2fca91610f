package canonicaljson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/matrix-org/gomatrixserverlib"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// The examples of the appendices, "Canonical JSON".
func TestTheSpecificationsExamples(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                       `{}`,
		`{"one": 1, "two": "Two"}`: `{"one":1,"two":"Two"}`,
		`{"b": "2", "a": "1"}`:     `{"a":"1","b":"2"}`,
		`{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},{"medium":"msisdn","address":"123456789"}]}}}`: `{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}`,
		`{"a": "日本語"}`:                       `{"a":"日本語"}`,
		`{"本": 2, "日": 1}`:                   `{"日":1,"本":2}`,
		`{"a": "\u65E5"}`:                    `{"a":"日"}`,
		`{"a": null}`:                        `{"a":null}`,
		`{"a":"\ud83d\ude00\/\u0008\u001f"}`: `{"a":"😀/\b\u001f"}`,
	} {
		got, err := canonicaljson.Append(nil, []byte(in), true)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
}

func TestEachFaultHasItsName(t *testing.T) {
	for in, want := range map[string]error{
		``: canonicaljson.ErrSyntax, `{`: canonicaljson.ErrSyntax, `{"a":1,}`: canonicaljson.ErrSyntax, `[1 2]`: canonicaljson.ErrSyntax,
		`{} x`: canonicaljson.ErrSyntax, `01`: canonicaljson.ErrSyntax, `+1`: canonicaljson.ErrSyntax, `.5`: canonicaljson.ErrSyntax,
		"\"\x01\"": canonicaljson.ErrSyntax, `"\x"`: canonicaljson.ErrSyntax, "\xef\xbb\xbf{}": canonicaljson.ErrSyntax, `tru`: canonicaljson.ErrSyntax,
		"\"\xff\"": canonicaljson.ErrUTF8, `"\ud800"`: canonicaljson.ErrUTF8, `"\udc00\ud800"`: canonicaljson.ErrUTF8, `"\ud800\u0041"`: canonicaljson.ErrUTF8,
		`{"a":1,"a":1}`: canonicaljson.ErrDuplicateKey, `{"a":1,"\u0061":1}`: canonicaljson.ErrDuplicateKey, `{"b":1,"a":1,"b":2}`: canonicaljson.ErrDuplicateKey,
		`1.0`: canonicaljson.ErrNumber, `1e2`: canonicaljson.ErrNumber, `9007199254740992`: canonicaljson.ErrNumber, `-9007199254740992`: canonicaljson.ErrNumber, `-0`: canonicaljson.ErrNumber,
		strings.Repeat("[", 101) + strings.Repeat("]", 101): canonicaljson.ErrDepth,
	} {
		if _, err := canonicaljson.Append(nil, []byte(in), true); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, wanted %v", in, err, want)
		}
	}
	for _, in := range []string{`1.5`, `1e2`, `-0`, `123456789012345678901234567890`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		if err := canonicaljson.Check([]byte(in), canonicaljson.MaxDepth); err != nil {
			t.Errorf("%.40q: %v", in, err)
		}
	}
}

func TestFieldsAreReadCaseExactly(t *testing.T) {
	got := map[string]string{}
	err := canonicaljson.Fields([]byte(` {"sender" : "a", "SENDER":"b","x":{"sender":"c"}, "\u0073ender2": [1,2] } `), func(k string, v []byte) error {
		got[k] = string(v)
		return nil
	})
	if err != nil || got["sender"] != `"a"` || got["SENDER"] != `"b"` || got["sender2"] != `[1,2]` || len(got) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":[true,null,"x\u00e9\n"]}`, `{"a":{"b":{}}}`, `"\ud83d\ude00"`, `-12`, `[1.5]`, `{"":0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := canonicaljson.Append(nil, in, true)
		if err != nil {
			return
		}
		if !json.Valid(in) || !json.Valid(out) {
			t.Fatalf("taken, and not JSON: %q", in)
		}
		again, err := canonicaljson.Append(nil, out, true)
		if err != nil || !bytes.Equal(out, again) {
			t.Fatalf("%q is not its own canonical form: %q, %v", out, again, err)
		}
		if lib, err := gomatrixserverlib.CanonicalJSON(in); err == nil && !bytes.Equal(lib, out) {
			t.Fatalf("the library writes %q, we write %q", lib, out)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	in := []byte(`{"type":"m.room.message","sender":"@alice:example.org","content":{"msgtype":"m.text","body":"a message of the length that people write"},"origin_server_ts":1700000000000}`)
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		var err error
		if buf, err = canonicaljson.Append(buf[:0], in, true); err != nil {
			b.Fatal(err)
		}
	}
}
