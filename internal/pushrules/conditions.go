package pushrules

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// pattern is a glob in lower case: * is any characters, ? is one. One with neither is
// compared as it stands; the others become regular expressions, whose time is linear
// in the text.
type pattern struct {
	literal string
	re      *regexp.Regexp
	words   bool
}

// maxPattern bounds a glob, in bytes.
const maxPattern = 1024

// newPattern reads a glob. With words it is looked for between word boundaries
// anywhere in the text, else it must match all of it.
func newPattern(glob string, words bool) pattern {
	lower := strings.ToLower(glob)
	if !strings.ContainsAny(lower, "*?") || len(lower) > maxPattern {
		return pattern{literal: lower, words: words}
	}
	var b strings.Builder
	b.WriteString("(?s)")
	if words {
		b.WriteString(`(?:^|[^a-z0-9_])`)
	} else {
		b.WriteString("^")
	}
	for _, r := range lower {
		switch r {
		case '*':
			b.WriteString(".*?")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if words {
		b.WriteString(`(?:[^a-z0-9_]|$)`)
	} else {
		b.WriteString("$")
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return pattern{literal: lower, words: words}
	}
	return pattern{re: re, words: words}
}

// matchesAll takes a text in lower case.
func (p pattern) matchesAll(lower string) bool {
	if p.re != nil {
		return p.re.MatchString(lower)
	}
	return p.literal == lower
}

// within reports whether the pattern is in the text between word boundaries.
func (p pattern) within(lower string) bool {
	if p.re != nil {
		return p.re.MatchString(lower)
	}
	return hasWords(lower, p.literal)
}

// hasWords: a word boundary is the start or end of the value, or any character not in
// the sets [A-Z], [a-z], [0-9] or _.
func hasWords(text, want string) bool {
	if want == "" {
		return false
	}
	for at := 0; at <= len(text)-len(want); {
		i := strings.Index(text[at:], want)
		if i < 0 {
			return false
		}
		i += at
		if end := i + len(want); (i == 0 || !wordByte(text[i-1])) && (end == len(text) || !wordByte(text[end])) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		at = i + size
	}
	return false
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// words: content.body has the pattern between word boundaries.
type words struct{ p pattern }

func (w words) holds(f *Facts, _ *Compiled) bool {
	body, ok := f.words()
	return ok && w.p.within(body)
}

// matches: the whole of a property matches the pattern.
type matches struct {
	at property
	p  pattern
}

func (m matches) holds(f *Facts, _ *Compiled) bool {
	l := f.get(m.at)
	return l.value.Type == gjson.String && m.p.matchesAll(l.lower)
}

// equals: a property is exactly this text.
type equals struct {
	at    property
	value string
}

func (e equals) holds(f *Facts, _ *Compiled) bool {
	v := f.get(e.at).value
	return v.Type == gjson.String && v.Str == e.value
}

// is: event_property_is.
type is struct {
	at   property
	want gjson.Result
}

func (c is) holds(f *Facts, _ *Compiled) bool { return same(f.get(c.at).value, c.want) }

// contains: event_property_contains.
type contains struct {
	at   property
	want gjson.Result
}

func (c contains) holds(f *Facts, _ *Compiled) (found bool) {
	v := f.get(c.at).value
	if !v.IsArray() {
		return false
	}
	v.ForEach(func(_, one gjson.Result) bool {
		found = same(one, c.want)
		return !found
	})
	return found
}

// same compares without casting types.
func same(a, b gjson.Result) bool {
	if !simple(a) || a.Type != b.Type {
		return false
	}
	switch a.Type {
	case gjson.String:
		return a.Str == b.Str
	case gjson.Number:
		return a.Int() == b.Int()
	}
	return true
}

// displayName: content.body has the user's name in the room.
type displayName struct{}

func (displayName) holds(f *Facts, c *Compiled) bool {
	body, ok := f.words()
	if !ok || f.DisplayName == nil {
		return false
	}
	name := strings.ToLower(f.DisplayName(c.user))
	return name != "" && hasWords(body, name)
}

// memberCount: room_member_count.
type memberCount struct {
	op string
	n  int64
}

// newMemberCount reads "is": a number, with a comparison before it or not.
func newMemberCount(s string) condition {
	n := strings.TrimLeft(s, "=<>")
	op := s[:len(s)-len(n)]
	v, err := strconv.ParseInt(n, 10, 64)
	switch op {
	case "", "==", "<", ">", ">=", "<=":
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return memberCount{op, v}
}

func (c memberCount) holds(f *Facts, _ *Compiled) bool {
	switch c.op {
	case "<":
		return f.Members < c.n
	case ">":
		return f.Members > c.n
	case "<=":
		return f.Members <= c.n
	case ">=":
		return f.Members >= c.n
	}
	return f.Members == c.n
}

// permission: sender_notification_permission.
type permission struct{ key string }

func (p permission) holds(f *Facts, _ *Compiled) bool { return f.mayNotify(p.key) }
