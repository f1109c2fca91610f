package config

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Complaint is one thing that is wrong with a configuration.
type Complaint struct {
	Line int    // of the file; 0: the file does not say it
	Path string // like registration.mode
	Text string
}

// Complaints are all that is wrong. They are an error.
type Complaints struct {
	File string
	List []Complaint
}

// Error lists every complaint on a line of its own.
func (c *Complaints) Error() string {
	sort.SliceStable(c.List, func(i, j int) bool { return c.List[i].Line < c.List[j].Line })
	lines := []string{}
	for _, one := range c.List {
		where := c.File
		if one.Line > 0 {
			where += ":" + strconv.Itoa(one.Line)
		}
		if one.Path != "" {
			where += ": " + one.Path
		}
		lines = append(lines, where+": "+one.Text)
	}
	return strings.Join(lines, "\n")
}

func (c *Complaints) add(line int, path, format string, args ...any) {
	c.List = append(c.List, Complaint{line, path, fmt.Sprintf(format, args...)})
}

// reader walks a YAML tree and a struct together.
type reader struct {
	bad   *Complaints
	lines map[string]int // where each path was said
}

// decode fills c from YAML text and remembers the line of each value.
func (r *reader) decode(text []byte, c *Config) {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, msg := 0, err.Error()
		var syntax yaml.Error
		if yamlError(err, &syntax) {
			line, msg = syntax.GetToken().Position.Line, syntax.GetMessage()
		}
		r.bad.add(line, "", "not YAML: %s", msg)
		return
	}
	docs := 0
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if docs++; docs > 1 {
			r.bad.add(lineOf(d.Body), "", "there is a second document in the file")
			return
		}
		r.value(d.Body, reflect.ValueOf(c).Elem(), "")
	}
}

func yamlError(err error, into *yaml.Error) bool {
	e, ok := err.(yaml.Error)
	*into = e
	return ok && e.GetToken() != nil
}

func lineOf(n ast.Node) int {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return lineOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return lineOf(n.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func (r *reader) value(n ast.Node, v reflect.Value, path string) {
	if _, mine := r.lines[path]; !mine {
		r.lines[path] = lineOf(n)
	}
	if n.Type() == ast.NullType {
		return // a key without a value keeps the default
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok || v.Kind() == reflect.String {
		r.scalar(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		r.object(n, v, path)
	case reflect.Slice:
		r.list(n, v, path)
	default:
		r.scalar(n, v, path)
	}
}

func (r *reader) object(n ast.Node, v reflect.Value, path string) {
	m, ok := n.(ast.MapNode)
	if !ok {
		r.bad.add(lineOf(n), path, "expected keys and values")
		return
	}
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("yaml")] = v.Field(i)
	}
	seen := map[string]bool{}
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken().Value
		at := join(path, key)
		line := lineOf(it.Key())
		field, known := fields[key]
		switch {
		case !known:
			r.bad.add(line, at, "there is no such key%s", suggest(key, fields))
		case seen[key]:
			r.bad.add(line, at, "the key is there twice")
		default:
			seen[key] = true
			r.lines[at] = line
			r.value(it.Value(), field, at)
		}
	}
}

func (r *reader) list(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.bad.add(lineOf(n), path, "expected a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		r.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(list)
}

func (r *reader) scalar(n ast.Node, v reflect.Value, path string) {
	text, ok := scalarText(n)
	if !ok {
		r.bad.add(lineOf(n), path, "expected a single value")
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			r.bad.add(lineOf(n), path, "%v", err)
		}
		return
	}
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err != nil || n.Type() != ast.BoolType {
			r.bad.add(lineOf(n), path, "expected true or false")
			return
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		var i int64
		if i, err = strconv.ParseInt(text, 10, 64); err != nil {
			r.bad.add(lineOf(n), path, "expected a whole number")
		}
		v.SetInt(i)
	case reflect.Float64:
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err != nil {
			r.bad.add(lineOf(n), path, "expected a number")
		}
		v.SetFloat(f)
	}
}

func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// suggest names the key that was probably meant.
func suggest(key string, fields map[string]reflect.Value) string {
	fold := strings.NewReplacer("-", "", "_", "").Replace
	for name := range fields {
		if strings.EqualFold(fold(name), fold(key)) || oneEdit(name, key) {
			return "; did you mean " + name + "?"
		}
	}
	return ""
}

// oneEdit reports whether a and b differ by one letter that is missing, added,
// other, or swapped with its neighbour.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		return i < len(a) && (a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:])
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
