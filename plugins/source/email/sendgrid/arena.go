package sendgrid

import (
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// arena is memory for the small things that events need beside parts of their
// request, taken in large pieces: one allocation serves many events.
type arena struct {
	text  strings.Builder
	attrs []sdk.Attribute
	ids   []string

	textSize, attrsSize, idsSize int // of a piece
}

// newArena returns an arena for requests of size bytes in all. The sizes follow
// from what an event of 300 bytes needs, and are bounded on both sides.
func newArena(size int) arena {
	events := min(max(size/300, 1), 64)
	return arena{textSize: 256 * events, attrsSize: 10 * events, idsSize: events}
}

// join returns parts, one after the other.
func (a *arena) join(parts ...string) string {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if a.text.Cap()-a.text.Len() < n {
		a.text.Reset() // texts given out keep the old piece
		a.text.Grow(max(n, a.textSize))
	}
	from := a.text.Len()
	for _, p := range parts {
		a.text.WriteString(p)
	}
	return a.text.String()[from:]
}

// keep returns a copy of attrs.
func (a *arena) keep(attrs sdk.Attributes) sdk.Attributes {
	if len(attrs) == 0 {
		return nil
	}
	if cap(a.attrs)-len(a.attrs) < len(attrs) {
		a.attrs = make([]sdk.Attribute, 0, max(len(attrs), a.attrsSize))
	}
	from := len(a.attrs)
	a.attrs = append(a.attrs, attrs...)
	return a.attrs[from:len(a.attrs):len(a.attrs)] // an append must not reach the next event's
}

// one returns a list of id alone.
func (a *arena) one(id string) []string {
	if cap(a.ids) == len(a.ids) {
		a.ids = make([]string, 0, a.idsSize)
	}
	from := len(a.ids)
	a.ids = append(a.ids, id)
	return a.ids[from : from+1 : from+1]
}
