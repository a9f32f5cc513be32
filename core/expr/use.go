package expr

import "github.com/hashicorp/hcl/v2"

// AttributePrefix begins the field of a Use that reads an attribute.
const AttributePrefix = "attributes."

// Use is a place where an expression reads something of the event.
type Use struct {
	// Field is a canonical field's name, "attributes.NAME", or "payload".
	Field string
	Range hcl.Range
}

// use remembers that the expression reads a field.
func (c *compiler) use(field string, rng hcl.Range) {
	c.uses = append(c.uses, Use{field, rng})
}

// Uses lists what the condition reads of the event, in the order written.
func (b *Bool) Uses() []Use { return b.uses }

// Range is where the condition is written.
func (b *Bool) Range() hcl.Range { return b.rng }

// Constant returns whether the condition holds, if that doesn't depend on the
// event.
func (b *Bool) Constant() (holds, ok bool) {
	if !b.constant {
		return false, false
	}
	return b.eval(nil), true
}

// Uses lists what the text reads of the event, in the order written.
func (s *String) Uses() []Use { return s.uses }
