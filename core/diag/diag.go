package diag

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// Severity says whether a Diagnostic forbids going on.
type Severity uint8

// The severities.
const (
	Error   Severity = iota // nothing starts
	Warning                 // it works, but probably not as intended
	Note                    // it works as intended; worth knowing
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "error"
}

// Code identifies a kind of problem for good: "PB" and four digits.
type Code string

// Diagnostic is one problem in what a person wrote.
type Diagnostic struct {
	Severity Severity
	Code     Code
	// Summary is one line without a full stop.
	Summary string
	// Detail says in sentences what to write instead. It may be empty.
	Detail string
	// Subject is the smallest range at fault, nil if there is no such place.
	Subject *hcl.Range
	// Context names the enclosing block, e.g. `pipeline "messaging", stage filter`.
	Context string
	// Suggestion is the text that was probably meant in place of the subject's.
	Suggestion string
}

// Error returns place, code and summary on one line.
func (d Diagnostic) Error() string {
	if d.Subject == nil {
		return fmt.Sprintf("%s: %s", d.Code, d.Summary)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, d.Code, d.Summary)
}

// List is a number of diagnostics.
type List []Diagnostic

// HasErrors reports whether the list forbids going on.
func (l List) HasErrors() bool {
	errors, _ := l.Count()
	return errors > 0
}

// Count returns how many errors and warnings the list has. Notes don't count.
func (l List) Count() (errors, warnings int) {
	for i := range l {
		switch l[i].Severity {
		case Error:
			errors++
		case Warning:
			warnings++
		}
	}
	return errors, warnings
}

// Sort orders by file and place, so that the same input is always reported in
// the same order. Diagnostics without a place come first.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(known(a.Subject), known(b.Subject))
		}
		return cmp.Or(
			cmp.Compare(a.Subject.Filename, b.Subject.Filename),
			cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Summary, b.Summary),
		)
	})
}

func known(r *hcl.Range) int {
	if r == nil {
		return 0
	}
	return 1
}
