// Package console tries event expressions out on one event: what a person types
// is compiled as in a pipeline and evaluated, and its value and type are told.
//
// What people see of a value is masked as everywhere: text that an expression
// took from a person's address, from attributes or from the provider's document
// shows its ends alone, unless the session reveals it. Comparisons and lengths
// are not masked; whoever may ask them may see the event.
package console

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
)

// MaxLine is the longest expression, in bytes.
const MaxLine = 64 << 10

// Session is an event and what else expressions may refer to. It is used by one
// goroutine.
type Session struct {
	// Event is what expressions see as event.
	Event *sdk.Event
	// Found is the row that expressions see as found; nil means that there is
	// none, and that found isn't known.
	Found *expr.Row
	// Now is what now() returns.
	Now time.Time
	// Reveal shows values as they are.
	Reveal bool
}

// Answer is what an expression gave.
type Answer struct {
	Expression string `json:"expression"`
	Type       string `json:"type"` // null, string, number, bool, time, list or object
	// Value is text as it is, and lists and objects as JSON; empty if null.
	Value  string `json:"value,omitempty"`
	Masked bool   `json:"masked,omitempty"`
}

// String is the answer for a person.
func (a *Answer) String() string {
	value := a.Value
	switch a.Type {
	case "null":
		return "null"
	case "string":
		value = strconv.Quote(value)
	}
	if a.Masked {
		return fmt.Sprintf("%s  (%s, masked)", value, a.Type)
	}
	return fmt.Sprintf("%s  (%s)", value, a.Type)
}

// Eval evaluates an expression. The answer is nil if the list has errors, whose
// places are in the given line of the file name.
func (s *Session) Eval(text, name string, line int) (*Answer, diag.List) {
	if len(text) > MaxLine {
		return nil, diag.List{{Code: diag.ExpressionTooLarge, Summary: "the expression is too long", Detail: fmt.Sprintf("At most %d bytes.", MaxLine)}}
	}
	e, diags := config.ParseExpression(text, name, line)
	if e == nil {
		return nil, diags
	}
	scope := expr.Scope{Found: s.Found != nil}
	if s.Found != nil {
		for column := range s.Found.Columns {
			scope.Columns = append(scope.Columns, column)
		}
		slices.Sort(scope.Columns)
	}
	c, diags := expr.CompileAny(e, scope)
	if c == nil {
		return nil, diags
	}
	env := &expr.Env{Now: s.Now}
	env.Reset(s.Event)
	env.Found = s.Found
	r := c.Eval(env)
	out := &Answer{Expression: text, Type: r.Type, Value: r.Text}
	if masked := s.mask(r, c.Uses()); masked != r.Text {
		out.Value, out.Masked = masked, true
	}
	return out, diags
}

// mask hides what is personal in a value made of the parts of the event that
// uses names.
func (s *Session) mask(r expr.Result, uses []expr.Use) string {
	if s.Reveal || r.Type == "null" || r.Type == "bool" || r.Type == "time" {
		return r.Text
	}
	personal := slices.ContainsFunc(uses, func(u expr.Use) bool { return isPersonal(u.Field) })
	switch {
	case r.Type == "number":
		return inspect.MaskText(r.Text)
	case personal && r.Type == "string":
		return inspect.Mask(r.Text)
	case personal:
		return "…" // a whole document, or a list that holds addresses
	}
	return inspect.MaskText(r.Text)
}

// isPersonal reports whether a field may say who somebody is, or what they
// wrote.
func isPersonal(field string) bool {
	switch field {
	case "recipient", "sender", "payload", expr.AttributePrefix + sdk.AttrText, expr.AttributePrefix + sdk.AttrURL:
		return true
	}
	return false
}

// Fields evaluates each field of the event that is set, attributes included.
func (s *Session) Fields() []*Answer {
	names := expr.Fields()
	for _, a := range s.Event.Attributes {
		names = append(names, "attributes["+strconv.Quote(a.Name)+"]")
	}
	var out []*Answer
	for _, name := range names {
		a, _ := s.Eval("event."+name, "fields", 1) // names of fields are expressions without mistakes
		if a != nil && a.Type != "null" {
			out = append(out, a)
		}
	}
	return out
}

// Row makes a row of NAME=VALUE pairs.
func Row(pairs []string) (*expr.Row, error) {
	row := &expr.Row{Columns: map[string]int{}}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q: write COLUMN=VALUE", pair)
		}
		row.Columns[name] = len(row.Values)
		row.Values = append(row.Values, value)
	}
	return row, nil
}
