package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
)

// What redact does to a value.
const (
	Drop     = "drop"     // leaves nothing of it
	Mask     = "mask"     // leaves what people need to recognise it
	Tokenize = "tokenize" // puts a token in its place, the same for the same value
)

// MinRedactKey is the least number of bytes of the key of tokens.
const MinRedactKey = 16

// Redact takes personal data out of events.
type Redact struct {
	Rules []Redaction // in the order drop, mask, tokenize and as written
	// Key is what tokens are made with. Empty if there are none, or if the
	// secret isn't there.
	Key []byte
	// MissingKey says that there should be a key and its secret isn't there.
	MissingKey bool
}

// Redaction says what happens to one place of an event. One of Field,
// Attribute, Payload and Path is set.
type Redaction struct {
	Action    string // Drop, Mask or Tokenize
	Name      string // as written
	Field     string // canonical
	Attribute string
	Payload   bool   // the source payload as a whole
	Path      Path   // in the source payload
	FormField string // what Path means where the payload is a form
	Range     hcl.Range
}

const (
	payloadRoot   = "source_payload"
	attributeRoot = "attributes."
)

// redactable lists the canonical fields that may hold personal data. The others
// say which event it is and what happened, and are the same for everyone.
func redactable() []string {
	return []string{"recipient", "sender", "customer_id", "conversation_id", "error_reason"}
}

func (l *loader) redact(b *body) *Redact {
	r := &Redact{}
	seen := map[string]bool{}
	for _, action := range []string{Drop, Mask, Tokenize} {
		names, ranges := b.texts(action)
		for i, name := range names {
			rule, ok := b.redaction(action, name, ranges[i])
			if ok && seen[name] {
				b.report(diag.DuplicateName, ranges[i], quote(name)+" is redacted twice", "Name it once.")
			}
			seen[name] = true
			if ok {
				r.Rules = append(r.Rules, rule)
			}
		}
	}
	l.redactKey(b, r)
	if b.syn.Attributes[Drop] == nil && b.syn.Attributes[Mask] == nil && b.syn.Attributes[Tokenize] == nil {
		b.report(diag.MissingArgument, b.header, "nothing is redacted", `Name what to redact, for instance mask = ["recipient"].`)
	}
	return r
}

// redactKey reads the key that tokens are made with.
func (l *loader) redactKey(b *body, r *Redact) {
	const usage = `Write key = secret("env:NAME"), with at least 16 bytes that nobody can guess.`
	tokens := b.syn.Attributes[Tokenize]
	a := b.take("key")
	switch {
	case a == nil && tokens != nil:
		b.report(diag.MissingArgument, tokens.NameRange, `"tokenize" needs a key`,
			"Without one, anybody could compute the token of a telephone number. "+usage)
		return
	case a == nil:
		return
	case tokens == nil:
		l.warn(diag.Unused, a.NameRange, b.context, "the key is not used", "Only tokenize makes use of it.")
	}
	key, ok := b.secret(a)
	if !ok {
		return
	}
	r.MissingKey = key.missing
	if !key.missing && len(key.text) < MinRedactKey {
		b.report(diag.OutOfRange, a.Expr.Range(), "the key is too short", usage)
		return
	}
	r.Key = []byte(key.text)
}

// redaction reads the name of what is redacted.
func (b *body) redaction(action, name string, rng hcl.Range) (Redaction, bool) {
	r := Redaction{Action: action, Name: name, Range: rng}
	attribute, isAttribute := strings.CutPrefix(name, attributeRoot)
	path, inPayload := strings.CutPrefix(name, payloadRoot)
	switch {
	case slices.Contains(redactable(), name):
		r.Field = name
	case isAttribute && attribute != "":
		r.Attribute = attribute
	case name == payloadRoot && action == Drop:
		r.Payload = true
	case name == payloadRoot:
		b.report(diag.NotRedactable, rng, "the source payload as a whole can only be dropped",
			`Name it in drop, or name a part of it, for instance "source_payload.Body".`)
		return r, false
	case inPayload && (path[0] == '.' || path[0] == '['):
		r.FormField = strings.TrimPrefix(path, ".")
		var ok bool
		if r.Path, ok = parsePath(r.FormField); !ok {
			b.report(diag.InvalidValue, rng, quote(name)+" is not a place in the source payload",
				`Write "source_payload.NAME", "source_payload.LIST[*].NAME" or "source_payload[\"a.name\"]".`)
			return r, false
		}
	case slices.Contains(expr.Fields(), name):
		b.report(diag.NotRedactable, rng, quote(name)+" can't be redacted",
			"It says which event it is or what happened. These can: "+list(redactable())+", attributes.NAME, source_payload and source_payload.PATH.")
		return r, false
	default:
		b.l.suggest(diag.Error, diag.UnknownField, rng, b.context, "unknown field "+quote(name),
			"These can be redacted: "+list(redactable())+", attributes.NAME, source_payload and source_payload.PATH.",
			diag.Suggest(name, append(redactable(), payloadRoot)))
		return r, false
	}
	return r, true
}

// texts is a list of strings, each with where it is written.
func (b *body) texts(name string) ([]string, []hcl.Range) {
	v, rng, ok := b.value(name, cty.List(cty.String), "a list of strings")
	if !ok {
		return nil, nil
	}
	var places []hcl.Range
	if items, ok := b.syn.Attributes[name].Expr.(*hclsyntax.TupleConsExpr); ok {
		for _, item := range items.Exprs {
			places = append(places, item.Range())
		}
	}
	if v.LengthInt() == 0 {
		b.report(diag.MissingArgument, rng, quote(name)+" is empty", "Name something, or leave the argument out.")
	}
	var out []string
	var ranges []hcl.Range
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		at := rng
		if len(places) == v.LengthInt() {
			at = places[len(out)]
		}
		if item.IsNull() {
			b.report(diag.WrongType, at, quote(name)+" must be a list of strings", "")
			return nil, nil
		}
		out, ranges = append(out, item.AsString()), append(ranges, at)
	}
	return out, ranges
}
