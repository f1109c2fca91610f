package canonicaljson

// Fields calls fn for each member of the object src, in order, with the decoded
// key and the value's text, which shares memory with src. It checks syntax as it
// goes, and not for duplicate keys: give it what Append or Check has passed.
func Fields(src []byte, fn func(key string, value []byte) error) error {
	p := parser{src: src, max: MaxDepth}
	p.space()
	if p.peek() != '{' {
		return p.fail(ErrSyntax)
	}
	if err := p.open(); err != nil {
		return err
	}
	if p.peek() == '}' {
		p.pos++
		return p.end()
	}
	for {
		if p.peek() != '"' {
			return p.fail(ErrSyntax)
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		if p.space(); p.peek() != ':' {
			return p.fail(ErrSyntax)
		}
		p.pos++
		p.space()
		from := p.pos
		if err := p.skip(); err != nil {
			return err
		}
		if err := fn(string(key), src[from:p.pos]); err != nil {
			return err
		}
		more, err := p.next('}')
		if err != nil {
			return err
		}
		if !more {
			return p.end()
		}
	}
}

// Elements calls fn for each element of the array src.
func Elements(src []byte, fn func(value []byte) error) error {
	p := parser{src: src, max: MaxDepth}
	p.space()
	if p.peek() != '[' {
		return p.fail(ErrSyntax)
	}
	if err := p.open(); err != nil {
		return err
	}
	if p.peek() == ']' {
		p.pos++
		return p.end()
	}
	for {
		from := p.pos
		if err := p.skip(); err != nil {
			return err
		}
		if err := fn(src[from:p.pos]); err != nil {
			return err
		}
		more, err := p.next(']')
		if err != nil {
			return err
		}
		if !more {
			return p.end()
		}
	}
}

// String is the value of a JSON string's text; false when it is not one.
func String(src []byte) (string, bool) {
	p := parser{src: src}
	if p.peek() != '"' {
		return "", false
	}
	s, err := p.string()
	if err != nil || p.pos != len(src) {
		return "", false
	}
	return string(s), true
}

// Int is the value of an integer's text; false when it is not one within
// ±(2^53-1).
func Int(src []byte) (int64, bool) {
	p := parser{src: src, strict: true}
	if c := p.peek(); c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	if _, err := p.number(nil); err != nil || p.pos != len(src) {
		return 0, false
	}
	var n int64
	neg := src[0] == '-'
	for _, c := range src {
		if c != '-' {
			n = n*10 + int64(c-'0')
		}
	}
	if neg {
		n = -n
	}
	return n, true
}

// skip passes over a value without writing it.
func (p *parser) skip() error {
	_, err := p.value(nil)
	return err
}

func (p *parser) end() error {
	if p.space(); p.pos != len(p.src) {
		return p.fail(ErrSyntax)
	}
	return nil
}
