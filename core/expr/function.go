package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// builtin is one of the language's functions.
type builtin struct {
	min, max int    // number of arguments; max < 0 for any
	usage    string // how it's written, for diagnostics
	compile  func(*compiler, hcl.Range, []node) node
}

// functions is the table of all functions.
func functions() map[string]builtin {
	return map[string]builtin{
		"has":        {1, 1, "has(x): whether x is not null", compileHas},
		"coalesce":   {1, -1, "coalesce(a, b, ...): the first that is not null", compileCoalesce},
		"try":        {1, -1, "try(a, b, ...): the first that is not null", compileCoalesce},
		"lower":      {1, 1, "lower(text)", mapText(strings.ToLower)},
		"upper":      {1, 1, "upper(text)", mapText(strings.ToUpper)},
		"trim":       {1, 2, "trim(text) or trim(text, characters)", compileTrim},
		"replace":    {3, 3, "replace(text, old, new)", compileReplace},
		"substr":     {3, 3, "substr(text, offset, length)", compileSubstr},
		"length":     {1, 1, "length(text or list)", compileLength},
		"startswith": {2, 2, "startswith(text, prefix)", testText(strings.HasPrefix)},
		"endswith":   {2, 2, "endswith(text, suffix)", testText(strings.HasSuffix)},
		"contains":   {2, 2, "contains([a, b, ...], x) or contains(text, part)", compileContains},
		"matches":    {2, 2, `matches(text, "regular expression")`, compileMatches},
		"cidrmatch":  {2, 2, `cidrmatch(address, "10.0.0.0/8") or cidrmatch(address, ["10.0.0.0/8", ...])`, compileCIDRMatch},
		"tonumber":   {1, 1, "tonumber(x): null if x is no number", compileToNumber},
		"tostring":   {1, 1, "tostring(x)", compileToString},
		"now":        {0, 0, "now()", compileNow},
		"timestamp":  {1, 1, `timestamp("2026-01-31T12:00:00Z")`, compileTimestamp},
		"timeadd":    {2, 2, `timeadd(time, "-1h")`, compileTimeAdd},
		"unix":       {1, 1, "unix(time): seconds since 1970", compileUnix},
	}
}

func (c *compiler) call(e *hclsyntax.FunctionCallExpr) node {
	rng := e.Range()
	all := functions()
	fn, ok := all[e.Name]
	if !ok {
		return c.suggest(e.NameRange, diag.UnknownFunction, fmt.Sprintf("unknown function %q", e.Name),
			"Event expressions know "+strings.Join(slices.Sorted(maps.Keys(all)), ", ")+".",
			diag.Suggest(e.Name, slices.Collect(maps.Keys(all))))
	}
	if e.ExpandFinal {
		return c.bad(rng, diag.UnsupportedSyntax, "... is not supported in an event expression", "Write the arguments one by one.")
	}
	args := make([]node, len(e.Args))
	bad := false
	for i, a := range e.Args {
		args[i] = c.compile(a)
		bad = bad || args[i].bad
	}
	if len(args) < fn.min || fn.max >= 0 && len(args) > fn.max {
		return c.bad(rng, diag.WrongArguments, fmt.Sprintf("wrong number of arguments for %s", e.Name), "Write "+fn.usage+".")
	}
	if bad {
		return node{rng: rng, bad: true}
	}
	n := fn.compile(c, rng, args)
	n.rng = rng
	return n
}

func compileHas(_ *compiler, rng hcl.Range, args []node) node {
	return fold(truth(rng, args[0].present()), args...)
}

// compileCoalesce also compiles try: conversions don't fail here, they give null.
func compileCoalesce(c *compiler, rng hcl.Range, args []node) node {
	for _, a := range args {
		if a.kind == kindList {
			return c.bad(a.rng, diag.WrongArguments, "a list where a single value is expected", "")
		}
	}
	n := args[len(args)-1]
	for i := len(args) - 2; i >= 0; i-- {
		switch a := args[i]; {
		case a.constant && a.kind == kindNull:
		case a.constant:
			n = a
		case n.constant && n.kind == kindNull:
			n = a
		default:
			n = pick(rng, a, n, a.present())
		}
	}
	return n
}

// want checks that all of args can be text and returns them as such.
func wantTexts(c *compiler, args []node) (fs []func(*Env) (string, bool), ok bool) {
	ok = true
	for _, a := range args {
		if a = c.wantText(a); a.bad {
			ok = false
		}
		fs = append(fs, a.text())
	}
	return fs, ok
}

func text(rng hcl.Range, f func(*Env) (string, bool)) node {
	return node{kind: kindString, rng: rng, str: f}
}

func mapText(op func(string) string) func(*compiler, hcl.Range, []node) node {
	return func(c *compiler, rng hcl.Range, args []node) node {
		fs, ok := wantTexts(c, args)
		if !ok {
			return node{bad: true}
		}
		f := fs[0]
		return fold(text(rng, func(e *Env) (string, bool) {
			s, ok := f(e)
			return op(s), ok
		}), args...)
	}
}

func testText(op func(s, part string) bool) func(*compiler, hcl.Range, []node) node {
	return func(c *compiler, rng hcl.Range, args []node) node {
		fs, ok := wantTexts(c, args)
		if !ok {
			return node{bad: true}
		}
		f, g := fs[0], fs[1]
		return fold(truth(rng, func(e *Env) bool {
			s, sok := f(e)
			part, pok := g(e)
			return sok && pok && op(s, part)
		}), args...)
	}
}

func compileTrim(c *compiler, rng hcl.Range, args []node) node {
	if len(args) == 1 {
		return mapText(strings.TrimSpace)(c, rng, args)
	}
	fs, ok := wantTexts(c, args)
	if !ok {
		return node{bad: true}
	}
	f, g := fs[0], fs[1]
	return fold(text(rng, func(e *Env) (string, bool) {
		s, sok := f(e)
		cut, cok := g(e)
		return strings.Trim(s, cut), sok && cok
	}), args...)
}

// maxText is the longest text that replace makes, in bytes. Beyond that the
// result is null: a payload must not be able to multiply itself (I12).
const maxText = 1 << 20

func compileReplace(c *compiler, rng hcl.Range, args []node) node {
	fs, ok := wantTexts(c, args)
	if !ok {
		return node{bad: true}
	}
	return fold(text(rng, func(e *Env) (string, bool) {
		s, sok := fs[0](e)
		old, ook := fs[1](e)
		repl, rok := fs[2](e)
		if !sok || !ook || !rok {
			return "", false
		}
		if len(repl) > len(old) && len(s)+strings.Count(s, old)*(len(repl)-len(old)) > maxText {
			return "", false
		}
		return strings.ReplaceAll(s, old, repl), true
	}), args...)
}

func compileSubstr(c *compiler, rng hcl.Range, args []node) node {
	fs, ok := wantTexts(c, args[:1])
	from, count := c.wantNumber(args[1]), c.wantNumber(args[2])
	if !ok || from.bad || count.bad {
		return node{bad: true}
	}
	f, g, h := fs[0], from.number(), count.number()
	return fold(text(rng, func(e *Env) (string, bool) {
		s, sok := f(e)
		offset, ook := g(e)
		n, nok := h(e)
		return substr(s, offset, n), sok && ook && nok
	}), args...)
}

// substr cuts characters, not bytes. A negative offset counts from the end, a
// negative length means the rest; what lies outside is left out.
func substr(s string, offset, length float64) string {
	total := float64(utf8.RuneCountInString(s))
	if offset < 0 {
		offset += total
	}
	offset = min(max(offset, 0), total)
	if length < 0 {
		length = total
	}
	end := min(offset+length, total)
	var begin, i int
	var n float64
	for i = range s {
		if n == float64(int(offset)) {
			begin = i
		}
		if n == float64(int(end)) {
			return s[begin:i]
		}
		n++
	}
	if offset >= total {
		return ""
	}
	return s[begin:]
}

func compileLength(_ *compiler, rng hcl.Range, args []node) node {
	a := args[0]
	if a.kind == kindList {
		return literal(value{kind: kindNumber, n: float64(len(a.list))}, rng)
	}
	if a.str != nil {
		f := a.str
		return fold(node{kind: kindNumber, rng: rng, num: func(e *Env) (float64, bool) {
			s, ok := f(e)
			return float64(utf8.RuneCountInString(s)), ok
		}}, a)
	}
	f := a.value()
	return fold(node{kind: kindNumber, rng: rng, num: func(e *Env) (float64, bool) { return f(e).length() }}, a)
}

// length counts characters of text and elements of a list.
func (v value) length() (float64, bool) {
	switch raw := v.raw.(type) {
	case []any:
		return float64(len(raw)), true
	case map[string]any:
		return float64(len(raw)), true
	}
	s, ok := v.text()
	return float64(utf8.RuneCountInString(s)), ok
}

func compileContains(c *compiler, rng hcl.Range, args []node) node {
	switch args[0].kind {
	case kindList:
		return c.member(rng, args[0], args[1])
	case kindString:
		return testText(strings.Contains)(c, rng, args)
	case kindAny:
		if args[1].kind == kindList {
			return c.bad(args[1].rng, diag.WrongArguments, "a list where a single value is expected", "")
		}
		f, g := args[0].value(), args[1].value()
		return truth(rng, func(e *Env) bool { return f(e).contains(g(e)) })
	}
	return c.bad(args[0].rng, diag.WrongArguments, fmt.Sprintf("contains() looks into lists and text, not %s", args[0].kind), "")
}

// contains asks whether a payload's list has an element, or its text a part.
func (v value) contains(x value) bool {
	if x.kind == kindNull {
		return false
	}
	if items, ok := v.raw.([]any); ok {
		for _, item := range items {
			if w := jsonValue(item); w.kind != kindNull && w.equal(x) {
				return true
			}
		}
		return false
	}
	s, ok := v.text()
	part, pok := x.text()
	return ok && pok && strings.Contains(s, part)
}

func compileToNumber(c *compiler, rng hcl.Range, args []node) node {
	a := c.wantNumber(args[0])
	if a.bad {
		return a
	}
	return fold(node{kind: kindNumber, rng: rng, num: a.number()}, a)
}

func compileToString(c *compiler, rng hcl.Range, args []node) node {
	a := c.wantText(args[0])
	if a.bad {
		return a
	}
	return fold(text(rng, a.text()), a)
}

func compileNow(_ *compiler, rng hcl.Range, _ []node) node {
	// Not folded: now() is constant only within one event.
	return node{kind: kindTime, rng: rng, tim: func(e *Env) (time.Time, bool) { return e.Now, !e.Now.IsZero() }}
}

func compileTimestamp(c *compiler, rng hcl.Range, args []node) node {
	a := c.wantTime(args[0])
	if a.bad {
		return a
	}
	return fold(node{kind: kindTime, rng: rng, tim: a.instant()}, a)
}

func compileTimeAdd(c *compiler, rng hcl.Range, args []node) node {
	a := c.wantTime(args[0])
	if a.bad {
		return a
	}
	if !args[1].constant || args[1].kind != kindString {
		return c.bad(args[1].rng, diag.WrongArguments, "the duration must be a constant", `Write it as "-1h" or "15m".`)
	}
	d, err := time.ParseDuration(args[1].lit.s)
	if err != nil {
		return c.bad(args[1].rng, diag.InvalidValue, fmt.Sprintf("%q is not a duration", args[1].lit.s), `Write it as "-1h" or "15m".`)
	}
	f := a.instant()
	return fold(node{kind: kindTime, rng: rng, tim: func(e *Env) (time.Time, bool) {
		t, ok := f(e)
		return t.Add(d), ok
	}}, a)
}

func compileUnix(c *compiler, rng hcl.Range, args []node) node {
	a := c.wantTime(args[0])
	if a.bad {
		return a
	}
	f := a.instant()
	return fold(node{kind: kindNumber, rng: rng, num: func(e *Env) (float64, bool) {
		t, ok := f(e)
		return float64(t.Unix()), ok
	}}, a)
}
