package httpjson

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

func FuzzUnmarshalTakesOnlyExactMembers(f *testing.F) {
	for _, s := range []string{`{"sender":"@a:x"}`, `{"SENDER":"@a:x"}`, `{"list":[{"NAME":"x"},{"name":"y"}]}`, `{"n":1.0}`, `{"map":{"a":{"name":"b"}}}`, `[]`, "{\"a\":\"\\ud800\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var s sample
		if Unmarshal([]byte(body), &s) != nil {
			return
		}
		found := ""
		gjson.Parse(body).ForEach(func(k, v gjson.Result) bool {
			if k.String() == "sender" {
				found = v.String()
			}
			return true
		})
		if s.Sender != found {
			t.Errorf("%q gives %q, and has %q", body, s.Sender, found)
		}
	})
}

func BenchmarkWrapDecodeAnswer(b *testing.B) {
	log, _ := quiet()
	h := Wrap(func(r *http.Request) (any, error) {
		var s sample
		err := Decode(r, &s)
		return s.Free, err
	}, Budget{Body: 1000}, log)
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/x", strings.NewReader(`{"sender":"@a:x","n":5,"free":{"a":"b"}}`)))
	}
}
