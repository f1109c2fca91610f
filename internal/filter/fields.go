package filter

import (
	"github.com/tidwall/gjson"

	"github.com/chancery-im/chancery/internal/canonicaljson"
)

// Fields are the event_fields of a filter as a tree: what of an event a client wants
// to be told. nil is everything.
type Fields struct {
	all  bool // the whole value
	next map[string]*Fields
}

// maxFields bounds the paths of a filter.
const maxFields = 256

// parseFields reads dot-separated paths; a backslash before a dot or a backslash takes
// it literally.
func parseFields(paths []string) *Fields {
	root := &Fields{}
	for _, p := range paths {
		f := root
		for _, name := range SplitPath(p) {
			if f.next == nil {
				f.next = map[string]*Fields{}
			}
			if f.next[name] == nil {
				f.next[name] = &Fields{}
			}
			f = f.next[name]
		}
		f.all = true
	}
	return root
}

// SplitPath cuts a property path at its dots ("Dot-separated property paths",
// appendices).
func SplitPath(path string) []string {
	out := []string{}
	var name []byte
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\'):
			i++
			name = append(name, path[i])
		case c == '.':
			out = append(out, string(name))
			name = name[:0]
		default:
			name = append(name, c)
		}
	}
	return append(out, string(name))
}

// Cut is the event with only the fields that are wanted.
func (f *Fields) Cut(raw []byte) []byte {
	if f == nil {
		return raw
	}
	return f.cut(nil, gjson.ParseBytes(raw))
}

// cut appends the wanted parts of a value.
func (f *Fields) cut(dst []byte, v gjson.Result) []byte {
	if f.all || !v.IsObject() {
		return append(dst, v.Raw...)
	}
	dst = append(dst, '{')
	some := false
	v.ForEach(func(k, val gjson.Result) bool {
		next := f.next[k.Str]
		if next == nil || !next.all && !val.IsObject() {
			return true
		}
		if some {
			dst = append(dst, ',')
		}
		some = true
		dst = append(canonicaljson.AppendString(dst, k.Str), ':')
		dst = next.cut(dst, val)
		return true
	})
	return append(dst, '}')
}
