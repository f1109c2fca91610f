package httpjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/chancery-im/chancery/internal/canonicaljson"
	"github.com/chancery-im/chancery/internal/matrixerr"
)

// decodeChecked decodes an object that Check has passed. encoding/json would take
// a member of another case for a field; such members are removed before.
func decodeChecked(raw []byte, into any) error {
	exact := exactly(raw, reflect.TypeOf(into))
	if err := json.Unmarshal(exact, into); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) && te.Field != "" {
			return matrixerr.BadJSON("The member " + te.Field + " is of the wrong type")
		}
		var me *matrixerr.Error
		if errors.As(err, &me) {
			return me
		}
		return matrixerr.BadJSON("The body is not of the expected form")
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// exactly rewrites raw so that objects decoded into structs have only members with
// the very names of their fields.
func exactly(raw []byte, t reflect.Type) []byte {
	for t.Kind() == reflect.Pointer {
		if t.Implements(unmarshaler) {
			return raw
		}
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return raw
	}
	switch t.Kind() {
	case reflect.Struct:
		return exactStruct(raw, t)
	case reflect.Map:
		return members(raw, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return raw
		}
		return elements(raw, t.Elem())
	}
	return raw
}

func exactStruct(raw []byte, t reflect.Type) []byte {
	fields := fieldsOf(t)
	return members(raw, func(key string) (reflect.Type, bool) {
		f, ok := fields[key]
		return f, ok
	})
}

// fieldCache has the fields of the structs that were decoded before; there are as many
// as the program has request bodies.
var fieldCache sync.Map

func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if f, ok := fieldCache.Load(t); ok {
		return f.(map[string]reflect.Type)
	}
	fields := map[string]reflect.Type{}
	named(t, fields)
	fieldCache.Store(t, fields)
	return fields
}

// named collects the JSON names of a struct's fields, embedded ones included.
func named(t reflect.Type, into map[string]reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			named(f.Type, into)
		case tag == "-" || !f.IsExported():
		case tag == "":
			into[f.Name] = f.Type
		default:
			into[tag] = f.Type
		}
	}
}

func members(raw []byte, typeOf func(key string) (reflect.Type, bool)) []byte {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), '{')
	_ = canonicaljson.Fields(raw, func(key string, value []byte) error {
		t, ok := typeOf(key)
		if !ok {
			return nil
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(canonicaljson.AppendString(out, key), ':')
		out = append(out, exactly(value, t)...)
		return nil
	})
	return append(out, '}')
}

func elements(raw []byte, t reflect.Type) []byte {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '[' {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), '[')
	_ = canonicaljson.Elements(raw, func(value []byte) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, exactly(value, t)...)
		return nil
	})
	return append(out, ']')
}
