package config

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// chain writes n locals, each made of the one before it.
func chain(first string, n int, next func(before string) string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "locals {\n  a0 = %s\n", first)
	for i := range n {
		fmt.Fprintf(&s, "  a%d = %s\n", i+1, next(fmt.Sprintf("local.a%d", i)))
	}
	s.WriteString("}\n")
	return s.String()
}

// TestBounds proves that expressions which would take all memory, or for ever,
// end in one message, after a bounded amount of work (I12).
func TestBounds(t *testing.T) {
	t.Parallel()
	const text = "locals {\n  text = join(\",\", range(1000))\n  long = join(local.text, range(900))\n  all = %s\n}\n"
	for name, test := range map[string]struct {
		src  string
		want diag.Code
	}{
		"doubled lists":   {chain(`["x"]`, 60, func(b string) string { return "[" + b + ", " + b + "]" }), diag.TooMuch},
		"doubled objects": {chain(`{ a = 1 }`, 60, func(b string) string { return "{ a = " + b + ", b = " + b + " }" }), diag.TooMuch},
		"doubled texts":   {chain(`"xxxxxxxx"`, 60, func(b string) string { return `"${` + b + `}${` + b + `}"` }), diag.TooMuch},
		"squared numbers": {chain("1e200", 60, func(b string) string { return b + " * " + b }), diag.InvalidExpression},
		"huge number":     {fmt.Sprintf(text, "upper(1e999999999)"), diag.InvalidExpression},
		"tiny number":     {fmt.Sprintf(text, `"${1e-600000000}!"`), diag.InvalidExpression},
		"loops":           {"locals {\n  all = [for x in range(1000) : length([for y in range(1000) : length([for z in range(1000) : 1])])]\n}\n", diag.TooMuch},
		"template":        {fmt.Sprintf(text, `"`+strings.Repeat("${local.long}", 5000)+`"`), diag.TooMuch},
		"template loop":   {fmt.Sprintf(text, `"%{ for x in range(1000) }${local.long}%{ endfor }"`), diag.TooMuch},
		"concat":          {fmt.Sprintf(text, "concat("+strings.Repeat("range(1000), ", 100)+"[])"), diag.TooMuch},
		"concat of many":  {fmt.Sprintf(text, "concat("+strings.Repeat("[], ", 1000)+"[])"), diag.WrongArguments},
		"replace":         {fmt.Sprintf(text, `replace(local.long, "", local.long)`), diag.TooMuch},
		"join":            {fmt.Sprintf(text, "join(local.long, range(1000))"), diag.TooMuch},
		"split":           {fmt.Sprintf(text, `split("", local.long)`), diag.TooMuch},
		"format":          {fmt.Sprintf(text, `format("`+strings.Repeat("%s", 500)+`", local.long...)`), diag.WrongArguments},
		"format verbs":    {fmt.Sprintf(text, `format("`+strings.Repeat("%[1]s", 500)+`", local.long)`), diag.TooMuch},
		"format width":    {fmt.Sprintf(text, `format("%999999999d", 1)`), diag.WrongArguments},
		"format digits":   {fmt.Sprintf(text, `format("%.999999999f", 1)`), diag.WrongArguments},
		"range":           {fmt.Sprintf(text, "range(1000000000)"), diag.WrongArguments},
		"regex":           {fmt.Sprintf(text, `regexall("a*", local.long)`), diag.WrongArguments},
		"regex pattern":   {fmt.Sprintf(text, `regex("`+strings.Repeat("(.{900})", 100)+`", "a")`), diag.WrongArguments},
		"deep JSON":       {fmt.Sprintf(text, `jsondecode("`+strings.Repeat("[", 1_000_000)+`")`), diag.WrongArguments},
		"wide JSON":       {fmt.Sprintf(text, `jsondecode("[`+strings.Repeat("1,", 20_000)+`1]")`), diag.TooMuch},
		"wide CSV":        {fmt.Sprintf(text, `csvdecode("a\n`+strings.Repeat(`1\n`, 20_000)+`")`), diag.TooMuch},
		"mixed list":      {fmt.Sprintf(text, "tolist(concat(range(1000), [[1]]))"), diag.TooMuch},
		"mixed choice":    {fmt.Sprintf(text, "true ? concat(range(1000), [[1]]) : []"), diag.TooMuch},
		"mixed set":       {fmt.Sprintf(text, "setunion(concat(range(1000), [[1]]), [])"), diag.TooMuch},
		"comparisons":     {"locals {\n  b = [for x in range(1000) : range(8)]\n  all = [for x in range(1000) : local.b == local.b]\n}\n", diag.TooMuch},
		"errors in loops": {"locals {\n  all = [for x in range(1000) : try([for y in range(1000) : upper([])], 1)]\n}\n", diag.TooMuch},
		"long chain":      {strings.Replace(chain("local.a1", 5000, func(b string) string { return b }), "locals {", "locals { # a0 leads on", 1), diag.Cycle},
		"deep chain":      {deepChain(5000), diag.TooDeep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := Load(write(t, map[string]string{"a.hcl": test.src + around}), Options{})
			errs := slices.DeleteFunc(diags, func(d diag.Diagnostic) bool { return d.Severity == diag.Warning })
			if got := codes(errs); !slices.Equal(got, []diag.Code{test.want}) {
				t.Errorf("got %v, want %s once\n%.2000s", got, test.want, errs.Text(cfg.Files))
			}
		})
	}
}

// deepChain writes n locals, each made of the one after it.
func deepChain(n int) string {
	var s strings.Builder
	s.WriteString("locals {\n")
	for i := range n {
		fmt.Fprintf(&s, "  a%d = local.a%d\n", i, i+1)
	}
	fmt.Fprintf(&s, "  a%d = 1\n}\n", n)
	return s.String()
}

// TestBoundsLeaveRoom proves that the limits are far from what people write.
func TestBoundsLeaveRoom(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("id,tier,region\n")
	for i := range 2000 {
		fmt.Fprintf(&table, "t%d,gold,eu\n", i)
	}
	dir := write(t, map[string]string{"t.csv": table.String(), "a.hcl": around + `
locals {
  rows  = csv("t.csv")
  by_id = { for r in local.rows : r.id => r }
  gold  = [for r in local.rows : r.id if r.tier == "gold" && r.region != "us"]
  text  = jsonencode(local.by_id)
  keys  = sort(distinct(concat(local.gold, keys(local.by_id))))
}
sink "any" "many" {
  for_each = toset([for k in local.keys : k if endswith(k, "00")])
  tier     = local.by_id[each.key].tier
  size     = length(local.text)
}
pipeline "many" {
  from = [source.any.in]
  to   = sink.any.many
}
`})
	cfg := load(t, dir, Options{})
	if len(cfg.Sinks) != 20 || !strings.Contains(string(cfg.Sinks[19].ConfigJSON), `"tier":"gold"`) {
		t.Errorf("got %d sinks: %s", len(cfg.Sinks), addresses(cfg))
	}
}

// large is a configuration of 500 blocks.
func large() string {
	var s strings.Builder
	s.WriteString("locals {\n")
	for i := range 140 {
		fmt.Fprintf(&s, "  l%d = upper(\"${var.v%d}-%d\")\n", i, i%10, i)
	}
	s.WriteString("}\n")
	for i := range 10 {
		fmt.Fprintf(&s, "variable \"v%d\" { default = \"x%d\" }\n", i, i)
	}
	for i := range 200 {
		fmt.Fprintf(&s, "source \"any\" \"s%d\" {\n  path = \"/in/%d\"\n  name = local.l%d\n  list = [\"a\", \"b\", var.v%d]\n}\n", i, i, i%140, i%10)
	}
	for i := range 100 {
		fmt.Fprintf(&s, "sink \"any\" \"k%d\" {\n  path = \"${local.l%d}.db\"\n  batch { max_events = %d }\n}\n", i, i, i+1)
	}
	for i := range 50 {
		fmt.Fprintf(&s, "pipeline \"p%d\" {\n  from = [source.any.s%d, source.any.s%d, source.any.s%d, source.any.s%d]\n  dedup { window = \"72h\" }\n  normalize {}\n"+
			"  filter { when = event.event_type != \"queued\" && event.account != local.l%d }\n  route \"r\" {\n    when = event.delivery_status == \"failed\"\n    to   = [sink.any.k%d]\n  }\n  to = [sink.any.k%d]\n}\n",
			i, 4*i, 4*i+1, 4*i+2, 4*i+3, i, 2*i, 2*i+1)
	}
	return s.String()
}

// TestEvaluatedOnce proves that the work of a load grows with its text alone:
// what is mentioned often is evaluated once.
func TestEvaluatedOnce(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": large()})
	count := func(dir string) int {
		r := newRun(dir, Options{})
		r.load()
		if r.root != nil {
			defer r.root.Close()
		}
		if r.diags.HasErrors() {
			t.Fatal(r.diags)
		}
		return r.evaluations
	}
	// 640 arguments, the things they mention, and two references a pipeline's list.
	if got := count(dir); got > 2500 {
		t.Errorf("got %d evaluations, want at most 2500", got)
	}
	twice := write(t, map[string]string{"a.hcl": large(), "b.hcl": strings.NewReplacer(`"s`, `"t`, `"k`, `"j`, `"p`, `"q`, "source.any.s", "source.any.t", "sink.any.k", "sink.any.j", "/in/", "/on/", "variable \"v", "variable \"w", "  l", "  m").Replace(large())})
	if once, both := count(dir), count(twice); both > 2*once+10 {
		t.Errorf("got %d evaluations for twice the text of %d", both, once)
	}
}

// BenchmarkLoad loads 500 blocks: 200 sources, 100 sinks, 50 pipelines with five
// stages each, 140 locals and 10 variables.
func BenchmarkLoad(b *testing.B) {
	dir := write(b, map[string]string{"a.hcl": large()})
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Load(dir, Options{}); diags.HasErrors() {
			b.Fatal(diags)
		}
	}
}

// FuzzExpression checks that no expression makes the evaluator panic, that what
// it says is deterministic, and that nothing fails without a word.
func FuzzExpression(f *testing.F) {
	for _, fn := range Functions() {
		f.Add(fn.Example)
	}
	for _, src := range []string{
		`[for k, v in { a = [1] } : k => v... if v != null]`, `"%{ for x in ["a"] ~} ${x} %{ endfor }"`, `{ (upper("a")) = 1, b = null }.A`,
		`[{ a = 1 }][*].a`, `1e999999999 * -0.1`, `try(null.a, [][0], "x")`, `format("%#v %q", [1], {})`, `concat([1], ["a"]...)`, `!true && false || 1 < 2`,
		`length(null)`, `[for x in null : x]`, `{ for x in ["a"] : x => x }["a"]`, `"${null}"`, `true ? [1] : { a = 1 }`, `<<E` + "\na\nE\n",
	} {
		f.Add(src)
	}
	dir := write(f, map[string]string{"a.hcl": around, "tenants.csv": "id\n1\n", "banner.txt": "x"})
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4096 {
			return
		}
		if _, _, ok := precheck([]byte(src), "x.hcl"); !ok {
			return
		}
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var texts []string
		for range 2 {
			e, diags := hclsyntax.ParseExpression([]byte(src), "x.hcl", hcl.InitialPos)
			if diags.HasErrors() {
				return
			}
			l := scopeOf(t, dir, Options{})
			v, ok := l.eval(e, "test")
			if !ok && len(l.diags) == 0 {
				t.Fatalf("%s: got no value and no reason", src)
			}
			plain, marks := v.UnmarkDeep()
			texts = append(texts, fmt.Sprintf("%#v %d %v", plain, len(marks), l.diags))
		}
		if texts[0] != texts[1] {
			t.Errorf("%s: got\n%s\nand then\n%s", src, texts[0], texts[1])
		}
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<30 {
			t.Errorf("%s: got %d MiB allocated", src, used>>20)
		}
	})
}

// FuzzLoadDirectory checks that no directory makes Load panic: files of
// configuration, a module and a file of values.
func FuzzLoadDirectory(f *testing.F) {
	files, err := filepath.Glob("testdata/wrong/module-*.hcl")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		dir := fixture(f, file)
		in := fixtureFiles(f, dir)
		f.Add(string(in["main.hcl"]), string(in[filepath.Join("m", "m.hcl")]), "region = \"eu\"\n")
	}
	f.Fuzz(func(t *testing.T, main, module, values string) {
		if len(main)+len(module)+len(values) > 1<<15 {
			return
		}
		dir := write(t, map[string]string{"main.hcl": main + around, "m/m.hcl": module, "x.auto.vars.hcl": values})
		var first string
		for i := range 2 {
			cfg, diags := Load(dir, fixtureOptions())
			text := diags.Text(cfg.Files) + addresses(cfg)
			if i == 0 {
				first = text
			} else if text != first {
				t.Errorf("got\n%s\nand then\n%s", first, text)
			}
		}
	})
}
