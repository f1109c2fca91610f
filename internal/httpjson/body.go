package httpjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// defaultBody is the budget of a body outside Wrap.
const defaultBody = 1 << 20

// Body reads the request's body: a JSON object within the budget, without
// duplicate keys, bad UTF-8 or deep nesting. No body at all counts as {}.
// Errors: M_TOO_LARGE, M_NOT_JSON (not JSON), M_BAD_JSON (JSON of a kind that is
// not taken).
func Body(r *http.Request) ([]byte, error) {
	raw, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte("{}")
	}
	return raw, Check(raw)
}

func readBody(r *http.Request) (_ []byte, err error) {
	limit := int64(defaultBody)
	if b, ok := r.Context().Value(budgetKey{}).(spending); ok {
		if limit = b.Body; limit == 0 {
			return nil, fmt.Errorf("httpjson: %s reads a body but declares no budget for it", r.URL.Path)
		}
		defer func() {
			if err == nil {
				b.calm()
			}
		}()
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		return nil, matrixerr.New(http.StatusUnsupportedMediaType, "M_NOT_JSON", "The body must be JSON, not "+kind)
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	if r.Body == nil {
		return nil, nil
	}
	buf := bytes.Buffer{}
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err = buf.ReadFrom(io.LimitReader(r.Body, limit+1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, matrixerr.New(http.StatusRequestTimeout, "M_UNKNOWN", "The body came too slowly")
	} else if err != nil {
		return nil, matrixerr.NotJSON("The body could not be read")
	}
	if int64(buf.Len()) > limit {
		return nil, tooLarge(limit)
	}
	return buf.Bytes(), nil
}

// hurry bounds the reading of a body, by the handler or, when it wants none of it,
// by the server afterwards: who sends it letter by letter would keep the connection
// for ever.
func (s spending) hurry(r *http.Request) {
	if s.Time > 0 && r.ContentLength != 0 {
		_ = s.conn.SetReadDeadline(time.Now().Add(s.Time))
	}
}

// calm takes the bound away when the body has been read: from then on the server
// reads to see whether the client is still there.
func (s spending) calm() {
	if s.Time > 0 {
		_ = s.conn.SetReadDeadline(time.Time{})
	}
}

func tooLarge(limit int64) *matrixerr.Error {
	return matrixerr.TooLarge(fmt.Sprintf("The body is larger than %d bytes", limit))
}

// Check says whether raw is a sound JSON object.
func Check(raw []byte) error {
	switch err := canonicaljson.Check(raw, canonicaljson.MaxDepth); {
	case errors.Is(err, canonicaljson.ErrSyntax), err != nil && !utf8.Valid(raw):
		return matrixerr.NotJSON("The body is " + err.Error())
	case err != nil:
		return matrixerr.BadJSON("The body is unusable: " + err.Error())
	}
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) == 0 || t[0] != '{' {
		return matrixerr.BadJSON("The body is not an object")
	}
	return nil
}

// Decode reads the body into a struct. Members are matched case-exactly; unknown
// ones are ignored, wrong types are M_BAD_JSON with the member's name.
func Decode(r *http.Request, into any) error {
	raw, err := Body(r)
	if err != nil {
		return err
	}
	return decodeChecked(raw, into)
}

// Unmarshal is Decode of bytes.
func Unmarshal(raw []byte, into any) error {
	if err := Check(raw); err != nil {
		return err
	}
	return decodeChecked(raw, into)
}
