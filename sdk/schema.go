package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// A configuration struct describes a block's arguments by its fields:
//
//	type Config struct {
//		Token   string        `pb:"auth_token,required,sensitive" doc:"Primary auth token."`
//		Timeout time.Duration `pb:"timeout" default:"30s" doc:"How long to wait."`
//		Level   string        `pb:"level" default:"at_least_once" enum:"at_least_once,idempotent" doc:"Delivery level."`
//		TLS     *TLS          `pb:"tls" doc:"Transport security."`
//	}
//
// The tag pb holds the argument's name and the options required and sensitive.
// Other tags: doc (a sentence; required by the conformance suite), default,
// enum (comma-separated), example, min, max, deprecated (what to use instead).
// Field types: string, bool, int, int64, float64, time.Duration, []string,
// map[string]string, a struct or a pointer to one (a nested block), and a slice
// of structs (repeated nested blocks). A field without the tag is ignored.

// schemaOf describes the configuration struct C.
func schemaOf[C any]() (*wire.Schema, error) {
	t := reflect.TypeFor[C]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("sdk: configuration type %s is not a struct", t)
	}
	return structSchema(t)
}

func structSchema(t reflect.Type) (*wire.Schema, error) {
	out := &wire.Schema{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("pb")
		if !ok {
			continue
		}
		a, err := attribute(f, tag)
		if err != nil {
			return nil, fmt.Errorf("sdk: %s.%s: %w", t, f.Name, err)
		}
		out.Attributes = append(out.Attributes, a)
	}
	return out, nil
}

var durationType = reflect.TypeFor[time.Duration]()

func attribute(f reflect.StructField, tag string) (*wire.Attribute, error) {
	parts := strings.Split(tag, ",")
	a := &wire.Attribute{
		Name: parts[0], Doc: f.Tag.Get("doc"), Example: f.Tag.Get("example"), Deprecated: f.Tag.Get("deprecated"),
	}
	if a.Name == "" || !f.IsExported() {
		return nil, errors.New("a configuration field is exported and its pb tag starts with a name")
	}
	for _, opt := range parts[1:] {
		switch opt {
		case "required":
			a.Required = true
		case "sensitive":
			a.Sensitive = true
		default:
			return nil, fmt.Errorf("unknown option %q in the pb tag", opt)
		}
	}
	if e := f.Tag.Get("enum"); e != "" {
		a.Enum = strings.Split(e, ",")
	}
	var err error
	if a.Min, err = bound(f, "min"); err != nil {
		return nil, err
	}
	if a.Max, err = bound(f, "max"); err != nil {
		return nil, err
	}
	if a.Type, a.Block, err = attributeType(f.Type); err != nil {
		return nil, err
	}
	if d, ok := f.Tag.Lookup("default"); ok {
		if a.Required {
			return nil, errors.New("a required argument has no default")
		}
		if a.Default, err = defaultJSON(a.Type, d); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func bound(f reflect.StructField, tag string) (*float64, error) {
	s, ok := f.Tag.Lookup(tag)
	if !ok {
		return nil, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("tag %s: %w", tag, err)
	}
	return &v, nil
}

func attributeType(t reflect.Type) (string, *wire.Schema, error) {
	if t == durationType {
		return "duration", nil, nil
	}
	switch t.Kind() {
	case reflect.String:
		return "string", nil, nil
	case reflect.Bool:
		return "bool", nil, nil
	case reflect.Int, reflect.Int64:
		return "int", nil, nil
	case reflect.Float64:
		return "float", nil, nil
	case reflect.Pointer:
		if t.Elem().Kind() == reflect.Struct {
			s, err := structSchema(t.Elem())
			return "object", s, err
		}
	case reflect.Struct:
		s, err := structSchema(t)
		return "object", s, err
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "list(string)", nil, nil
		}
		if t.Elem().Kind() == reflect.Struct {
			s, err := structSchema(t.Elem())
			return "list(object)", s, err
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String {
			return "map(string)", nil, nil
		}
	}
	return "", nil, fmt.Errorf("type %s cannot be configured", t)
}

func defaultJSON(typ, text string) (string, error) {
	switch typ {
	case "string", "duration":
		if typ == "duration" {
			if _, err := time.ParseDuration(text); err != nil {
				return "", fmt.Errorf("default: %w", err)
			}
		}
		b, err := json.Marshal(text)
		return string(b), err
	case "list(string)":
		b, err := json.Marshal(strings.Split(text, ","))
		return string(b), err
	case "bool", "int", "float":
		if !json.Valid([]byte(text)) {
			return "", fmt.Errorf("default %q is not a %s", text, typ)
		}
		return text, nil
	}
	return "", fmt.Errorf("a %s has no default", typ)
}

// ConfigProblem is what is wrong with one argument.
type ConfigProblem struct {
	Path    string // e.g. "tls.ca_file"; empty for the block as a whole
	Summary string // one line, lower case, no full stop
	Detail  string // what to write instead
	Warning bool
}

func (p *ConfigProblem) Error() string {
	if p.Path == "" {
		return p.Summary
	}
	return p.Path + ": " + p.Summary
}

// Problem says that the argument at path is wrong. Return it from Configure or
// Open, joined with others by errors.Join; core adds file and line.
func Problem(path, summary, detail string) error {
	return &ConfigProblem{Path: path, Summary: summary, Detail: detail}
}

// problems collects the ConfigProblems in err, and what is left of it.
func problems(err error) (ps []*ConfigProblem, rest error) {
	switch e := err.(type) {
	case nil:
		return nil, nil
	case *ConfigProblem:
		return []*ConfigProblem{e}, nil
	case interface{ Unwrap() []error }:
		var others []error
		for _, sub := range e.Unwrap() {
			p, r := problems(sub)
			ps = append(ps, p...)
			if r != nil {
				others = append(others, r)
			}
		}
		return ps, errors.Join(others...)
	}
	var p *ConfigProblem
	if errors.As(err, &p) {
		return []*ConfigProblem{p}, nil
	}
	return nil, err
}

func wireDiagnostics(ps []*ConfigProblem) []*wire.Diagnostic {
	var out []*wire.Diagnostic
	for _, p := range ps {
		d := &wire.Diagnostic{Path: p.Path, Summary: p.Summary, Detail: p.Detail}
		if p.Warning {
			d.Severity = wire.Diagnostic_SEVERITY_WARNING
		}
		out = append(out, d)
	}
	return out
}

// decodeConfig fills *C from JSON, applying defaults. Core has checked types
// against the schema already; what is wrong nevertheless is a ConfigProblem.
func decodeConfig[C any](data []byte) (*C, error) {
	c := new(C)
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	if err := decodeStruct(reflect.ValueOf(c).Elem(), data, ""); err != nil {
		return nil, err
	}
	return c, nil
}

func decodeStruct(v reflect.Value, data []byte, path string) error {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(data, &in); err != nil {
		return Problem(strings.TrimSuffix(path, "."), "not an object", "")
	}
	schema, err := structSchema(v.Type())
	if err != nil {
		return err
	}
	var errs []error
	i := 0
	for fi := range v.NumField() {
		if _, ok := v.Type().Field(fi).Tag.Lookup("pb"); !ok {
			continue
		}
		a := schema.Attributes[i]
		i++
		raw, ok := in[a.Name]
		delete(in, a.Name)
		if !ok || string(raw) == "null" {
			if a.Required {
				errs = append(errs, Problem(path+a.Name, "missing argument", ""))
				continue
			}
			if raw = json.RawMessage(a.Default); len(raw) == 0 {
				continue
			}
		}
		if err := decodeField(v.Field(fi), raw, a, path); err != nil {
			errs = append(errs, err)
		}
	}
	var unknown []string
	for n := range in {
		unknown = append(unknown, n)
	}
	sort.Strings(unknown)
	for _, n := range unknown {
		errs = append(errs, Problem(path+n, "unknown argument", ""))
	}
	return errors.Join(errs...)
}

func decodeField(f reflect.Value, raw json.RawMessage, a *wire.Attribute, path string) error {
	bad := func(err error) error {
		return Problem(path+a.Name, "want "+a.Type, err.Error())
	}
	switch a.Type {
	case "duration":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return bad(err)
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return bad(err)
		}
		f.SetInt(int64(d))
		return outOfRange(path, a, d.Seconds())
	case "object":
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		return decodeStruct(f, raw, path+a.Name+".")
	case "list(object)":
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return bad(err)
		}
		f.Set(reflect.MakeSlice(f.Type(), len(items), len(items)))
		var errs []error
		for i, item := range items {
			errs = append(errs, decodeStruct(f.Index(i), item, fmt.Sprintf("%s%s.%d.", path, a.Name, i)))
		}
		return errors.Join(errs...)
	}
	if err := json.Unmarshal(raw, f.Addr().Interface()); err != nil {
		return bad(err)
	}
	if f.CanInt() {
		return outOfRange(path, a, float64(f.Int()))
	}
	if f.CanFloat() {
		return outOfRange(path, a, f.Float())
	}
	if f.Kind() == reflect.String && len(a.Enum) > 0 && f.String() != "" {
		for _, e := range a.Enum {
			if e == f.String() {
				return nil
			}
		}
		return Problem(path+a.Name, fmt.Sprintf("unknown value %q", f.String()), "One of "+strings.Join(a.Enum, ", ")+".")
	}
	return nil
}

func outOfRange(path string, a *wire.Attribute, v float64) error {
	if a.Min != nil && v < *a.Min {
		return Problem(path+a.Name, "too small", fmt.Sprintf("At least %v.", *a.Min))
	}
	if a.Max != nil && v > *a.Max {
		return Problem(path+a.Name, "too large", fmt.Sprintf("At most %v.", *a.Max))
	}
	return nil
}
