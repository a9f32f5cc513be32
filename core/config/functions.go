package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/patchbay-io/patchbay/core/diag"
)

// Function documents a function that static expressions may call: those that
// are evaluated once, when the configuration is loaded. Event expressions have
// functions of their own.
type Function struct {
	Group     string // text, collections, numbers, types, encoding, time or files
	Name      string
	Signature string // upper(text)
	Doc       string // one line
	Example   string // an expression
	Result    string // what it evaluates to; empty where that depends on files
}

// Functions lists the functions of static expressions by group and name.
func Functions() []Function {
	var out []Function
	for _, b := range builtins() {
		out = append(out, b.Function)
	}
	return out
}

// secretRule says what a function may be given that holds secrets.
type secretRule int

const (
	noSecrets    secretRule = iota // nothing: it would look at them or change them
	inElements                     // lists and objects of secrets, which it doesn't look at
	wholeSecrets                   // anything: secrets come out whole
)

// builtin is a function with what keeps it in bounds.
type builtin struct {
	Function
	impl    func(*loader) function.Function
	secrets secretRule
	// check refuses arguments before the function sees them.
	check func(args []cty.Value) *refusal
	// unifies says that the function makes one type of those of all elements.
	unifies bool
}

// functions are what static expressions of the scope may call.
func (l *loader) functions() map[string]function.Function {
	dir := l.dir()
	if out := l.callable[dir]; out != nil {
		return out
	}
	out := map[string]function.Function{
		// These evaluate their arguments themselves, which the meter sees.
		"try": tryfunc.TryFunc,
		"can": tryfunc.CanFunc,
		// Calls of secret are evaluated by secretCall, before they get here.
		"secret": textFunction(cty.String, func([]string) (cty.Value, error) { return cty.NilVal, secretRefused() }, "reference"),
	}
	for _, b := range builtins() {
		if b.impl != nil {
			out[b.Name] = l.bounded(b)
		}
	}
	l.callable[dir] = out
	return out
}

// bounded makes a function of a builtin: arguments are checked, and they and
// the result are metered.
func (l *loader) bounded(b builtin) function.Function {
	f := b.impl(l)
	spec := &function.Spec{
		// HCL asks for the type first, and cty's functions may do all of their
		// work to tell.
		Type: func(args []cty.Value) (cty.Type, error) {
			if no := b.refuse(args); no != nil {
				return cty.NilType, no
			}
			if no := l.chargeValues(args...); no != nil {
				return cty.NilType, no
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			out, err := f.Call(args)
			if err != nil {
				return cty.NilVal, err
			}
			if no := l.chargeValues(out); no != nil {
				return cty.NilVal, no
			}
			return out, nil
		},
	}
	names := b.parameters()
	for i, p := range f.Params() {
		p.Name, p.AllowMarked = names[i], true
		spec.Params = append(spec.Params, p)
	}
	if p := f.VarParam(); p != nil {
		v := *p
		v.Name, v.AllowMarked = names[len(names)-1], true
		spec.VarParam = &v
	}
	return function.New(spec)
}

// parameters are the names in the signature, for messages.
func (b *builtin) parameters() []string {
	_, list, _ := strings.Cut(strings.TrimSuffix(b.Signature, ")"), "(")
	names := strings.Split(list, ", ")
	for i, n := range names {
		names[i] = strings.TrimSuffix(n, "...")
	}
	return names
}

func (b *builtin) refuse(args []cty.Value) *refusal {
	for _, a := range args {
		if b.secrets == noSecrets && a.HasMarkDeep(secretMark{}) || b.secrets == inElements && a.HasMark(secretMark{}) {
			return secretRefused()
		}
		if b.unifies && mixed(a) {
			return tooMixed()
		}
		if !a.IsWhollyKnown() {
			return nil
		}
	}
	if b.unifies && len(args) > maxMixed {
		return tooMixed()
	}
	if b.check != nil {
		plain := make([]cty.Value, len(args))
		for i, a := range args {
			plain[i], _ = a.UnmarkDeep()
			if a.IsNull() {
				return nil // the function says it better
			}
		}
		return b.check(plain)
	}
	return nil
}

// maxMixed bounds how many elements of different types are made one type: cty
// compares each with each.
const maxMixed = 500

func tooMixed() *refusal {
	return &refusal{diag.TooMuch, "too many elements of different types",
		fmt.Sprintf("More than %d elements become a list, a set or a map only if they are of the same type.", maxMixed)}
}

// mixed reports whether making one type of a value's elements would take long.
func mixed(v cty.Value) bool {
	v, _ = v.Unmark()
	ty := v.Type()
	if v.IsNull() || !v.IsKnown() || !ty.IsTupleType() && !ty.IsObjectType() && !ty.IsCollectionType() {
		return false
	}
	var first cty.Type
	same := true
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		if mixed(item) {
			return true
		}
		if first == cty.NilType {
			first = item.Type()
		}
		same = same && item.Type().Equals(first)
	}
	return !same && v.LengthInt() > maxMixed
}
