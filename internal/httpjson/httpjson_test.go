package httpjson

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/chancery-im/chancery/internal/matrixerr"
)

func quiet() (*logrus.Entry, *bytes.Buffer) {
	buf := &bytes.Buffer{}
	l := logrus.New()
	l.SetOutput(buf)
	return logrus.NewEntry(l), buf
}

func serve(t *testing.T, h Handler, body string, set func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	log, _ := quiet()
	r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(body))
	if set != nil {
		set(r)
	}
	w := httptest.NewRecorder()
	Wrap(h, Budget{Body: 1000}, log).ServeHTTP(w, r)
	return w
}

type inner struct {
	Name string `json:"name"`
}

type sample struct {
	Sender string            `json:"sender"`
	N      int64             `json:"n"`
	List   []inner           `json:"list"`
	Map    map[string]inner  `json:"map"`
	Free   map[string]string `json:"free"`
	*inner
}

func TestMembersMatchByTheirExactCase(t *testing.T) {
	for _, body := range []string{
		`{"sender":"@a:x","SENDER":"@evil:y"}`,
		`{"SENDER":"@evil:y","sender":"@a:x"}`,
		"{\"\u017fender\":\"@evil:y\",\"sender\":\"@a:x\"}",
	} {
		var s sample
		if err := Unmarshal([]byte(body), &s); err != nil || s.Sender != "@a:x" {
			t.Errorf("%s gives %q, %v", body, s.Sender, err)
		}
	}
	var s sample
	body := `{"list":[{"NAME":"x"}],"map":{"k":{"Name":"x"}},"free":{"A":"1","a":"2"},"NAME":"x"}`
	if err := Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	if s.List[0].Name != "" || s.Map["k"].Name != "" || s.inner != nil || len(s.Free) != 2 {
		t.Errorf("inner members were matched without regard to case: %+v", s)
	}
}

func TestAnUnsoundBodyIsRefusedWithTheSpecifiedCode(t *testing.T) {
	for body, code := range map[string]string{
		`{`:                     "M_NOT_JSON",
		`nonsense`:              "M_NOT_JSON",
		`{"a":1}{"b":2}`:        "M_NOT_JSON",
		`[]`:                    "M_BAD_JSON",
		`"text"`:                "M_BAD_JSON",
		`null`:                  "M_BAD_JSON",
		`{"a":1,"a":2}`:         "M_BAD_JSON",
		`{"sender":7}`:          "M_BAD_JSON",
		"{\"sender\":\"\xff\"}": "M_NOT_JSON",
		`{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: "M_BAD_JSON",
		`{"sender":"` + strings.Repeat("a", 2000) + `"}`:                    "M_TOO_LARGE",
	} {
		w := serve(t, func(r *http.Request) (any, error) { return nil, Decode(r, &sample{}) }, body, nil)
		if !strings.Contains(w.Body.String(), code) {
			t.Errorf("%.40q answers %d %s, want %s", body, w.Code, w.Body, code)
		}
	}
}

func TestAWrongTypeIsNamed(t *testing.T) {
	for body, member := range map[string]string{`{"n":"text"}`: "n", `{"list":[{"name":1}]}`: "name"} {
		err := Unmarshal([]byte(body), &sample{})
		if err == nil || !strings.Contains(err.Error(), member+" ") {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestNoBodyCountsAsAnEmptyObject(t *testing.T) {
	if w := serve(t, func(r *http.Request) (any, error) { return nil, Decode(r, &sample{}) }, "", nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type counted struct {
	io.Reader
	read int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read += n
	return n, err
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestHardening_C06_AForeignOrEndlessBodyIsNotRead(t *testing.T) {
	for name, set := range map[string]func(*http.Request){
		"multipart":      func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") },
		"declared large": func(r *http.Request) { r.ContentLength = 1 << 30 },
		"endless":        func(r *http.Request) { r.ContentLength = -1 },
	} {
		c := &counted{Reader: endless{}}
		w := serve(t, func(r *http.Request) (any, error) { return nil, Decode(r, &sample{}) }, "", func(r *http.Request) {
			r.Body = io.NopCloser(c)
			set(r)
		})
		if w.Code != 413 && w.Code != 415 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if c.read > 64<<10 {
			t.Errorf("%s: %d bytes were read", name, c.read)
		}
	}
}

func TestABodyWithoutADeclaredBudgetIsAFault(t *testing.T) {
	log, buf := quiet()
	w := httptest.NewRecorder()
	h := Wrap(func(r *http.Request) (any, error) { return nil, Decode(r, &sample{}) }, Budget{}, log)
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/x", strings.NewReader("{}")))
	if w.Code != 500 || !strings.Contains(buf.String(), "declares no budget") {
		t.Errorf("%d; log %s", w.Code, buf)
	}
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	log, buf := quiet()
	w := httptest.NewRecorder()
	Wrap(func(*http.Request) (any, error) { panic("secret inside") }, Budget{}, log).
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "M_UNKNOWN") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(buf.String(), "panic: secret inside") {
		t.Errorf("log: %s", buf)
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	gone := errors.New("gone")
	Register(Sentinel{gone, matrixerr.NotFound("There is nothing")})
	defer Register()
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"a Matrix error":  {matrixerr.Forbidden("no"), 403, "M_FORBIDDEN"},
		"a sentinel":      {errors.Join(errors.New("ctx"), gone), 404, "M_NOT_FOUND"},
		"anything else":   {errors.New("disk on fire"), 500, "M_UNKNOWN"},
		"a missed budget": {context.DeadlineExceeded, 503, "M_UNKNOWN"},
	} {
		w := serve(t, func(*http.Request) (any, error) { return nil, c.err }, "", nil)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestKindsOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		v      any
		status int
		body   string
	}{
		"a value": {map[string]string{"a": "<b>"}, 200, `{"a":"<b>"}`},
		"nothing": {nil, 200, `{}`},
		"empty":   {Empty{}, 200, `{}`},
		"raw":     {Raw(`{"x":1}`), 200, `{"x":1}`},
		"status":  {Status{401, map[string]int{"a": 1}}, 401, `{"a":1}`},
		"own":     {Reply(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }), 200, "page"},
	} {
		w := serve(t, func(*http.Request) (any, error) { return c.v, nil }, "", nil)
		if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %s %v", name, w.Code, w.Body, w.Header())
		}
	}
}

func TestTheRequestLogHasNoTokens(t *testing.T) {
	log, buf := quiet()
	inner := Wrap(func(r *http.Request) (any, error) {
		Note(r.Context(), "user", "@a:x")
		if RequestID(r.Context()) == "" {
			t.Error("the request has no number")
		}
		return nil, nil
	}, Budget{}, log)
	r := httptest.NewRequest(http.MethodGet, "/_matrix/client/v3/sync?access_token=SECRET1", nil)
	r.Header.Set("Authorization", "Bearer SECRET2")
	w := httptest.NewRecorder()
	Front(inner, "p", func() time.Time { return time.Unix(0, 0) }, log).ServeHTTP(w, r)
	out := buf.String()
	if strings.Contains(out, "SECRET") || !strings.Contains(out, "/_matrix/client/v3/sync") || !strings.Contains(out, "@a:x") {
		t.Errorf("log: %s", out)
	}
}

func TestOptionsIsAnsweredForEveryPath(t *testing.T) {
	log, _ := quiet()
	w := httptest.NewRecorder()
	Front(NotFound(log), "p", time.Now, log).ServeHTTP(w, httptest.NewRequest(http.MethodOptions, "/_matrix/client/v3/any", nil))
	if w.Code != 200 || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestABodyThatComesTooSlowlyIsGivenUp(t *testing.T) {
	log, _ := quiet()
	b := Budget{Body: 1000, Time: 50 * time.Millisecond}
	for name, h := range map[string]Handler{
		"read":   func(r *http.Request) (any, error) { return nil, Decode(r, &sample{}) },
		"unread": func(*http.Request) (any, error) { return nil, matrixerr.MissingToken() },
	} {
		t.Run(name, func(t *testing.T) { slowBody(t, Wrap(h, b, log)) })
	}
}

func slowBody(t *testing.T, h http.Handler) {
	srv := httptest.NewServer(h)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Error(resp.Status)
	}
}

func TestTheConnectionIsGoodForAnotherRequestAfterABodyAndALargeAnswer(t *testing.T) {
	log, _ := quiet()
	large := Raw(`{"x":"` + strings.Repeat("a", 1<<20) + `"}`)
	srv := httptest.NewServer(Wrap(func(r *http.Request) (any, error) {
		if err := Decode(r, &sample{}); err != nil {
			return nil, err
		}
		return large, nil
	}, Budget{Body: 1000, Time: time.Minute}, log))
	defer srv.Close()
	for range 3 {
		resp, err := srv.Client().Post(srv.URL, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || n != int64(len(large)) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}
