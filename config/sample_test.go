package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write sample.yaml anew")

// comments are the doc comments of the fields of every struct of config.go.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				all[spec.Name.Name+"."+f.Names[0].Name] = f.Doc.Text()
			}
		}
		return true
	})
	return all
}

type writer struct {
	strings.Builder
	comments map[string]string
}

func (w *writer) comment(indent, text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		w.WriteString(strings.TrimRight(indent+"# "+strings.ReplaceAll(line, "\t", "  "), " ") + "\n")
	}
}

func (w *writer) object(v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if text := w.comments[v.Type().Name()+"."+f.Name]; text != "" {
			if i > 0 {
				w.WriteString("\n")
			}
			w.comment(indent, text)
		}
		key, value := indent+f.Tag.Get("yaml")+":", v.Field(i)
		if rate, ok := value.Interface().(Rate); ok {
			fmt.Fprintf(w, "%s {per_second: %v, burst: %d}\n", key, rate.PerSecond, rate.Burst)
		} else if value.Kind() == reflect.Struct {
			w.WriteString(key + "\n")
			w.object(value, indent+"  ")
		} else {
			w.WriteString(key + " " + written(value) + "\n")
		}
	}
}

func written(v reflect.Value) string {
	if s, ok := v.Interface().(Size); ok {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		items := []string{}
		for i := range v.Len() {
			items = append(items, written(v.Index(i)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.String:
		if s := v.String(); s == "" || strings.ContainsAny(s, ":") || s == "12" {
			return strconv.Quote(s)
		}
		return v.String()
	}
	return fmt.Sprint(v.Interface())
}

func TestTheSampleIsWrittenFromTheComments(t *testing.T) {
	w := &writer{comments: comments(t)}
	w.WriteString("# The configuration of a Chancery server. Every key is here with its default value;\n" +
		"# what you leave out keeps it. After a change: chancery check-config, then restart.\n\n")
	c := Default()
	c.ServerName = sampleName
	w.object(reflect.ValueOf(c), "")
	if *update {
		if err := os.WriteFile("sample.yaml", []byte(w.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if w.String() != sample {
		t.Error("sample.yaml is not what the comments say; run go generate ./config")
	}
}

func TestEveryKeyHasItsComment(t *testing.T) {
	alone := map[string]bool{"Listeners.TLSKey": true, "Mail.Password": true, "WellKnown.SupportPage": true}
	for field, text := range comments(t) {
		if strings.TrimSpace(text) == "" && !alone[field] {
			t.Errorf("%s has no comment", field)
		}
	}
}

func TestTheSampleParsesToTheDefaults(t *testing.T) {
	got, bad := Parse([]byte(Sample("", "")), "/etc/chancery.yaml", Override{})
	if len(bad.List) > 0 {
		t.Fatal(bad)
	}
	want := Default()
	want.ServerName, want.DataDir = sampleName, "/etc/chancery-data"
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
}

func TestTheSampleTakesANameAndAFolder(t *testing.T) {
	got, bad := Parse([]byte(Sample("chat.example.net", "/var/lib/chancery")), "x.yaml", Override{})
	if len(bad.List) > 0 || got.ServerName != "chat.example.net" || got.DataDir != "/var/lib/chancery" {
		t.Errorf("%v; %s in %s", bad, got.ServerName, got.DataDir)
	}
}
