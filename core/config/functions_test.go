package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// scopeOf returns a loader of a directory of its own.
func scopeOf(t testing.TB, dir string, opts Options) *loader {
	t.Helper()
	if opts.Env == nil {
		opts.Env = fixtureEnv
	}
	r := newRun(dir, opts)
	if r.root != nil {
		t.Cleanup(func() { _ = r.root.Close() })
	}
	return r.enter(&module{folder: r.readFolder("")})
}

// evaluated evaluates a text as if it stood in a configuration.
func evaluated(t testing.TB, l *loader, src string) (cty.Value, bool) {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(src), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", src, diags)
	}
	return l.evalAny(e, "test")
}

// TestFunctionExamples evaluates what the documentation says of each function.
func TestFunctionExamples(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": around, "tenants.csv": "id,tier\n1,gold\n", "banner.txt": "hello"})
	l := scopeOf(t, dir, Options{Env: func(string) (string, bool) { return "value", true }})
	seen := map[string]bool{}
	for _, f := range Functions() {
		if f.Group == "" || f.Doc == "" || f.Example == "" || !strings.HasPrefix(f.Signature, f.Name+"(") || seen[f.Name] {
			t.Errorf("got an incomplete or repeated entry: %+v", f)
		}
		seen[f.Name] = true
		got, ok := evaluated(t, l, f.Example)
		if !ok {
			t.Errorf("%s: got no value: %v", f.Example, l.diags)
			l.diags = nil
			continue
		}
		if f.Result == "" {
			continue
		}
		want, ok := evaluated(t, l, f.Result)
		// A list equals what is written as a tuple, once it is of the same type.
		same, err := convert.Convert(want, got.Type())
		if !ok || err != nil || !same.RawEquals(got) {
			t.Errorf("%s: got %#v, want %#v (%v)", f.Example, got, want, err)
		}
	}
	for name := range l.functions() {
		if !seen[name] {
			t.Errorf("function %s is not in the table", name)
		}
	}
	if len(seen) < 50 {
		t.Errorf("got %d functions, want at least 50", len(seen))
	}
}

// TestFunctionResults holds what the examples don't show.
func TestFunctionResults(t *testing.T) {
	t.Parallel()
	l := scopeOf(t, write(t, map[string]string{"a.hcl": around}), Options{})
	for src, want := range map[string]string{
		`length("añ€")`:                        `3`,
		`length({})`:                           `0`,
		`contains("a-b", "-")`:                 `true`,
		`contains([1, 2], 3)`:                  `false`,
		`distinct([[1], [1], [2]])`:            `[[1], [2]]`,
		`distinct([])`:                         `[]`,
		`one([])`:                              `null`,
		`alltrue([])`:                          `true`,
		`anytrue([])`:                          `false`,
		`sum([])`:                              `0`,
		`try(jsondecode("{"), { a = 1 }.b, 2)`: `2`,
		`can(1 + "x")`:                         `false`,
		`[for k, v in { b = 1, a = 2 } : "${k}${v}" if v > 0]`:             `["a2", "b1"]`,
		`{ for s in ["a", "ab"] : length(s) => s... }`:                     `{ "1" = ["a"], "2" = ["ab"] }`,
		`[{ n = 1 }, { n = 2 }][*].n`:                                      `[1, 2]`,
		`"%{ for s in ["a", "b"] }<${s}>%{ endfor }"`:                      `"<a><b>"`,
		`1 == 1 ? "yes" : "no"`:                                            `"yes"`,
		`try([for x in [1] : x.a], "none")`:                                `"none"`,
		`[for x in [[{ a = 1 }], [{}]] : try([for y in x : y.a], "none")]`: `[[1], "none"]`,
	} {
		got, ok := evaluated(t, l, src)
		want, _ := evaluated(t, l, want)
		same, err := convert.Convert(want, got.Type())
		if !ok || err != nil || !same.RawEquals(got) {
			t.Errorf("%s: got %#v, want %#v\n%v", src, got, want, l.diags)
			l.diags = nil
		}
	}
}

// TestSecretsInFunctions proves for each function that a secret it is given comes
// out whole, or not at all: nothing of it, not even its length, can be taken
// from it (I14).
func TestSecretsInFunctions(t *testing.T) {
	t.Parallel()
	const secret = `secret("env:TWILIO_AUTH_TOKEN")`
	dir := write(t, map[string]string{"a.hcl": around})
	for _, f := range Functions() {
		if f.Name == "secret" || f.Name == "csv" || f.Name == "file" {
			continue
		}
		for _, arg := range []string{secret, "[" + secret + "]", "{ a = " + secret + " }", `["x", ` + secret + `, ["` + `${` + secret + `}"]]`} {
			for n := range 3 {
				for at := range n + 1 {
					args := slices.Repeat([]string{`"a"`}, n+1)
					args[at] = arg
					checkWhole(t, dir, f.Name+"("+strings.Join(args, ", ")+")")
				}
			}
		}
	}
	for _, src := range []string{
		secret + ` == "x"`, `!` + secret, secret + ` + 1`, `[` + secret + `] == []`, `{ (` + secret + `) = 1 }`, `["a"][` + secret + `]`,
		`[for s in [` + secret + `] : s if s != ""]`, `{ for s in [` + secret + `] : s => 1 }`, `csv(` + secret + `)`, `file(` + secret + `)`,
		`secret(` + secret + `)`, `"%{ if ` + secret + ` == "" }a%{ endif }"`, `try(upper(` + secret + `), "no")`, `[` + secret + `][*]`, `"a${` + secret + `}b"`,
	} {
		checkWhole(t, dir, src)
	}
}

// TestWholeSecrets proves that what a function keeps whole arrives.
func TestWholeSecrets(t *testing.T) {
	t.Parallel()
	const secret = `secret("env:TWILIO_AUTH_TOKEN")`
	dir := write(t, map[string]string{"a.hcl": around})
	for src, want := range map[string]string{
		`concat(["a"], [` + secret + `])[1]`:                              `S`,
		`coalesce(null, ` + secret + `)`:                                  `S`,
		`merge({ a = 1 }, { b = ` + secret + ` }).b`:                      `S`,
		`join(",", ["a", ` + secret + `])`:                                `a,S`,
		`element([` + secret + `], 0)`:                                    `S`,
		`flatten([["a"], [` + secret + `]])[1]`:                           `S`,
		`one([` + secret + `])`:                                           `S`,
		`reverse(["a", ` + secret + `])[0]`:                               `S`,
		`slice([` + secret + `, "a"], 0, 1)[0]`:                           `S`,
		`tolist(["a", ` + secret + `])[1]`:                                `S`,
		`tomap({ a = ` + secret + ` })["a"]`:                              `S`,
		`tostring(` + secret + `)`:                                        `S`,
		`values({ a = ` + secret + ` })[0]`:                               `S`,
		`zipmap(["a"], [` + secret + `]).a`:                               `S`,
		`try(` + secret + `, "a")`:                                        `S`,
		`{ for k, v in { a = ` + secret + ` } : k => "x${v}" }.a`:         `xS`,
		`[for n in ["TWILIO_AUTH_TOKEN"] : secret("env:${n}")][0]`:        `S`,
		`"%{ for s in [` + secret + `, "b"] }<${s}>%{ endfor }"`:          `<S><b>`,
		`length([` + secret + `]) + length(keys({ a = ` + secret + ` }))`: `2`,
	} {
		l := scopeOf(t, dir, Options{})
		v, ok := evaluated(t, l, src)
		if !ok {
			t.Errorf("%s: got %v", src, l.diags)
			continue
		}
		out, ok := (&pluginBody{l: l}).plain(&body{l: l}, v, hcl.Range{})
		if got := strings.ReplaceAll(fmt.Sprint(out), "twilio-secret-value", "S"); !ok || got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}

// checkWhole evaluates an expression with a secret as a plugin's argument.
func checkWhole(t *testing.T, dir, src string) {
	t.Helper()
	l := scopeOf(t, dir, Options{})
	e, diags := hclsyntax.ParseExpression([]byte(src), "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", src, diags)
	}
	v, ok := l.eval(e, "test")
	var out any
	if ok {
		p := &pluginBody{l: l, ranges: map[string]hcl.Range{}}
		out, ok = p.plain(&body{l: l}, v, e.Range())
	}
	text := fmt.Sprintf("%q", out)
	for _, d := range l.diags {
		text += d.Summary + d.Detail
	}
	whole := strings.ReplaceAll(text, "twilio-secret-value", "")
	if strings.Contains(whole, "Secret:") || strings.Contains(whole, "secret-value") {
		t.Errorf("%s: got %s, which holds part of a secret", src, text)
	}
	if ok && !strings.Contains(text, "twilio-secret-value") && !harmless(src) {
		t.Errorf("%s: got %s, which was made of a secret", src, text)
	}
}

// harmless reports whether an expression may have a value that says nothing of
// the secret in it.
func harmless(src string) bool {
	name, _, _ := strings.Cut(src, "(")
	// How many there are and what they are called is written in the file; these
	// two say whether an expression is right; and these may choose something else.
	return slices.Contains([]string{"length", "keys", "can", "try", "coalesce", "element", "slice", "one", "tolist", "merge"}, name)
}

// TestFunctionErrors proves that mistakes in calls are reported as such.
func TestFunctionErrors(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": around, "bad.csv": "a,b\n1\n", "latin.txt": "\xff"})
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]diag.Code{
		`file("../a")`:          diag.MissingFile,
		`file("/etc/hostname")`: diag.MissingFile,
		`file("link.txt")`:      diag.MissingFile,
		`file("latin.txt")`:     diag.MissingFile,
		`file(".")`:             diag.MissingFile,
		`csv("bad.csv")`:        diag.MissingFile,
		`csv("nowhere.csv")`:    diag.MissingFile,
		`base64decode("!")`:     diag.WrongArguments,
		`base64decode("/w==")`:  diag.WrongArguments,
		`one([1, 2])`:           diag.WrongArguments,
		`one("a")`:              diag.WrongArguments,
		`length(1)`:             diag.WrongArguments,
		`contains("a", null)`:   diag.WrongArguments,
		`slice(null, 0, 1)`:     diag.WrongArguments,
		`coalesce()`:            diag.WrongArguments,
		`coalesce(null)`:        diag.WrongArguments,
		`distinct("a")`:         diag.WrongArguments,
		`sum([null])`:           diag.WrongArguments,
		`tolist("a")`:           diag.WrongArguments,
		`tonumber("a")`:         diag.WrongArguments,
		`regex("a{2", "a")`:     diag.WrongArguments,
		`regex("a(", "a")`:      diag.InvalidPattern,
		`jsondecode("x")`:       diag.WrongArguments,
		`timeadd("x", "1h")`:    diag.WrongArguments,
		`try(1 + "x")`:          diag.WrongArguments,
		`nothing()`:             diag.UnknownFunction,
		`secret("env:X").y`:     diag.InvalidExpression,
		`1 / 0`:                 diag.InvalidExpression,
	} {
		l := scopeOf(t, dir, Options{})
		l.diags = nil
		if v, ok := evaluated(t, l, src); ok {
			t.Errorf("%s: got %#v, want an error", src, v)
		}
		l.diags = slices.DeleteFunc(l.diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Warning })
		if got := codes(l.diags); !slices.Equal(got, []diag.Code{want}) {
			t.Errorf("%s: got %v, want %s", src, l.diags, want)
		}
	}
}
