package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// TestInstallingGuide does what docs/plugins.md says about installing, with the
// programs as they are shipped.
func TestInstallingGuide(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the programs")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	text, err := os.ReadFile("../../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Installing")
	all := steps(section)
	if !ok || len(all) < 6 {
		t.Fatalf("got %d commands, want the guide's", len(all))
	}
	bin := t.TempDir()
	if _, err := lab.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := &guide{t: t, dir: t.TempDir(), env: append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PATCHBAY_CACHE_DIR="+t.TempDir())}
	acmeArchive(t, filepath.Join(g.dir, "acme_1.0.3.tar.gz"))
	for _, s := range all {
		g.step(ctx, s)
	}
}

// acmeArchive is a release of a plugin as its author would pack it. This program
// is the plugin.
func acmeArchive(t *testing.T, path string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	p := release.Program{Name: "acme", Address: "acme.example/acme", Version: "1.0.3", Protocol: 1, Platform: lockfile.Platform()}
	sums := release.FormatSums(map[string]string{p.File(): fmt.Sprintf("%x", sha256.Sum256(data))})
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{p.File(): string(data), release.SumsFile: string(sums)} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.Dir() + "/" + name, Mode: 0o755, Size: int64(len(text))}))
		_, werr := io.WriteString(w, text)
		err = errors.Join(err, werr)
	}
	if err := errors.Join(err, w.Close(), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
