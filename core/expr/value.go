package expr

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// kind is a type of the language. The compiler knows most of them beforehand;
// kindAny is one that only the event's payload decides.
type kind uint8

const (
	kindNull kind = iota
	kindString
	kindNumber
	kindBool
	kindTime
	kindList // a tuple in the expression, or an array or object of the payload
	kindAny
)

var kindNames = [...]string{"null", "a string", "a number", "a bool", "a time", "a list", "a value"}

func (k kind) String() string { return kindNames[k] }

// value is a value whose kind is known only when it is there.
type value struct {
	kind kind
	s    string // of a string; of a number from a payload, its digits as sent
	n    float64
	b    bool
	t    time.Time
	raw  any // of a list: []any or map[string]any as decoded from JSON
}

func stringValue(s string, ok bool) value {
	if !ok {
		return value{}
	}
	return value{kind: kindString, s: s}
}

func numberValue(n float64, ok bool) value {
	if !ok {
		return value{}
	}
	return value{kind: kindNumber, n: n}
}

func boolValue(b, ok bool) value {
	if !ok {
		return value{}
	}
	return value{kind: kindBool, b: b}
}

func timeValue(t time.Time, ok bool) value {
	if !ok {
		return value{}
	}
	return value{kind: kindTime, t: t}
}

// jsonValue makes a value of what encoding/json decoded with UseNumber.
func jsonValue(v any) value {
	switch v := v.(type) {
	case string:
		return value{kind: kindString, s: v}
	case bool:
		return value{kind: kindBool, b: v}
	case json.Number:
		// The digits are kept because an id written as a number may have more
		// of them than a float holds.
		n, ok := parseNumber(string(v))
		if !ok {
			return value{kind: kindString, s: string(v)}
		}
		return value{kind: kindNumber, n: n, s: string(v)}
	case []any, map[string]any:
		return value{kind: kindList, raw: v}
	}
	return value{}
}

// text converts to a string; lists have none.
func (v value) text() (string, bool) {
	switch v.kind {
	case kindString:
		return v.s, true
	case kindNumber:
		if v.s != "" {
			return v.s, true
		}
		return formatNumber(v.n), true
	case kindBool:
		return strconv.FormatBool(v.b), true
	case kindTime:
		return formatTime(v.t), true
	}
	return "", false
}

// number converts to a number; text that isn't one has none.
func (v value) number() (float64, bool) {
	switch v.kind {
	case kindNumber:
		return v.n, true
	case kindString:
		return parseNumber(v.s)
	}
	return 0, false
}

// boolean converts to a bool; only the words true and false do.
func (v value) boolean() (b, ok bool) {
	switch v.kind {
	case kindBool:
		return v.b, true
	case kindString:
		return parseBool(v.s)
	}
	return false, false
}

// instant converts to a time; text must be RFC 3339.
func (v value) instant() (time.Time, bool) {
	switch v.kind {
	case kindTime:
		return v.t, true
	case kindString:
		return parseTime(v.s)
	}
	return time.Time{}, false
}

func parseBool(s string) (b, ok bool) { return s == "true", s == "true" || s == "false" }

func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t.UTC(), err == nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseNumber reads a decimal number. Unlike strconv it knows no hexadecimal,
// no underscores and no infinity, which a provider's text should not become.
func parseNumber(s string) (float64, bool) {
	if s == "" || len(s) > 64 || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// formatNumber writes n without an exponent where that is readable.
func formatNumber(n float64) string {
	if n == math.Trunc(n) && math.Abs(n) < 1e15 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatFloat(n, 'g', -1, 64)
}

// equal compares two values of unknown kinds; the caller has dealt with null.
// If only one of them is text, the other's kind decides: forms carry numbers
// and bools as text.
func (v value) equal(w value) bool {
	if v.kind == kindString && w.kind != kindString {
		v, w = w, v
	}
	switch v.kind {
	case kindString:
		return v.s == w.s
	case kindNumber:
		if w.kind == kindNumber && v.s != "" && w.s != "" && v.s == w.s {
			return true
		}
		n, ok := w.number()
		return ok && n == v.n
	case kindBool:
		b, ok := w.boolean()
		return ok && b == v.b
	case kindTime:
		t, ok := w.instant()
		return ok && t.Equal(v.t)
	}
	return false
}
