package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/storage"
)

// maxAnswer is how much of a gateway's answer is read, in bytes.
const maxAnswer = 64 << 10

// answer is what a gateway said.
type answer struct {
	err      error // try again
	down     bool  // because the gateway as a whole does not work
	after    time.Duration
	asked    bool // it answered
	rejected bool // it does not know the pushkey any more
}

// post sends a notification.
func (w *Worker) post(ctx context.Context, p storage.Pusher, body []byte) answer {
	at := gjson.GetBytes(p.Data, "url").Str
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Chancery")
	client := w.o.Client
	if req.URL.Scheme == "http" {
		client = w.o.Plain
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: plain(err), down: true}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{err: plain(err), down: true}
	}
	return judge(resp, raw, p.Key)
}

// judge reads an answer. What the gateway does not take will not be taken later
// either; what it cannot take now is tried again.
func judge(resp *http.Response, raw []byte, key string) answer {
	a := answer{asked: true}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		gone := gjson.GetBytes(raw, "rejected").Array()
		a.rejected = slices.ContainsFunc(gone, func(v gjson.Result) bool { return v.Str == key })
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code < 400, code >= 500:
		a.err, a.down = fmt.Errorf("the push gateway answered %d", code), code >= 500
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			a.after = min(time.Duration(n)*time.Second, lastRetry)
		}
	}
	return a
}

// plain leaves the URL out of an error: some gateways have the key in it.
func plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}
