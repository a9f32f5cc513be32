package plan

import (
	"reflect"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
)

// configTypes collects the structs of package config that a configuration
// consists of, by name.
func configTypes(t reflect.Type, into map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		configTypes(t.Elem(), into)
	case reflect.Map:
		configTypes(t.Key(), into)
		configTypes(t.Elem(), into)
	case reflect.Struct:
		if !strings.HasSuffix(t.PkgPath(), "core/config") || into[t.Name()] != nil {
			return
		}
		into[t.Name()] = t
		for i := range t.NumField() {
			f := t.Field(i)
			if r, known := rules()[t.Name()+"."+f.Name]; known && r.how != inside && !unitField(f.Name) {
				continue // no part of a plan, or written out with all that it holds
			}
			configTypes(f.Type, into)
		}
	default:
	}
}

// unitField reports whether a field that is skipped in its own struct is taken
// as units.
func unitField(name string) bool {
	switch name {
	case "Receiver", "Admin", "Journal", "Sources", "Sinks", "Lookups", "Pipelines":
		return true
	}
	return false
}

// TestRules fails when a field of a configuration's types is not classified, so
// that nobody adds one without saying what a change of it means.
func TestRules(t *testing.T) {
	types := map[string]reflect.Type{}
	configTypes(reflect.TypeFor[config.Config](), types)
	if len(types) < 10 {
		t.Fatalf("types: got %d, want at least 10: the walk is broken", len(types))
	}
	known := rules()
	for name, typ := range types {
		for i := range typ.NumField() {
			f := name + "." + typ.Field(i).Name
			if _, ok := known[f]; !ok {
				t.Errorf("field %s is not classified: say in rules() what a change of it touches", f)
			}
			delete(known, f)
		}
	}
	for f := range known {
		t.Errorf("rules() has %s, which no configuration has", f)
	}
}

// A field that nobody has classified is compared and never shown.
func TestUnknownField(t *testing.T) {
	type Novel struct {
		Secret string
		Deep   map[string][]int
	}
	take := func(n Novel) *unit {
		tk := &taker{o: Options{Key: []byte("k")}, rules: rules()}
		return tk.unit("source", "source.x.y", Plugin, reflect.ValueOf(n))
	}
	old := take(Novel{Secret: "one", Deep: map[string][]int{"a": {1}, "b": {2}}})
	same := take(Novel{Secret: "one", Deep: map[string][]int{"b": {2}, "a": {1}}})
	other := take(Novel{Secret: "two", Deep: map[string][]int{"a": {1}, "b": {3}}})
	for i := range old.attrs {
		a := &old.attrs[i]
		if a.text != "" || a.touch != Plugin {
			t.Errorf("%s: got text %q and touch %b, want none and %b", a.path, a.text, a.touch, Plugin)
		}
		if a.sum != same.attrs[i].sum {
			t.Errorf("%s: the same value has two sums", a.path)
		}
		if a.sum == other.attrs[i].sum {
			t.Errorf("%s: two values have one sum", a.path)
		}
	}
}
