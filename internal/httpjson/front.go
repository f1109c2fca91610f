package httpjson

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

type frontKey struct{}

// front is what is known of a request while it runs, for its log lines.
type front struct {
	id     string
	mu     sync.Mutex
	fields logrus.Fields
}

// Front stands before every router: it numbers requests, answers OPTIONS, and
// logs each request in one line without its query, where tokens may be. prefix
// makes the numbers of one run tell from another's.
func Front(next http.Handler, prefix string, clock func() time.Time, log *logrus.Entry) http.Handler {
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			CORS(w.Header())
			w.WriteHeader(http.StatusOK)
			return
		}
		f := &front{id: prefix + "-" + strconv.FormatInt(count.Add(1), 36)}
		rec := &recorder{ResponseWriter: w}
		start := clock()
		next.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), frontKey{}, f)))
		if !log.Logger.IsLevelEnabled(logrus.InfoLevel) {
			return
		}
		Log(context.WithValue(context.Background(), frontKey{}, f), log).WithFields(logrus.Fields{
			"method": r.Method, "path": r.URL.Path, "status": rec.status(), "bytes": rec.bytes,
			"ms": clock().Sub(start).Milliseconds(), "from": host(r.RemoteAddr),
		}).Info("request")
	})
}

// Log is log with what is known of the request: its number, and what Note added.
func Log(ctx context.Context, log *logrus.Entry) *logrus.Entry {
	f, ok := ctx.Value(frontKey{}).(*front)
	if !ok {
		return log
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := logrus.Fields{"request": f.id}
	for k, v := range f.fields {
		all[k] = v
	}
	return log.WithFields(all)
}

// Note adds a field (user, room, destination) to every later log line of the
// request. Never a token, a password or a body.
func Note(ctx context.Context, key, value string) {
	f, ok := ctx.Value(frontKey{}).(*front)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fields == nil {
		f.fields = logrus.Fields{}
	}
	f.fields[key] = value
}

// RequestID is the number of the request, "" outside one.
func RequestID(ctx context.Context) string {
	if f, ok := ctx.Value(frontKey{}).(*front); ok {
		return f.id
	}
	return ""
}

func host(addr string) string {
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		return addr[:i]
	}
	return addr
}

// recorder remembers status and size of an answer.
type recorder struct {
	http.ResponseWriter
	code  int
	bytes int64
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}
