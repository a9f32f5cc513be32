// Package expr compiles event expressions, the conditions and values that a
// pipeline's stages compute from each event, into Go closures.
//
// Load compiles once; stages evaluate per event. Nothing of HCL or cty is left
// at run time: fields are read from the event, regular expressions, sets and
// networks are built beforehand, constants are folded, the words of
// enumerations have become numbers, and a condition over canonical fields
// allocates nothing.
//
// # Language
//
// The roots are event.FIELD, event.attributes.NAME (or event.metadata.NAME),
// event.payload.PATH, found.COLUMN within enrich, and whatever static values
// the Scope carries. A payload is read as JSON or else as a form, once per
// event and only if an expression asks.
//
// Types are string, number, bool, time and null. Payload values have the type
// the provider gave them; where text meets another type it's converted, since
// forms and attributes carry everything as text.
//
// What is missing is null: an empty field, an absent attribute, an empty cell
// of a lookup, text that isn't the number it should be. A comparison with null
// is false, except == null and != null. Null as a condition is false, so !x
// holds for a missing x. Operators and functions given null return null unless
// their description says otherwise. Nothing fails at run time.
//
// Numbers are 64-bit floats: integers are exact up to 2^53. Longer ids belong
// in strings.
//
// A node that the compiler does not know is a diagnostic, never a slow path.
//
// This package does not read files, and does not decide what an event's fields
// mean.
package expr
