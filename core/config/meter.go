package config

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The limits of evaluation (I12). HCL has none: a loop in a loop, a list of
// lists or a text of texts grows with every step, while the file stays small.
const (
	maxElements  = 10_000    // of one value, with those of its elements
	maxTextBytes = 4 << 20   // of one value
	maxWork      = 128 << 20 // of all of a load, in bytes that were looked at
	elementWork  = 32        // of looking at one element, in the same unit
	compareWork  = 8         // times looking at it: of comparing a value
	stepWork     = 256       // of evaluating one part of an expression
	maxExponent  = 1024      // of a number: 2^1024 is what 64 bits can hold
)

// size is how large a value is.
type size struct{ elements, bytes int }

func (s size) work() int { return s.elements*elementWork + s.bytes }

// measure adds a value to what has been measured, and stops where a limit is
// passed: values share their parts, so that a small one can be endless to walk.
func (s *size) measure(v cty.Value) *refusal {
	s.elements++
	v, _ = v.Unmark()
	if s.elements > maxElements {
		return tooLarge()
	}
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch t := v.Type(); {
	case t == cty.String:
		s.bytes += len(v.AsString())
	case t == cty.Number:
		if f := v.AsBigFloat(); f.IsInf() || f.MantExp(nil) > maxExponent || f.MantExp(nil) < -maxExponent {
			return &refusal{diag.InvalidExpression, "number out of range", "Numbers have up to 308 digits."}
		}
	case t.IsCollectionType() || t.IsTupleType() || t.IsObjectType():
		for it := v.ElementIterator(); it.Next(); {
			key, item := it.Element()
			if (t.IsMapType() || t.IsObjectType()) && key.Type() == cty.String {
				s.bytes += len(key.AsString())
			}
			if r := s.measure(item); r != nil {
				return r
			}
		}
	}
	if s.bytes > maxTextBytes {
		return tooLarge()
	}
	return nil
}

func tooLarge() *refusal {
	return &refusal{
		diag.TooMuch, "the value is too large",
		fmt.Sprintf("A value may have %d elements and %d MiB of text, with all that is in it.", maxElements, maxTextBytes>>20),
	}
}

// charge adds to the work of the load.
func (r *run) charge(work int) *refusal {
	r.work += work
	if r.work <= maxWork {
		return nil
	}
	return &refusal{
		diag.TooMuch, "the configuration takes too much work",
		"Its expressions look at too much data, too often. Make loops smaller, or prepare the data in a file.",
	}
}

// chargeValues measures values and charges for looking at them.
func (r *run) chargeValues(values ...cty.Value) *refusal {
	var s size
	for _, v := range values {
		if no := s.measure(v); no != nil {
			r.work += s.work()
			return no
		}
	}
	return r.charge(s.work())
}
