// Package canonicaljson is the one parser and writer of JSON that is hashed,
// signed or authorised, and the strict check of every request body. It is
// case-exact, refuses duplicate keys, invalid UTF-8, lone surrogates and bytes
// after the end, and bounds depth.
//
// It writes canonical JSON as the appendices of the specification define it
// ("Canonical JSON"). It knows no events; internal/event stands on it.
package canonicaljson

import (
	"errors"
	"fmt"
	"slices"
)

// The faults of a text. A returned error wraps one of them and says where.
var (
	ErrSyntax       = errors.New("not JSON")
	ErrUTF8         = errors.New("not valid UTF-8")
	ErrDuplicateKey = errors.New("duplicate key")
	ErrDepth        = errors.New("nested too deeply")
	ErrNumber       = errors.New("not an integer within ±(2^53-1)")
)

// MaxDepth is how deeply values may be nested: a value in MaxDepth objects or
// arrays is the deepest.
const MaxDepth = 100

// Append checks src and appends its canonical form to dst. With strict, numbers
// must be integers within ±(2^53-1), as room versions 6 and later demand; else
// other numbers are kept as they are written.
func Append(dst, src []byte, strict bool) ([]byte, error) {
	p := parser{src: src, strict: strict, write: true, max: MaxDepth}
	return p.document(dst)
}

// Check checks any JSON text: syntax, UTF-8, duplicate keys, and at most maxDepth
// levels. Numbers may be of any kind.
func Check(src []byte, maxDepth int) error {
	p := parser{src: src, max: maxDepth}
	_, err := p.document(nil)
	return err
}

// Valid reports whether src is JSON that Append would take.
func Valid(src []byte, strict bool) bool {
	p := parser{src: src, strict: strict, max: MaxDepth}
	_, err := p.document(nil)
	return err == nil
}

type parser struct {
	src    []byte
	pos    int
	depth  int
	max    int
	strict bool
	write  bool
}

func (p *parser) fail(err error) error { return fmt.Errorf("%w at byte %d", err, p.pos) }

func (p *parser) document(dst []byte) ([]byte, error) {
	p.space()
	dst, err := p.value(dst)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos != len(p.src) {
		return nil, p.fail(ErrSyntax)
	}
	return dst, nil
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) value(dst []byte) ([]byte, error) {
	switch c := p.peek(); {
	case c == '{':
		return p.object(dst)
	case c == '[':
		return p.array(dst)
	case c == '"':
		s, err := p.string()
		if err != nil || !p.write {
			return dst, err
		}
		return AppendString(dst, s), nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number(dst)
	}
	for _, word := range []string{"true", "false", "null"} {
		if len(p.src)-p.pos >= len(word) && string(p.src[p.pos:p.pos+len(word)]) == word {
			p.pos += len(word)
			if !p.write {
				return dst, nil
			}
			return append(dst, word...), nil
		}
	}
	return nil, p.fail(ErrSyntax)
}

func (p *parser) open() error {
	p.pos++
	if p.depth++; p.depth > p.max {
		return p.fail(ErrDepth)
	}
	p.space()
	return nil
}

// next stands behind a member: it takes a comma, or the end.
func (p *parser) next(end byte) (more bool, err error) {
	p.space()
	switch p.peek() {
	case ',':
		p.pos++
		p.space()
		return true, nil
	case end:
		p.pos++
		p.depth--
		return false, nil
	}
	return false, p.fail(ErrSyntax)
}

func (p *parser) array(dst []byte) ([]byte, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	if p.peek() == ']' {
		p.pos++
		p.depth--
		return append(dst, ']'), nil
	}
	for {
		var err error
		if dst, err = p.value(dst); err != nil {
			return nil, err
		}
		more, err := p.next(']')
		if err != nil {
			return nil, err
		}
		if !more {
			return append(dst, ']'), nil
		}
		dst = append(dst, ',')
	}
}

// member is a key and where its text, with the key, stands in the output.
type member struct {
	key      string
	from, to int
}

func (p *parser) object(dst []byte) ([]byte, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	start := len(dst)
	dst = append(dst, '{')
	if p.peek() == '}' {
		p.pos++
		p.depth--
		return append(dst, '}'), nil
	}
	var buf [16]member
	members, sorted := buf[:0], true
	for {
		m, out, err := p.member(dst)
		if err != nil {
			return nil, err
		}
		dst = out
		if n := len(members); n > 0 && members[n-1].key >= m.key {
			sorted = false
		}
		members = append(members, m)
		more, err := p.next('}')
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		dst = append(dst, ',')
	}
	if !sorted {
		var err error
		if dst, err = p.sort(dst, start, members); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (p *parser) member(dst []byte) (member, []byte, error) {
	if p.peek() != '"' {
		return member{}, nil, p.fail(ErrSyntax)
	}
	from := len(dst)
	key, err := p.string()
	if err != nil {
		return member{}, nil, err
	}
	if p.space(); p.peek() != ':' {
		return member{}, nil, p.fail(ErrSyntax)
	}
	p.pos++
	p.space()
	if p.write {
		dst = append(AppendString(dst, key), ':')
	}
	if dst, err = p.value(dst); err != nil {
		return member{}, nil, err
	}
	return member{string(key), from, len(dst)}, dst, nil
}

// sort puts the members of the object that began at start into the order of their
// keys: by code point, which in UTF-8 is the order of the bytes.
func (p *parser) sort(dst []byte, start int, members []member) ([]byte, error) {
	slices.SortFunc(members, func(a, b member) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	for i := 1; i < len(members); i++ {
		if members[i].key == members[i-1].key {
			return nil, p.fail(ErrDuplicateKey)
		}
	}
	if !p.write {
		return dst, nil
	}
	body := append([]byte(nil), dst[start:]...)
	dst = append(dst[:start], '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body[m.from-start:m.to-start]...)
	}
	return dst, nil
}

// maxInteger is the largest integer that every JSON reader holds exactly.
const maxInteger = 1<<53 - 1

func (p *parser) number(dst []byte) ([]byte, error) {
	from := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	first := p.pos
	digits := p.digits()
	if digits == 0 || digits > 1 && p.src[first] == '0' {
		return nil, p.fail(ErrSyntax)
	}
	integer := true
	if p.peek() == '.' {
		integer = false
		if p.pos++; p.digits() == 0 {
			return nil, p.fail(ErrSyntax)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		integer = false
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		if p.digits() == 0 {
			return nil, p.fail(ErrSyntax)
		}
	}
	text := p.src[from:p.pos]
	if p.strict && !(integer && withinRange(text)) {
		return nil, p.fail(ErrNumber)
	}
	if !p.write {
		return dst, nil
	}
	return append(dst, text...), nil
}

func (p *parser) digits() int {
	n := 0
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.pos++
		n++
	}
	return n
}

// withinRange judges an integer's text; -0 is not canonical.
func withinRange(text []byte) bool {
	neg := text[0] == '-'
	if neg {
		text = text[1:]
	}
	if len(text) > 16 || neg && text[0] == '0' {
		return false
	}
	n := int64(0)
	for _, c := range text {
		n = n*10 + int64(c-'0')
	}
	return n <= maxInteger
}
