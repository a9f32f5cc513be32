package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/rs/zerolog"
)

var update = flag.Bool("update", false, "rewrite generated pages")

// TestTypePages holds docs/types to what the bundled plugins say about
// themselves.
func TestTypePages(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the plugins")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cat := catalog.Open(ctx, catalog.Options{Dirs: []string{buildPlugins(ctx, t)}, Log: zerolog.Nop()})
	pages, err := typePages(cat, nil)
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../../docs/types"
	var names []string
	for _, p := range pages {
		name := filepath.Join(dir, p.Kind+"-"+p.Type+".md")
		names = append(names, name)
		startsFrom(t, cat, p)
		if *update {
			if err := os.WriteFile(name, []byte(p.Markdown), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, []byte(p.Markdown)) {
			t.Errorf("%s is not what its plugin says (%v): make generate", name, err)
		}
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if !slices.Contains(names, name) {
			t.Errorf("no plugin serves what %s is about: remove it", name)
		}
	}
}

// startsFrom checks that the block on a page is one that its plugin takes.
func startsFrom(t *testing.T, cat *catalog.Catalog, p typePage) {
	t.Helper()
	_, rest, _ := strings.Cut(p.Markdown, "```hcl\n")
	block, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Errorf("the page of %s has no block to start from", p.Type)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{Types: cat})
	if diags.HasErrors() {
		t.Errorf("the block on the page of %s is wrong:\n%s", p.Type, diags.Text(cfg.Files))
	}
}

// buildPlugins builds every plugin of the repository, and returns the folder.
func buildPlugins(ctx context.Context, t *testing.T) string {
	t.Helper()
	mains, err := filepath.Glob("../../../plugins/*/*/main.go")
	if err != nil || len(mains) < 4 {
		t.Fatalf("got %d plugins, %v", len(mains), err)
	}
	bin := t.TempDir()
	for _, m := range mains {
		dir := filepath.Dir(m)
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(bin, catalog.Prefix+filepath.Base(dir)), ".")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", dir, err, out)
		}
	}
	return bin
}
