package bearer

import (
	"net/http/httptest"
	"testing"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

func TestTheTokenOfARequest(t *testing.T) {
	for _, c := range []struct {
		headers []string
		query   string
		want    string // "" is none
	}{
		{[]string{"Bearer abc"}, "", "abc"},
		{[]string{"bearer  abc "}, "", "abc"},
		{[]string{"Bearer abc"}, "access_token=other", "abc"},
		{[]string{"Basic Zm9v"}, "access_token=abc", "abc"}, // a proxy's own header
		{[]string{"Basic Zm9v", "Bearer abc"}, "", "abc"},
		{nil, "access_token=abc", "abc"},
		{nil, "access_token=", ""},
		{nil, "", ""},
		{[]string{"Bearer"}, "", ""},
		{[]string{"Bearer   "}, "access_token=abc", ""},
		{[]string{"Basic Zm9v"}, "", ""},
		{[]string{""}, "", ""},
	} {
		r := httptest.NewRequest("GET", "/?"+c.query, nil)
		for _, h := range c.headers {
			r.Header.Add("Authorization", h)
		}
		got, err := Token(r)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !matrixerr.Is(err, "M_MISSING_TOKEN") {
			t.Errorf("%q, %q: got %q, %v", c.headers, c.query, got, err)
		}
	}
}
