package httpjson

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Answers are encoded into buffers that are used again, except the very large.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keepBuffer = 1 << 20

// Appender writes itself as JSON, where encoding/json would be the larger part of the
// work.
type Appender interface {
	AppendJSON(dst []byte) []byte
}

func write(w http.ResponseWriter, status int, v any) {
	switch v := v.(type) {
	case Raw:
		send(w, status, v)
		return
	case nil, Empty:
		send(w, status, []byte("{}"))
		return
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if a, ok := v.(Appender); ok {
		body := a.AppendJSON(buf.AvailableBuffer())
		send(w, status, body)
		if cap(body) <= keepBuffer {
			buffers.Put(bytes.NewBuffer(body[:0]))
		}
		return
	}
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		send(w, http.StatusInternalServerError, []byte(`{"errcode":"M_UNKNOWN","error":"The answer could not be written"}`))
	} else {
		send(w, status, bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
	}
	if buf.Cap() <= keepBuffer {
		buffers.Put(buf)
	}
}

func send(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if len(body) > socketBuffer {
		conn := http.NewResponseController(w)
		_ = conn.SetWriteDeadline(time.Now().Add(writeTime + time.Duration(len(body)/slowest)*time.Second))
		defer conn.SetWriteDeadline(time.Time{}) //nolint:errcheck // the next answer on the connection sets its own
	}
	_, _ = w.Write(body)
}

// A client that does not read its answer loses the connection: a minute, and one
// second more for what a slow line takes in it. What fits the socket's buffer waits
// for nobody.
const (
	socketBuffer = 64 << 10
	writeTime    = time.Minute
	slowest      = 16 << 10
)
