package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// The most that a schema may hold (I12). Honest ones have a tenth of it.
const (
	maxNesting    = 8
	maxAttributes = 1000
	maxWords      = 4096 // bytes of a documentation, example or default
)

var argumentPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

// checkType says what can't be true of what a plugin says about a type. Core
// builds on it: it checks configurations against the schema, applies defaults,
// and hides what is sensitive.
func checkType(kind string, t *wire.TypeInfo) error {
	if !argumentPattern.MatchString(t.GetName()) {
		return fmt.Errorf("%q can't be the label of a block", cut(t.GetName()))
	}
	if len(t.GetSummary()) > maxWords {
		return errors.New("its summary is too long")
	}
	if err := checkTraits(kind, t); err != nil {
		return err
	}
	c := &schemaCheck{}
	return c.schema(t.GetSchema(), "", 1, config.Reserved(kind))
}

func checkTraits(kind string, t *wire.TypeInfo) error {
	if kind == "source" {
		s := t.GetSource()
		if s.GetChannel() != "" && !slices.Contains(sdk.Channels(), s.GetChannel()) {
			return fmt.Errorf("there is no channel %q", cut(s.GetChannel()))
		}
		if s.GetRetryHorizonMs() < 0 {
			return errors.New("its retry horizon is negative")
		}
		return nil
	}
	s := t.GetSink()
	if !slices.Contains([]string{"", "none", "keyed", "atomic", "window", "probe"}, s.GetIdempotency()) {
		return fmt.Errorf("there is no idempotency class %q", cut(s.GetIdempotency()))
	}
	if !slices.Contains([]string{"", "none", "key", "total"}, s.GetOrdering()) {
		return fmt.Errorf("there is no ordering %q", cut(s.GetOrdering()))
	}
	if s.GetMaxEvents() < 0 || s.GetMaxBytes() < 0 || s.GetWriteTimeoutMs() < 0 {
		return errors.New("one of its limits is negative")
	}
	return nil
}

type schemaCheck struct{ attributes int }

func (c *schemaCheck) schema(s *wire.Schema, path string, depth int, reserved []string) error {
	if depth > maxNesting {
		return fmt.Errorf("%s: blocks are nested more than %d deep", strings.TrimSuffix(path, "."), maxNesting)
	}
	seen := map[string]bool{}
	for _, a := range s.GetAttributes() {
		if c.attributes++; c.attributes > maxAttributes {
			return fmt.Errorf("it has more than %d arguments", maxAttributes)
		}
		err := checkName(a.GetName(), seen, reserved)
		if err == nil {
			err = checkAttribute(a)
		}
		if err != nil {
			return fmt.Errorf("argument %q: %w", cut(path+a.GetName()), err)
		}
		if isBlock(a.Type) {
			if err := c.schema(a.Block, path+a.Name+".", depth+1, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkName(name string, seen map[string]bool, reserved []string) error {
	switch {
	case !argumentPattern.MatchString(name):
		return errors.New("that can't be the name of an argument")
	case seen[name]:
		return errors.New("there are two of that name")
	case slices.Contains(reserved, name):
		return errors.New("an argument of that name is patchbay's own")
	}
	seen[name] = true
	return nil
}

func isBlock(typ string) bool { return typ == "object" || typ == "list(object)" }

func checkAttribute(a *wire.Attribute) error {
	if !slices.Contains([]string{"string", "bool", "int", "float", "duration", "list(string)", "map(string)", "object", "list(object)"}, a.Type) {
		return fmt.Errorf("there is no type %q", cut(a.Type))
	}
	switch {
	case isBlock(a.Type) && a.Block == nil:
		return errors.New("a block without a schema")
	case !isBlock(a.Type) && a.Block != nil:
		return fmt.Errorf("a %s with a block's schema", a.Type)
	case a.Required && a.Default != "":
		return errors.New("a required argument has no default")
	case isBlock(a.Type) && a.Default != "":
		return errors.New("a block has no default")
	case a.Sensitive && a.Default != "":
		return errors.New("a sensitive argument has no default")
	case max(len(a.Doc), len(a.Example), len(a.Default), len(a.Deprecated)) > maxWords:
		return errors.New("its documentation is too long")
	}
	if err := checkRange(a); err != nil {
		return err
	}
	if err := checkEnum(a); err != nil {
		return err
	}
	if a.Default == "" {
		return nil
	}
	return checkDefault(a)
}

func checkRange(a *wire.Attribute) error {
	if a.Min == nil && a.Max == nil {
		return nil
	}
	if !slices.Contains([]string{"int", "float", "duration"}, a.Type) {
		return fmt.Errorf("a %s has no minimum or maximum", a.Type)
	}
	low, high := math.Inf(-1), math.Inf(1)
	if a.Min != nil {
		low = *a.Min
	}
	if a.Max != nil {
		high = *a.Max
	}
	if !(low <= high) { // false for what is not a number
		return fmt.Errorf("no value lies between %v and %v", low, high)
	}
	return nil
}

func checkEnum(a *wire.Attribute) error {
	if len(a.Enum) == 0 {
		return nil
	}
	if a.Type != "string" && a.Type != "list(string)" {
		return fmt.Errorf("a %s has no set of words", a.Type)
	}
	if len(a.Enum) > maxAttributes {
		return errors.New("its set of words is too large")
	}
	seen := map[string]bool{}
	for _, w := range a.Enum {
		if w == "" || len(w) > maxWords || seen[w] {
			return fmt.Errorf("its set of words has %q, which is empty, too long or there twice", cut(w))
		}
		seen[w] = true
	}
	return nil
}

// checkDefault checks that the default is a value that could be written.
func checkDefault(a *wire.Attribute) error {
	wrong := fmt.Errorf("its default %s is not a %s", cut(a.Default), a.Type)
	switch a.Type {
	case "bool":
		if a.Default != "true" && a.Default != "false" {
			return wrong
		}
	case "int", "float":
		return checkNumber(a, wrong)
	case "list(string)":
		var words []string
		if !decode(a.Default, &words) {
			return wrong
		}
		for _, w := range words {
			if len(a.Enum) > 0 && !slices.Contains(a.Enum, w) {
				return fmt.Errorf("its default has %q, which is none of its words", cut(w))
			}
		}
	case "map(string)":
		var m map[string]string
		if !decode(a.Default, &m) {
			return wrong
		}
	default:
		return checkTextDefault(a, wrong)
	}
	return nil
}

func checkNumber(a *wire.Attribute, wrong error) error {
	var n json.Number
	if !decode(a.Default, &n) || strings.HasPrefix(a.Default, `"`) {
		return wrong
	}
	f, err := n.Float64()
	if _, ierr := n.Int64(); err != nil || a.Type == "int" && ierr != nil {
		return wrong
	}
	return within(a, f)
}

func checkTextDefault(a *wire.Attribute, wrong error) error {
	var s string
	if !decode(a.Default, &s) {
		return wrong
	}
	if a.Type == "duration" {
		d, err := time.ParseDuration(s)
		if err != nil {
			return wrong
		}
		return within(a, d.Seconds())
	}
	if len(a.Enum) > 0 && s != "" && !slices.Contains(a.Enum, s) {
		return fmt.Errorf("its default %q is none of its words", cut(s))
	}
	return nil
}

func within(a *wire.Attribute, v float64) error {
	if a.Min != nil && v < *a.Min || a.Max != nil && v > *a.Max {
		return fmt.Errorf("its default %s is out of its range", cut(a.Default))
	}
	return nil
}

// decode reads exactly one JSON value that is not null.
func decode(text string, into any) bool {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return d.Decode(into) == nil && !d.More() && strings.TrimSpace(text) != "null"
}

// cut shortens a stranger's text.
func cut(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
