package reference

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// WriteType writes the page of a plugin's type as Markdown.
func WriteType(w io.Writer, kind string, info *wire.TypeInfo, plugin string) error {
	block := Type(kind, info)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s `%s`\n\n", strings.ToUpper(kind[:1])+kind[1:], info.GetName())
	if doc := cell(info.GetSummary()); doc != "" {
		b.WriteString(doc + "\n\n")
	}
	fmt.Fprintf(&b, "Served by the plugin `%s`. %s\n\n", plugin, strings.Join(traits(kind, info), " "))
	b.WriteString("```hcl\n")
	example(&b, "", fmt.Sprintf("%s %q \"main\"", kind, info.GetName()), info.GetSchema())
	b.WriteString("```\n")
	block.Doc = "What stands in the block."
	page(&b, "##", block)
	fmt.Fprintf(&b, "\nThis page is generated from what the plugin says about itself: `patchbay plugin docs %s`.\n", info.GetName())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("reference: write: %w", err)
	}
	return nil
}

// traits says in sentences what a type is like.
func traits(kind string, info *wire.TypeInfo) []string {
	var out []string
	if s := info.GetSource(); kind == "source" {
		if s.GetChannel() != "" {
			out = append(out, "Its channel is "+s.GetChannel()+".")
		}
		if ms := s.GetRetryHorizonMs(); ms > 0 {
			out = append(out, "The provider repeats a request for up to "+span(time.Duration(ms)*time.Millisecond)+".")
		}
	} else {
		out = append(out, map[string]string{
			"keyed":  "A repeated write has no second effect: the event's id decides.",
			"atomic": "A repeated write has no second effect: data and position are kept together.",
			"window": "A repeated write has no second effect for as long as the destination remembers it.",
			"probe":  "It looks whether an event has arrived before it writes it again.",
		}[info.GetSink().GetIdempotency()])
		if out[0] == "" {
			out[0] = "A repeated write is a second effect: count distinct `event_id`."
		}
	}
	for _, c := range info.GetCapabilities() {
		said, known := map[string]string{
			"endpoint": "It has answers of its own for the provider.",
			"verifier": "It authenticates requests with code of its own: while it is down, none is taken.",
			"count":    "It can be asked how many events its destination holds.",
		}[c]
		if !known {
			said = "It can: " + cell(c) + "."
		}
		out = append(out, said)
	}
	return out
}

// span writes a duration without the parts that are zero.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// example writes a block with what must be there.
func example(b *strings.Builder, indent, header string, s *wire.Schema) {
	fmt.Fprintf(b, "%s%s {\n", indent, header)
	width := 0
	for _, a := range s.GetAttributes() {
		if a.Required && a.Block == nil {
			width = max(width, len(a.Name))
		}
	}
	for _, a := range s.GetAttributes() {
		switch {
		case !a.Required:
		case a.Block != nil:
			example(b, indent+"  ", a.Name, a.Block)
		default:
			fmt.Fprintf(b, "%s  %-*s = %s\n", indent, width, a.Name, sample(a))
		}
	}
	b.WriteString(indent + "}\n")
}

// sample is a value that an argument could have.
func sample(a *wire.Attribute) string {
	switch {
	case strings.Contains(a.Example, "secret("):
		return a.Example
	case a.Sensitive:
		return fmt.Sprintf("secret(\"env:%s\")", strings.ToUpper(a.Name))
	case a.Example != "" && json.Valid([]byte(a.Example)):
		return a.Example
	case a.Example != "" && (a.Type == "string" || a.Type == "duration"):
		return strconv.Quote(a.Example)
	case len(a.Enum) > 0:
		return strconv.Quote(a.Enum[0])
	}
	switch a.Type {
	case "bool":
		return "true"
	case "int", "float":
		if a.Min != nil {
			return strconv.FormatFloat(*a.Min, 'f', -1, 64)
		}
		return "1"
	case "duration":
		return `"30s"`
	case "list(string)":
		return `["..."]`
	case "map(string)":
		return `{ name = "..." }`
	}
	return `"..."`
}
