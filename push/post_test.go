package push

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestAnswersOfGateways(t *testing.T) {
	for _, c := range []struct {
		code                  int
		body, after           string
		again, down, rejected bool
		wait                  time.Duration
	}{
		{200, `{"rejected":[]}`, "", false, false, false, 0},
		{200, `{"rejected":["other","key"]}`, "", false, false, true, 0},
		{200, `no JSON`, "", false, false, false, 0},
		{204, ``, "", false, false, false, 0},
		{301, ``, "", true, false, false, 0},
		{400, `{"rejected":["key"]}`, "", false, false, false, 0},
		{404, ``, "", false, false, false, 0},
		{408, ``, "", true, false, false, 0},
		{429, ``, "7", true, false, false, 7 * time.Second},
		{429, ``, "999999999", true, false, false, lastRetry},
		{429, ``, "-1", true, false, false, 0},
		{500, ``, "", true, true, false, 0},
		{503, ``, "3", true, true, false, 3 * time.Second},
	} {
		a := judge(&http.Response{StatusCode: c.code, Header: http.Header{"Retry-After": {c.after}}}, []byte(c.body), "key")
		if (a.err != nil) != c.again || a.down != c.down || a.rejected != c.rejected || a.after != c.wait || !a.asked {
			t.Errorf("%d %s: %+v", c.code, c.body, a)
		}
	}
}

func TestTheKeyInAURLIsNotLogged(t *testing.T) {
	err := plain(&url.Error{Op: "Post", URL: "https://push.example.com/secret", Err: http.ErrServerClosed})
	if err.Error() != http.ErrServerClosed.Error() {
		t.Error(err)
	}
}
