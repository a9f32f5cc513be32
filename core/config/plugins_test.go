package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// bare are types without arguments of their own.
type bare struct{}

func (bare) Lookup(string, string) (*wire.TypeInfo, bool) { return &wire.TypeInfo{}, true }

func (bare) Names(string) []string { return nil }

// TestReserved holds the list of core's own names against what the loader takes
// from the blocks.
func TestReserved(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": `
source "a" "b" {
  unknown_of_all = 1
  unknown_of_all {}
}
sink "a" "b" {
  unknown_of_all = 1
  unknown_of_all {}
}
`})
	_, diags := Load(dir, Options{Types: bare{}})
	for _, kind := range []string{"source", "sink"} {
		var got []string
		for _, d := range diags {
			if !strings.HasPrefix(d.Context, kind) {
				continue
			}
			for _, intro := range []string{"It takes ", "Here stand the blocks "} {
				if words, ok := strings.CutPrefix(d.Detail, intro); ok && words != "no arguments." {
					got = append(got, strings.Split(strings.TrimSuffix(words, "."), ", ")...)
				}
			}
		}
		want := Reserved(kind)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: Reserved has %q, core reads %q: a plugin could have an argument of that name", kind, want, got)
		}
	}
}

func TestPlugins(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": `
patchbay {
  plugins {
    zed  = { source = "zed.example/team/zed" }
    acme = { source = "acme.example/${var.name}", version = "~> 1.2" }
  }
}
variable "name" { default = "acme" }
`})
	var asked []*Plugin
	cfg, diags := Load(dir, Options{Plugins: func(ps []*Plugin) Types { asked = ps; return nil }})
	if diags.HasErrors() {
		t.Fatal(diags.Text(cfg.Files))
	}
	if len(asked) != 2 || !slices.Equal(asked, cfg.Plugins) {
		t.Fatalf("asked for %v, want %v", asked, cfg.Plugins)
	}
	a, z := asked[0], asked[1]
	if a.Name != "acme" || a.Source != "acme.example/acme" || a.Version != "~> 1.2" || !a.Allows("1.9.0") || a.Allows("2.0.0") || a.Range.Start.Line != 5 {
		t.Errorf("got %+v", a)
	}
	if z.Source != "zed.example/team/zed" || z.Version != "" || !z.Allows("0.0.1") {
		t.Errorf("got %+v", z)
	}
}

// faulty knows why nothing works.
type faulty struct{ bare }

func (faulty) Lookup(string, string) (*wire.TypeInfo, bool) { return nil, false }

func (faulty) TypeFault(kind, name string) (Fault, bool) {
	return Fault{Plugin: "acme", Code: diag.PluginTampered, Summary: "not the one"}, kind == "source"
}

func (faulty) PluginFault(name string) (Fault, bool) {
	return Fault{Plugin: name, Code: diag.PluginMissing, Summary: "not there"}, name == "gone"
}

// TestFaults: what is wrong with a plugin is said once, where it is needed first.
func TestFaults(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": `
patchbay {
  plugins {
    acme = { source = "acme.example/acme" }
    gone = { source = "acme.example/gone" }
  }
}
source "acme" "one" {
}
source "acme" "two" {
}
sink "other" "three" {
}
`})
	_, diags := Load(dir, Options{Types: faulty{}})
	var got []string
	for _, d := range diags {
		if d.Severity == diag.Error {
			got = append(got, string(d.Code)+" "+itoa(d.Subject.Start.Line))
		}
	}
	if want := []string{"PB2402 5", "PB2414 8", "PB2106 12"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
