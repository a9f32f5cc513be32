package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/pluginhost"
)

func platformFile(name, version string) string {
	return "patchbay-plugin-" + name + "_v" + version + "_p1_" + runtime.GOOS + "_" + runtime.GOARCH
}

func releaseFile(address, version string) string {
	return address + "/" + version + "/" + platformFile(lockfile.PluginName(address), version)
}

// wantFault checks why the source type name can't be used.
func wantFault(t *testing.T, c *Catalog, name string, code diag.Code, text string) {
	t.Helper()
	if _, ok := c.Lookup("source", name); ok {
		t.Fatalf("source %s can be used, want %s", name, code)
	}
	f, ok := c.TypeFault("source", name)
	if !ok || f.Code != code || !strings.Contains(f.Summary+" "+f.Detail, text) {
		t.Errorf("source %s: got %+v, want %s with %q", name, f, code, text)
	}
}

// wantPath checks which program serves the source type name.
func wantPath(t *testing.T, c *Catalog, name, want string) *Plugin {
	t.Helper()
	p, ok := c.Serving("source", name)
	if !ok {
		f, _ := c.TypeFault("source", name)
		t.Fatalf("source %s can't be used: %+v", name, f)
	}
	var spec pluginhost.Spec
	if !c.Launch("source", name, &spec) || spec.Path != want || p.Path != want || p.Pinned != (spec.Pin != nil) {
		t.Errorf("source %s: got %+v, want the path %s", name, spec, want)
	}
	return p
}

func TestWithoutLock(t *testing.T) {
	t.Parallel()
	store, flat, bundled := t.TempDir(), t.TempDir(), t.TempDir()
	install(t, store, releaseFile("a.example/acme", "1.0.3"))
	newest, _ := install(t, store, releaseFile("a.example/acme", "1.0.10"))
	old, _ := install(t, store, releaseFile("a.example/acme", "0.9.0"))
	install(t, flat, "patchbay-plugin-acme")
	brand, _ := install(t, flat, "patchbay-plugin-brand")
	install(t, bundled, "patchbay-plugin-brand")
	sms, _ := install(t, bundled, "patchbay-plugin-sms")
	install(t, store, strings.Replace(releaseFile("a.example/other", "1.0.0"), runtime.GOARCH, "z80", 1))
	install(t, flat, "patchbay-plugin-dumb")
	if err := os.Chmod(filepath.Join(flat, "patchbay-plugin-dumb"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := Options{Dirs: []string{store, flat, filepath.Join(flat, "none")}, Mirrors: []string{store}, Bundled: bundled, CacheDir: t.TempDir()}
	c := open(t, o)
	if p := wantPath(t, c, "acme", newest); p.Address != "a.example/acme" || p.Version != "1.0.10" || p.Protocol != 1 || p.Pinned || p.Bundled {
		t.Errorf("got %+v", p)
	}
	if p := wantPath(t, c, "brand", brand); p.Address != "local/brand" || p.Version != "1.0.3" {
		t.Errorf("got %+v", p)
	}
	if p := wantPath(t, c, "sms", sms); p.Address != "patchbay/sms" || !p.Bundled || !slices.Equal(p.Types(), []string{"source.sms"}) {
		t.Errorf("got %+v", p)
	}
	wantFault(t, c, "dumb", diag.PluginBroken, "no license")
	if got := c.Names("source"); !slices.Equal(got, []string{"acme", "brand", "sms"}) || c.Names("sink") != nil {
		t.Errorf("got %q", got)
	}
	if _, ok := c.TypeFault("source", "nobody"); ok || c.Find("other") != nil {
		t.Error("got a fault of a plugin that isn't there, or one for another platform")
	}

	o.Needs = needs(t, `acme = { source = "a.example/acme", version = "< 1.0" }
	  gone = { source = "a.example/gone" }
	  brand = { source = "b.example/brand", version = "> 2" }`)
	c = open(t, o)
	wantPath(t, c, "acme", old)
	wantFault(t, c, "gone", diag.PluginMissing, "a.example/gone is not installed")
	wantFault(t, c, "brand", diag.PluginVersion, `asks for brand > 2, and installed is "1.0.3"`)
	o.Needs = needs(t, `acme = { source = "b.example/acme" }`)
	c = open(t, o) // the one on its own might be it
	if p := wantPath(t, c, "acme", filepath.Join(flat, "patchbay-plugin-acme")); p.Address != "b.example/acme" {
		t.Errorf("got %+v", p)
	}
	o.Dirs = []string{store}
	wantFault(t, open(t, o), "acme", diag.PluginVersion, "Installed is a.example/acme 1.0.10, a.example/acme 1.0.3")
}

// TestLock: only what is pinned runs, and nothing of anything else.
func TestLock(t *testing.T) {
	t.Parallel()
	store, flat, bundled := t.TempDir(), t.TempDir(), t.TempDir()
	path, hash := install(t, store, releaseFile("a.example/acme", "1.0.3"))
	install(t, store, releaseFile("a.example/acme", "1.0.4"))
	_, brandHash := install(t, flat, "patchbay-plugin-brand")
	install(t, bundled, "patchbay-plugin-sms")
	other := strings.Repeat("0", 64)
	o := Options{Dirs: []string{flat, store}, Mirrors: []string{store}, Bundled: bundled, CacheDir: t.TempDir(), Lock: lock(pin("a.example/acme", "1.0.3", hash))}
	c := open(t, o)
	p := wantPath(t, c, "acme", path)
	if !p.Pinned || p.pin == nil || p.SHA256 != hash || p.Version != "1.0.3" {
		t.Errorf("got %+v", p)
	}
	wantFault(t, c, "brand", diag.LockMissing, "not in the lock file")
	if p, ok := c.Serving("source", "sms"); !ok || p.Pinned { // lies beside patchbay
		t.Errorf("got %+v, %v", p, ok)
	}
	if n := starts(t, flat); n != 0 {
		t.Errorf("a plugin that isn't in the lock file was started %d times", n)
	}

	for name, tt := range map[string]struct {
		pin   *lockfile.Plugin
		needs string
		code  diag.Code
		text  string
		typ   string
	}{
		"tampered":                {pin: pin("a.example/brand", "1.0.3", other), code: diag.PluginTampered, text: brandHash, typ: "brand"},
		"tampered in its release": {pin: pin("a.example/acme", "1.0.3", other), code: diag.PluginTampered, text: "patchbay plugin lock -replace acme", typ: "acme"},
		"another version":         {pin: pin("a.example/acme", "2.0.0", other), code: diag.PluginMissing, text: "Installed is 1.0.4, 1.0.3", typ: "acme"},
		"not there":               {pin: pin("a.example/gone", "2.0.0", other), code: diag.PluginMissing, text: "a.example/gone 2.0.0 is not installed", typ: "gone"},
		"bundled too":             {pin: pin("patchbay/sms", "1.0.3", other), code: diag.PluginTampered, text: "sms 1.0.3 is not the program", typ: "sms"},
		"says another":            {pin: pin("a.example/brand", "1.0.0", brandHash), code: diag.PluginVersion, text: `should be version 1.0.0 and says it is "1.0.3"`, typ: "brand"},
		"another address":         {pin: pin("a.example/acme", "1.0.3", hash), needs: `acme = { source = "b.example/acme" }`, code: diag.PluginVersion, text: "pins a.example/acme", typ: "acme"},
		"not allowed":             {pin: pin("a.example/acme", "1.0.3", hash), needs: `acme = { source = "a.example/acme", version = "~> 2.0" }`, code: diag.PluginVersion, text: "asks for acme ~> 2.0, and the lock file pins 1.0.3", typ: "acme"},
		"other platform": {pin: &lockfile.Plugin{Address: "a.example/acme", Version: "1.0.3", Protocol: 1, Types: []string{"source.acme"}, Hashes: map[string]string{"plan9_mips": hash}},
			code: diag.LockPlatform, text: "It has them for plan9_mips", typ: "acme"},
		"of a type that isn't its name": {pin: &lockfile.Plugin{Address: "a.example/gone", Version: "1.0.3", Protocol: 1, Types: []string{"source.twilio"}, Hashes: map[string]string{lockfile.Platform(): hash}},
			code: diag.PluginMissing, text: "a.example/gone", typ: "twilio"},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Lock, o.Needs = lock(tt.pin), needs(t, tt.needs)
			wantFault(t, open(t, o), tt.typ, tt.code, tt.text)
		})
	}
}

// TestPinnedElsewhere: a stale program in an earlier folder doesn't hide the
// pinned one in a later.
func TestPinnedElsewhere(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	install(t, first, "patchbay-plugin-acme")
	path, hash := install(t, second, releaseFile("a.example/acme", "1.0.3"))
	c := open(t, Options{Dirs: []string{first, second}, Mirrors: []string{second}, Lock: lock(pin("a.example/acme", "1.0.3", hash))})
	wantPath(t, c, "acme", path)
	if n := starts(t, first); n != 0 {
		t.Errorf("the other program was started %d times", n)
	}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	dir, dev := t.TempDir(), t.TempDir()
	_, hash := install(t, dir, "patchbay-plugin-acme")
	path, _ := install(t, dev, "patchbay-plugin-acme_v7.0.0_p1_x_y")
	o := Options{
		Dirs: []string{dir}, Overrides: map[string]string{"acme": path, "gone": filepath.Join(dev, "gone")},
		Lock: lock(pin("a.example/acme", "1.0.3", hash)), Needs: needs(t, `acme = { source = "a.example/acme", version = "~> 1.0" }`),
	}
	c := open(t, o)
	if p := wantPath(t, c, "acme", path); !p.Override || p.Pinned || p.Version != "7.0.0" {
		t.Errorf("got %+v", p)
	}
	wantFault(t, c, "gone", diag.PluginBroken, "no such file")
	w := c.Warnings()
	if len(w) != 2 || w[0].Code != diag.PluginOverride || w[0].Severity != diag.Warning || !strings.Contains(w[0].Summary, path) {
		t.Errorf("got %v", w)
	}
}

func TestExposed(t *testing.T) {
	t.Parallel()
	dir, open2 := t.TempDir(), t.TempDir()
	path, _ := install(t, dir, "patchbay-plugin-acme")
	install(t, open2, "patchbay-plugin-brand")
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open2, 0o777); err != nil {
		t.Fatal(err)
	}
	c := open(t, Options{Dirs: []string{dir, open2}})
	wantFault(t, c, "acme", diag.PluginExposed, "chmod o-w")
	wantFault(t, c, "brand", diag.PluginExposed, open2)
	if starts(t, dir)+starts(t, open2) != 0 {
		t.Error("an exposed plugin was started")
	}
}

func TestAmbiguous(t *testing.T) {
	t.Parallel()
	dir, bundled := t.TempDir(), t.TempDir()
	install(t, dir, "patchbay-plugin-twin")
	install(t, dir, "patchbay-plugin-boaster_v1.0.0_p1_"+lockfile.Platform())
	acme, hash := install(t, dir, "patchbay-plugin-acme")
	c := open(t, Options{Dirs: []string{dir}})
	wantFault(t, c, "acme", diag.PluginAmbiguous, "acme and twin")
	wantFault(t, c, "boaster", diag.PluginVersion, `should be version 1.0.0 and says it is "9.9.9"`)
	twin, twinHash := install(t, bundled, "patchbay-plugin-twin")
	wantPath(t, open(t, Options{Dirs: []string{dir}, Lock: lock(pin("a.example/acme", "1.0.3", hash)), Bundled: bundled}), "acme", acme)
	wantPath(t, open(t, Options{Dirs: []string{dir}, Overrides: map[string]string{"twin": twin}}), "acme", twin)
	c = open(t, Options{Dirs: []string{dir}, Bundled: bundled, Lock: lock(pin("a.example/acme", "1.0.3", hash), pin("a.example/twin", "1.0.3", twinHash))})
	wantFault(t, c, "acme", diag.PluginAmbiguous, "acme and twin")
}

// TestFaultsAtTheirPlace: what is wrong with a plugin is reported once, at the
// first block that needs it, and one that nobody needs isn't.
func TestFaultsAtTheirPlace(t *testing.T) {
	t.Parallel()
	dir, flat := t.TempDir(), t.TempDir()
	install(t, flat, "patchbay-plugin-acme")
	install(t, flat, "patchbay-plugin-dumb")
	text := `patchbay {
  plugins {
    gone = { source = "a.example/gone" }
  }
}
source "acme" "one" {
}
source "acme" "two" {
}
source "gone" "three" {
}
`
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, diags := config.Load(dir, config.Options{Plugins: func(needs []*config.Plugin) config.Types {
		return open(t, Options{Dirs: []string{flat}, Needs: needs, Lock: lock(pin("a.example/acme", "1.0.3", strings.Repeat("0", 64)))})
	}})
	var got []string
	for _, d := range diags {
		if d.Severity == diag.Error {
			got = append(got, fmt.Sprintf("%s line %d", d.Code, d.Subject.Start.Line))
		}
	}
	if want := []string{"PB2402 line 3", "PB2414 line 6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q\n%s", got, want, diags.Text(nil))
	}
}
