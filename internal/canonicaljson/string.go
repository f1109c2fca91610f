package canonicaljson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string and returns its value, which may share memory with src.
func (p *parser) string() ([]byte, error) {
	p.pos++
	from := p.pos
	ascii := true
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			s := p.src[from:p.pos]
			p.pos++
			if !ascii && !utf8.Valid(s) {
				return nil, p.fail(ErrUTF8)
			}
			return s, nil
		case c == '\\':
			return p.escaped(from)
		case c < 0x20:
			return nil, p.fail(ErrSyntax)
		case c >= 0x80:
			ascii = false
		}
		p.pos++
	}
	return nil, p.fail(ErrSyntax)
}

// escaped reads the rest of a string that holds an escape.
func (p *parser) escaped(from int) ([]byte, error) {
	out := append([]byte(nil), p.src[from:p.pos]...)
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			if !utf8.Valid(out) {
				return nil, p.fail(ErrUTF8)
			}
			return out, nil
		case c < 0x20:
			return nil, p.fail(ErrSyntax)
		case c == '\\':
			var err error
			if out, err = p.escape(out); err != nil {
				return nil, err
			}
		default:
			out = append(out, c)
			p.pos++
		}
	}
	return nil, p.fail(ErrSyntax)
}

func (p *parser) escape(out []byte) ([]byte, error) {
	p.pos++
	c := p.peek()
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(out, c), nil
	case 'b':
		return append(out, '\b'), nil
	case 'f':
		return append(out, '\f'), nil
	case 'n':
		return append(out, '\n'), nil
	case 'r':
		return append(out, '\r'), nil
	case 't':
		return append(out, '\t'), nil
	case 'u':
		return p.unicode(out)
	}
	return nil, p.fail(ErrSyntax)
}

func (p *parser) unicode(out []byte) ([]byte, error) {
	r, ok := p.hex()
	if !ok {
		return nil, p.fail(ErrSyntax)
	}
	if utf16.IsSurrogate(r) {
		if p.peek() != '\\' || p.pos+1 >= len(p.src) || p.src[p.pos+1] != 'u' {
			return nil, p.fail(ErrUTF8)
		}
		p.pos += 2
		low, ok := p.hex()
		if !ok {
			return nil, p.fail(ErrSyntax)
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return nil, p.fail(ErrUTF8)
		}
	}
	return utf8.AppendRune(out, r), nil
}

func (p *parser) hex() (rune, bool) {
	if p.pos+4 > len(p.src) {
		return 0, false
	}
	var r rune
	for _, c := range p.src[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.pos += 4
	return r, true
}
