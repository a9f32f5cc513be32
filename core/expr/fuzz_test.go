package expr

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/patchbay-io/patchbay/core/diag"
)

// FuzzCompile checks that no expression panics, neither when it is compiled nor
// when it is evaluated, and that its diagnostics can be rendered.
func FuzzCompile(f *testing.F) {
	for _, seed := range append(filters(), `found.tier`, `"${event.a}%{ if true }x%{ endif }"`, `{ a = [1, null] }`, `event.payload["x"][0].y`,
		`a ? b : c`, `-(1 % 3) * 2.5e3`, `substr(event.sender, -1, 9e9)`, `[for k, v in {} : k => v...]`, `a.*.b`, `var.list[0]`, `<<E`+"\nx\nE\n") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4096 || strings.Count(src, "(")+strings.Count(src, "[")+strings.Count(src, "{") > 300 {
			return // the caller's limits, see config
		}
		e, diags := hclsyntax.ParseExpression([]byte(src), "fuzz.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			return
		}
		env := sampleEnv()
		b, list := CompileBool(e, sampleScope())
		if b != nil {
			if list.HasErrors() {
				t.Errorf("got a condition beside errors: %v", list)
			}
			if first, second := b.Eval(env), b.Eval(env); first != second {
				t.Errorf("%q: got %v and then %v", src, first, second)
			}
			empty := &Env{}
			empty.Reset(&emptyEvent)
			b.Eval(empty)
		}
		s, more := CompileString(e, sampleScope())
		if s != nil {
			s.Eval(env)
		}
		_ = append(list, more...).Text(map[string][]byte{"fuzz.hcl": []byte(src)})
	})
}

// FuzzDifferential compares compiled conditions with HCL's own evaluator, on
// what both mean the same by: events without nulls, and sides of equal types.
func FuzzDifferential(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(randomChoices(seed))
	}
	f.Fuzz(func(t *testing.T, choices []byte) { differential(t, choices) })
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	compared := 0
	const total = 3000
	for seed := range uint64(total) {
		if differential(t, randomChoices(seed)) {
			compared++
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if compared < total/2 {
		t.Errorf("compared %d of %d expressions, want at least half", compared, total)
	}
}

func randomChoices(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, 64)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// differential evaluates one generated condition both ways; false means that
// the compiler refused it, rightly.
func differential(t *testing.T, choices []byte) bool {
	g := generator{choices: choices}
	generated := g.boolean(5)
	src := strings.ReplaceAll(generated, negated, "-(")
	b, list := CompileBool(parse(t, src), sampleScope())
	for _, d := range list {
		switch d.Code {
		case diag.UnknownWord: // a word that no event has, compared with an enumeration
		case diag.ExpressionTooLarge: // the generator has no limit
		default:
			t.Errorf("%s: %v", src, d)
		}
	}
	if b == nil {
		return false
	}
	v, diags := parse(t, generated).Value(hclContext())
	if diags.HasErrors() || v.Type() != cty.Bool || v.IsNull() {
		t.Errorf("%s: HCL gave %#v, %v", src, v, diags)
		return false
	}
	if got, want := b.Eval(sampleEnv()), v.True(); got != want {
		t.Errorf("%s: got %v, want %v", src, got, want)
	}
	return true
}

// hclContext is sampleEnv as HCL sees it.
func hclContext() *hcl.EvalContext {
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"event": cty.ObjectVal(map[string]cty.Value{
				"message_id": cty.StringVal("SM1"), "channel": cty.StringVal("sms"), "event_type": cty.StringVal("failed"),
				"recipient":  cty.StringVal("+15550100"),
				"attributes": cty.ObjectVal(map[string]cty.Value{"ip": cty.StringVal("10.1.2.3")}),
				"payload":    cty.ObjectVal(map[string]cty.Value{"n": cty.NumberFloatVal(1.5), "ok": cty.True}),
			}),
			"found": cty.ObjectVal(map[string]cty.Value{"tier": cty.StringVal("gold")}),
			"var":   cty.ObjectVal(map[string]cty.Value{"limit": cty.NumberIntVal(10), "on": cty.True}),
		},
		Functions: map[string]function.Function{
			"lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "contains": stdlib.ContainsFunc, "length": stdlib.StrlenFunc,
			"tostring": stdlib.MakeToFunc(cty.String), strings.TrimSuffix(negated, "("): minusFunc,
		},
	}
}

// negated stands for "-(" in what the generator writes: for HCL's evaluator it is
// minusFunc, which knows one zero only. With the operator it has two, of which one
// is the text "-0"; to patchbay zero is zero.
const negated = "minus("

var minusFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "number", Type: cty.Number}},
	Type:   function.StaticReturnType(cty.Number),
	Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return cty.Zero.Subtract(args[0]), nil },
})

// generator writes typed expressions, choosing by bytes.
type generator struct {
	choices []byte
}

func (g *generator) choose(options ...func() string) string {
	if len(g.choices) == 0 {
		return options[0]()
	}
	c := g.choices[0]
	g.choices = g.choices[1:]
	return options[int(c)%len(options)]()
}

func (g *generator) word(words ...string) string {
	options := make([]func() string, len(words))
	for i, w := range words {
		options[i] = func() string { return w }
	}
	return g.choose(options...)
}

func (g *generator) boolean(depth int) string {
	leaf := func() string { return g.word("true", "false", "event.payload.ok", "var.on") }
	if depth == 0 {
		return leaf()
	}
	d := depth - 1
	return g.choose(leaf,
		func() string { return "!" + "(" + g.boolean(d) + ")" },
		func() string { return g.boolean(d) + g.word(" && ", " || ") + g.boolean(d) },
		func() string { return "(" + g.boolean(d) + g.word(" && ", " || ") + g.boolean(d) + ")" },
		func() string { return g.number(2) + g.word(" < ", " <= ", " > ", " >= ", " == ", " != ") + g.number(2) },
		func() string { return g.text(2) + g.word(" == ", " != ") + g.text(2) },
		func() string { return "(" + g.boolean(d) + g.word(" == ", " != ") + g.boolean(0) + ")" },
		func() string { return "(" + g.boolean(d) + " ? " + g.boolean(d) + " : " + g.boolean(d) + ")" },
		func() string {
			return fmt.Sprintf("contains([%s, %s, %s], %s)", g.text(1), g.text(1), g.text(1), g.text(1))
		},
	)
}

// number stays within what a float holds exactly, so both sides agree.
func (g *generator) number(depth int) string {
	leaf := func() string { return g.word("0", "1", "2", "7", "-3", "0.5", "event.payload.n", "var.limit") }
	if depth == 0 {
		return leaf()
	}
	d := depth - 1
	return g.choose(leaf,
		func() string { return "(" + g.number(d) + g.word(" + ", " - ", " * ") + g.number(d) + ")" },
		func() string { return "(" + g.number(d) + g.word(" / 2", " / 4", " % 7") + ")" },
		func() string { return negated + g.number(d) + ")" },
		func() string { return "length(" + g.text(d) + ")" },
		func() string { return "(" + g.boolean(d) + " ? " + g.number(d) + " : " + g.number(d) + ")" },
	)
}

func (g *generator) text(depth int) string {
	leaf := func() string {
		return g.word(`"sms"`, `"failed"`, `"SM1"`, `"gold"`, "event.message_id", "event.channel", "event.event_type",
			"event.recipient", "event.attributes.ip", "found.tier")
	}
	if depth == 0 {
		return leaf()
	}
	d := depth - 1
	return g.choose(leaf,
		func() string { return "lower(" + g.text(d) + ")" },
		func() string { return "upper(" + g.text(d) + ")" },
		func() string { return `"a${` + g.text(d) + `}b${` + g.number(d) + `}"` },
		func() string { return "tostring(" + g.number(d) + ")" },
		func() string { return "(" + g.boolean(d) + " ? " + g.text(d) + " : " + g.text(d) + ")" },
	)
}
