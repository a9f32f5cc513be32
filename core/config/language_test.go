package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
)

// around is what a configuration needs to be without warnings.
const around = `
source "any" "in" {}
sink "any" "out" {}
pipeline "all" {
  from = [source.any.in]
  to   = [sink.any.out]
}
`

// addresses lists what a configuration consists of.
func addresses(cfg *Config) string {
	var out []string
	for _, s := range cfg.Sources {
		out = append(out, "source."+s.Address+" "+s.Path)
	}
	for _, s := range cfg.Sinks {
		out = append(out, "sink."+s.Address+" "+string(s.ConfigJSON))
	}
	for _, l := range cfg.Lookups {
		out = append(out, "lookup."+l.Address+" "+filepath.Base(filepath.Dir(l.File)))
	}
	for _, p := range cfg.Pipelines {
		line := "pipeline." + p.Name
		for _, s := range p.From {
			line += " <" + s.Address
		}
		for _, s := range p.To {
			line += " >" + s.Address
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func sameText(t *testing.T, got, want string) {
	t.Helper()
	if got, want = strings.TrimSpace(got), strings.TrimSpace(want); got != want {
		t.Errorf("\n got:\n%s\nwant:\n%s", got, want)
	}
}

func TestForEach(t *testing.T) {
	t.Parallel()
	cfg := load(t, write(t, map[string]string{"a.hcl": `
locals {
  regions = { south = 2, north = 1 }
}
source "any" "in" {
  for_each = local.regions
  rank     = each.value
}
sink "any" "out" {
  for_each = toset(["b", "a"])
  path     = "${each.key}-${each.value}"
}
sink "any" "copy" {
  for_each = sink.any.out
  path     = each.key
}
pipeline "each" {
  for_each = source.any.in
  from     = each.value
  filter { when = event.account == each.key }
  to       = [sink.any.out.a, sink.any.copy["b"]]
}
pipeline "all" {
  from = source.any.in
  to   = concat(values(sink.any.out), [for k, s in sink.any.copy : s if k != "b"])
}
`}), Options{})
	sameText(t, addresses(cfg), `
source.any.in.north /hooks/any/in/north
source.any.in.south /hooks/any/in/south
sink.any.out.a {"path":"a-a"}
sink.any.out.b {"path":"b-b"}
sink.any.copy.a {"path":"a"}
sink.any.copy.b {"path":"b"}
pipeline.each.north <any.in.north >any.out.a >any.copy.b
pipeline.each.south <any.in.south >any.out.a >any.copy.b
pipeline.all <any.in.north <any.in.south >any.out.a >any.out.b >any.copy.a`)
	if got := string(cfg.Sources[1].ConfigJSON); got != `{"rank":2}` {
		t.Errorf("got %s", got)
	}
	if got, want := cfg.Sources[0].Context(), `source "any" "in" (each.key "north")`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	env := &expr.Env{}
	env.Reset(&sdk.Event{Account: "south"})
	if north, south := cfg.Pipelines[0].Stages[0].Filter.When, cfg.Pipelines[1].Stages[0].Filter.When; north.Eval(env) || !south.Eval(env) {
		t.Error("got filters that don't know their own each.key")
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	cfg := load(t, write(t, map[string]string{"a.hcl": `
variable "debug" {
  type    = bool
  default = false
}
locals {
  sinks = { a = sink.any.a, more = [sink.any.b] }
}
source "any" "in" {}
sink "any" "a" {}
sink "any" "b" {}
pipeline "one" {
  from = source.any.in
  to   = sink.any.a
}
pipeline "local" {
  from = [source.any["in"]]
  to   = local.sinks
}
pipeline "conditional" {
  from = [source.any.in]
  to   = [sink.any.a, var.debug ? sink.any.b : null]
}
pipeline "set" {
  from = [source.any.in]
  to   = toset([sink.any.b, sink.any.a, sink.any.b])
}
`}), Options{})
	sameText(t, addresses(cfg), `
source.any.in /hooks/any/in
sink.any.a {}
sink.any.b {}
pipeline.one <any.in >any.a
pipeline.local <any.in >any.a >any.b
pipeline.conditional <any.in >any.a
pipeline.set <any.in >any.a >any.b`)
}

func TestModules(t *testing.T) {
	t.Parallel()
	cfg := load(t, write(t, map[string]string{
		"main.hcl": `
module "eu" {
  source = "./regions"
  to     = [sink.any.out]
  token  = secret("env:TOKEN")
}
module "rest" {
  source   = "./regions"
  for_each = { us = 2, asia = 3 }
  to       = [sink.any.out]
  rank     = each.value
}
sink "any" "out" {
  ranks = [for k, m in module.rest : m.rank]
}
sink "any" "key" {
  key = module.eu.key
}
pipeline "all" {
  from = [module.eu.in, module.rest["us"].in, [for m in module.rest : m.in if m.rank == 3]]
  to   = [sink.any.key]
}
`,
		"regions/module.hcl": `
variable "to" { type = list(sink) }
variable "rank" { default = 1 }
variable "token" {
  sensitive = true
  default   = ""
}
locals {
  rows = csv("t.csv")
}
source "any" "in" {
  columns = length(local.rows)
  note    = file("../note.txt")
}
lookup "csv" "t" { file = "t.csv" }
module "inner" {
  source = "../inner"
  from   = source.any.in
  table  = lookup.csv.t
  to     = var.to
}
output "in" { value = source.any.in }
output "rank" { value = var.rank }
output "key" {
  sensitive = true
  value     = "Bearer ${var.token}"
}
`,
		"regions/t.csv": "id,tier\n1,gold\n",
		"note.txt":      "hello",
		"inner/module.hcl": `
variable "from" { type = source }
variable "to" { type = any }
variable "table" { type = lookup }
pipeline "p" {
  from = var.from
  enrich "x" {
    lookup = var.table
    key    = event.account
    set    = { account = found.tier }
  }
  to = var.to
}
`,
	}), Options{RequireSecrets: true, Env: func(n string) (string, bool) { return "token-value", n == "TOKEN" }})
	sameText(t, addresses(cfg), `
source.module.eu.any.in /hooks/eu/any/in
source.module.rest.asia.any.in /hooks/rest/asia/any/in
source.module.rest.us.any.in /hooks/rest/us/any/in
sink.any.out {"ranks":[3,2]}
sink.any.key {"key":"Bearer token-value"}
lookup.module.eu.csv.t regions
lookup.module.rest.asia.csv.t regions
lookup.module.rest.us.csv.t regions
pipeline.all <module.eu.any.in <module.rest.us.any.in <module.rest.asia.any.in >any.key
pipeline.module.eu.module.inner.p <module.eu.any.in >any.out
pipeline.module.rest.asia.module.inner.p <module.rest.asia.any.in >any.out
pipeline.module.rest.us.module.inner.p <module.rest.us.any.in >any.out`)
	if got := string(cfg.Sources[0].ConfigJSON); got != `{"columns":1,"note":"hello"}` {
		t.Errorf("got %s", got)
	}
	if got, want := cfg.Sources[2].Context(), `module "rest" (each.key "us"), source "any" "in"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestModuleLink proves that a module can't be brought in from outside by a link.
func TestModuleLink(t *testing.T) {
	t.Parallel()
	outside := write(t, map[string]string{"m/a.hcl": "locals {\n  a = 1\n}\n"})
	dir := write(t, map[string]string{"main.hcl": "module \"m\" {\n  source = \"./m\"\n}\n" + around})
	if err := os.Symlink(filepath.Join(outside, "m"), filepath.Join(dir, "m")); err != nil {
		t.Fatal(err)
	}
	cfg, diags := Load(dir, Options{})
	if got := codes(diags); !slices.Equal(got, []diag.Code{diag.BadModule}) {
		t.Errorf("got %v\n%s", got, diags.Text(cfg.Files))
	}
}

func TestDynamic(t *testing.T) {
	t.Parallel()
	opts := fixtureOptions()
	dir := fixture(t, "testdata/good/dynamic.hcl")
	cfg := load(t, dir, opts)
	const want = `{"acks":"all","brokers":["a:1"],"mapping":[{"from":"x","to":"1"},{"from":"y","to":"2"},{"from":"z","to":"z"}],"tls":{"ca_file":"ca.pem","insecure":false},"topic":"t"}`
	s := cfg.Sinks[slices.IndexFunc(cfg.Sinks, func(s *Sink) bool { return s.Address == "kafka.s" })]
	if got := string(s.ConfigJSON); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if s.Batch.MaxEvents != 7 {
		t.Errorf("got %+v", s.Batch)
	}
	var stages []string
	p := cfg.Pipelines[slices.IndexFunc(cfg.Pipelines, func(p *Pipeline) bool { return p.Name == "p" })]
	for _, st := range p.Stages {
		stages = append(stages, strings.TrimSpace(st.Kind+" "+st.Label))
	}
	sameText(t, strings.Join(stages, "\n"), "dedup\nroute failed\nroute bounced\nfilter")
	env := &expr.Env{}
	env.Reset(&sdk.Event{ProviderStatus: "bounced"})
	if p.Stages[1].Route.When.Eval(env) || !p.Stages[2].Route.When.Eval(env) {
		t.Error("got routes that don't know their own element")
	}
}

// TestVariableSources proves the order of what gives variables their values.
func TestVariableSources(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a.hcl":                  "variable \"v\" { default = \"default\" }\nsink \"any\" \"s\" { v = var.v }\nsource \"any\" \"a\" {}\npipeline \"p\" {\n  from = [source.any.a]\n  to = [sink.any.s]\n}\n",
		"given/1.vars.hcl":       "v = \"first file\"\n",
		"given/2.vars.hcl":       "v = \"second file\"\n",
		"prod.vars.hcl":          "v = \"not asked for\"\n",
		"zz.auto.vars.hcl":       "v = \"own file\"\n",
		"patchbay.auto.vars.hcl": "v = \"patchbay's file\"\n",
	}
	dir := write(t, files)
	env := func(n string) (string, bool) { return "environment", n == "PATCHBAY_VAR_v" }
	given := []string{filepath.Join(dir, "given/1.vars.hcl"), filepath.Join(dir, "given/2.vars.hcl")}
	vars := map[string]string{"v": "command line"}
	for _, test := range []struct {
		want   string
		opts   Options
		remove string // before the next
	}{
		{"command line", Options{Env: env, VarFiles: given, Vars: vars}, ""},
		{"second file", Options{Env: env, VarFiles: given}, ""},
		{"first file", Options{Env: env, VarFiles: given[:1]}, ""},
		{"own file", Options{Env: env}, "zz.auto.vars.hcl"},
		{"patchbay's file", Options{Env: env}, "patchbay.auto.vars.hcl"},
		{"environment", Options{Env: env}, ""},
		{"default", Options{}, ""},
	} {
		if got, want := string(load(t, dir, test.opts).Sinks[0].ConfigJSON), fmt.Sprintf(`{"v":%q}`, test.want); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if test.remove != "" {
			if err := os.Remove(filepath.Join(dir, test.remove)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestVariableTypes(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": `
variable "o" {
  type    = object({ name = string, size = optional(number, 3), tags = optional(list(string)) })
  default = { name = "a" }
}
variable "n" {
  type    = number
  default = null
}
variable "l" {
  type = list(number)
}
sink "any" "s" {
  o = var.o
  n = var.n == null ? "none" : "some"
  l = var.l
}
source "any" "a" {}
pipeline "p" {
  from = [source.any.a]
  to   = [sink.any.s]
}
`})
	for given, want := range map[string]string{
		"[1, 2]":                         `{"l":[1,2],"n":"none","o":{"name":"a","size":3,"tags":null}}`,
		"[for x in [3, 4] : x + 1]":      `{"l":[4,5],"n":"none","o":{"name":"a","size":3,"tags":null}}`,
		"concat([1], [length(\"abc\")])": `{"l":[1,3],"n":"none","o":{"name":"a","size":3,"tags":null}}`,
	} {
		if got := string(load(t, dir, Options{Vars: map[string]string{"l": given}}).Sinks[0].ConfigJSON); got != want {
			t.Errorf("%s:\n got %s\nwant %s", given, got, want)
		}
	}
	for _, given := range []string{"", "[", "x", "[var.n]", "null", "[\"a\"]", "[for x in range(1000): [for y in range(20): y]]", strings.Repeat("[", 300)} {
		_, diags := Load(dir, Options{Vars: map[string]string{"l": given}})
		if got := codes(diags); !slices.Equal(got, []diag.Code{diag.InvalidValue}) {
			t.Errorf("%.20q: got %v", given, diags)
		}
	}
}

// TestValuesOnDemand proves that nothing depends on the order in which blocks
// are written.
func TestValuesOnDemand(t *testing.T) {
	t.Parallel()
	cfg := load(t, write(t, map[string]string{"a.hcl": `
pipeline "p" {
  from = local.from
  to   = [sink.any.s]
}
sink "any" "s" { v = local.c }
locals {
  from = values(source.any.a)
  c    = "${local.b}c"
}
locals {
  b = "${local.a}b"
}
source "any" "a" { for_each = var.names }
locals {
  a = "a"
}
variable "names" { default = ["x"] }
`}), Options{})
	if got := string(cfg.Sinks[0].ConfigJSON); got != `{"v":"abc"}` || cfg.Pipelines[0].From[0].Address != "any.a.x" {
		t.Errorf("got %s, %s", got, addresses(cfg))
	}
}
