package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) {
	if p, ok := release.ParseFile(filepath.Base(os.Args[0])); ok {
		serve(p)
		return
	}
	goleak.VerifyTestMain(m)
}

// serve is the life of a plugin that serves a source of its own name. It leaves
// a line for each start beside its program.
func serve(p release.Program) {
	log, err := os.OpenFile(filepath.Join(os.Getenv("PATCHBAY_PLUGIN_HOME"), "starts"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(log, p.Name)
	_ = log.Close()
	version := p.Version
	switch {
	case p.Name == "dumb":
		fmt.Fprintln(os.Stderr, "no license")
		os.Exit(7)
	case p.Name == "boaster":
		version = "9.9.9"
	case version == "":
		version = "1.0.3"
	}
	types := []sdk.Type{sdk.SourceType(source(p.Name))}
	if p.Name == "twin" {
		types = []sdk.Type{sdk.SourceType(source("acme"))}
	}
	sdk.Serve(p.Name, version, types...)
}

type source string

type none struct{}

func (s source) Info() sdk.Info { return sdk.Info{Name: string(s), Summary: "A source to test with."} }

func (source) Configure(context.Context, *none) (sdk.Auth, error) { return sdk.NoAuth{}, nil }

func (source) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error { return nil }

// install puts a plugin's program into dir and returns its path and hash.
func install(t *testing.T, dir, file string) (path, hash string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	// Programs of the same bytes serve the same: no two here do.
	data = append(data, file...)
	path = filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return path, hex.EncodeToString(sum[:])
}

// starts counts how often the plugins in a folder were started.
func starts(t *testing.T, dir string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "starts"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}

// pin is a lock of one plugin.
func pin(address, version, hash string) *lockfile.Plugin {
	name := lockfile.PluginName(address)
	return &lockfile.Plugin{
		Address: address, Version: version, Protocol: 1, Types: []string{"source." + name}, Hashes: map[string]string{lockfile.Platform(): hash},
	}
}

func lock(ps ...*lockfile.Plugin) *lockfile.File { return &lockfile.File{Plugins: ps} }

func open(t *testing.T, o Options) *Catalog {
	t.Helper()
	o.Log = zerolog.Nop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return Open(ctx, o)
}

// needs reads what a configuration asks for.
func needs(t *testing.T, entries string) []*config.Plugin {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte("patchbay {\n  plugins {\n"+entries+"\n  }\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags.Text(nil))
	}
	return cfg.Plugins
}
