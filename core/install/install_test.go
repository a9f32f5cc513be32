package install

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func put(t *testing.T, root, name, text string) string {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func file(version, platform string) string {
	p := release.Program{Name: "acme", Version: version, Protocol: 1, Platform: platform}
	return p.File()
}

// publish writes a release of acme for this platform and another.
func publish(t *testing.T, dir, version string) {
	t.Helper()
	sums := map[string]string{}
	for _, platform := range []string{lockfile.Platform(), "plan9_mips"} {
		put(t, dir, file(version, platform), version+" "+platform)
		sums[file(version, platform)] = sum(version + " " + platform)
	}
	put(t, dir, release.SumsFile, string(release.FormatSums(sums)))
}

// target installs to a fresh store; its plugins say the version that is their
// first word.
func target(t *testing.T) *Target {
	return &Target{Store: filepath.Join(t.TempDir(), "store"), Ask: func(_ context.Context, name, path, hash string) (Answer, error) {
		text, err := os.ReadFile(path)
		if err != nil || sum(string(text)) != hash {
			t.Errorf("asked %s with another hash: %v", path, err)
		}
		if filepath.Base(path) == name {
			t.Errorf("asked %s: its name is lost", path)
		}
		version, _, _ := strings.Cut(string(text), " ")
		return Answer{Version: version, Protocol: 1, Types: []string{"source." + name}}, nil
	}}
}

func installAll(t *testing.T, to *Target, source string) ([]*Installed, error) {
	t.Helper()
	o, err := Open(source)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	var out []*Installed
	for _, r := range o.Releases {
		i, err := to.Install(t.Context(), r)
		if err != nil {
			return out, err
		}
		out = append(out, i)
	}
	return out, nil
}

// TestInstall: a release arrives whole, pinned for all its platforms.
func TestInstall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	publish(t, dir, "1.0.3")
	to := target(t)
	to.Address = func(string) string { return "a.example/acme" }
	got, err := installAll(t, to, dir)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	want := map[string]string{lockfile.Platform(): sum("1.0.3 " + lockfile.Platform()), "plan9_mips": sum("1.0.3 plan9_mips")}
	if e := got[0].Entry; !maps.Equal(e.Hashes, want) || e.Address != "a.example/acme" || e.Version != "1.0.3" || e.Protocol != 1 || !slices.Equal(e.Types, []string{"source.acme"}) {
		t.Errorf("got %+v, want the hashes %v", e, want)
	}
	ps, err := release.Mirror(to.Store)
	if err != nil || len(ps) != 1 || ps[0].Path != got[0].Path || !got[0].Fresh {
		t.Fatalf("got %+v, %v, want %+v", ps, err, got[0])
	}
	if st, err := os.Stat(got[0].Path); err != nil || st.Mode() != 0o755 {
		t.Errorf("got the mode %v, %v", st.Mode(), err)
	}
	if again, err := installAll(t, to, dir); err != nil || again[0].Fresh {
		t.Errorf("again: got %+v, %v", again, err)
	}
	if left, _ := filepath.Glob(filepath.Join(to.Store, ".new-*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	// A program on its own, of the same version and other bytes.
	loose := put(t, t.TempDir(), "patchbay-plugin-acme", "1.0.3 rebuilt")
	if _, err := installAll(t, to, loose); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "installed already") {
		t.Errorf("got %v", err)
	}
	to.Replace = true
	if got, err := installAll(t, to, loose); err != nil || !got[0].Fresh || got[0].Entry.Hashes[lockfile.Platform()] != sum("1.0.3 rebuilt") {
		t.Errorf("got %+v, %v", got, err)
	}
	if h, err := Hash(got[0].Path); err != nil || h != sum("1.0.3 rebuilt") {
		t.Errorf("got %s, %v", h, err)
	}
}

// TestRefused: what isn't what it says is not installed.
func TestRefused(t *testing.T) {
	t.Parallel()
	here := lockfile.Platform()
	for name, c := range map[string]struct {
		files map[string]string
		pin   *lockfile.Plugin
		only  func(to *Target)
		want  string
	}{
		"another sum":            {files: map[string]string{file("1.0.3", here): "1.0.3 x", release.SumsFile: sum("y") + "  " + file("1.0.3", here) + "\n"}, want: "is not what its release says"},
		"not listed":             {files: map[string]string{file("1.0.3", here): "1.0.3 x", release.SumsFile: sum("y") + "  other\n"}, want: "doesn't list"},
		"broken sums":            {files: map[string]string{file("1.0.3", here): "1.0.3 x", release.SumsFile: "hello"}, want: "is not a SHA-256"},
		"no platform":            {files: map[string]string{file("1.0.3", "plan9_mips"): "1.0.3 x"}, want: "but for plan9_mips"},
		"lies about its version": {files: map[string]string{file("1.0.4", here): "1.0.3 x"}, want: "says that its version is 1.0.3"},
		"no version":             {files: map[string]string{"patchbay-plugin-acme": "dev x"}, want: `"dev", which is none`},
		"two":                    {files: map[string]string{file("1.0.3", here): "1.0.3 x", strings.Replace(file("1.0.3", here), "_p1_", "_p2_", 1): "1.0.3 x"}, want: "two programs"},
		"nothing":                {files: map[string]string{"readme": "x"}, want: "has no plugin"},
		"broken lock":            {files: map[string]string{"patchbay-plugin-acme": "1.0.3 x", lockfile.Name: "x"}, want: "its lock file can't be understood"},
		"pinned otherwise":       {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, pin: &lockfile.Plugin{Address: "local/acme", Version: "1.0.3", Hashes: map[string]string{here: sum("z")}}, want: "the lock file pins another program"},
		"pinned, on its own":     {files: map[string]string{"patchbay-plugin-acme": "1.0.3 x"}, pin: &lockfile.Plugin{Address: "local/acme", Version: "1.0.3", Hashes: map[string]string{here: sum("z")}}, want: "the lock file pins another program"},
		"not vouched for": {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, only: func(to *Target) {
			to.Vouched = &lockfile.File{Plugins: []*lockfile.Plugin{{Address: "local/acme", Version: "1.0.3", Hashes: map[string]string{here: sum("z")}}}}
		}, want: "its bundle has another lock"},
		"not pinned":  {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, only: func(to *Target) { to.ReadOnly = true }, want: "the lock file would change"},
		"not allowed": {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, only: func(to *Target) { to.Allowed = func(_, v string) bool { return v != "1.0.3" } }, want: "doesn't allow acme 1.0.3"},
		"silent": {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, only: func(to *Target) {
			to.Ask = func(context.Context, string, string, string) (Answer, error) { return Answer{}, errors.New("mute") }
		}, want: "can't be asked what it serves: mute"},
		"of no types": {files: map[string]string{file("1.0.3", here): "1.0.3 x"}, only: func(to *Target) {
			to.Ask = func(context.Context, string, string, string) (Answer, error) { return Answer{Version: "1.0.3"}, nil }
		}, want: "serves no types"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, to := t.TempDir(), target(t)
			for name, text := range c.files {
				put(t, dir, name, text)
			}
			if c.pin != nil {
				to.Lock = &lockfile.File{Plugins: []*lockfile.Plugin{c.pin}}
			}
			if c.only != nil {
				c.only(to)
			}
			_, err := installAll(t, to, dir)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if ps, _ := release.Mirror(to.Store); len(ps) > 0 {
				t.Errorf("installed %v", ps)
			}
			if left, _ := filepath.Glob(filepath.Join(to.Store, "*")); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestPinnedIsNotRun: a release that isn't the pinned one is refused before
// anything of it runs.
func TestPinnedIsNotRun(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), target(t)
	publish(t, dir, "1.0.3")
	to.Lock = &lockfile.File{Plugins: []*lockfile.Plugin{{Address: "local/acme", Version: "1.0.3", Hashes: map[string]string{"plan9_mips": sum("z")}}}}
	to.Ask = func(context.Context, string, string, string) (Answer, error) {
		t.Error("it was run")
		return Answer{}, nil
	}
	if _, err := installAll(t, to, dir); !errors.Is(err, ErrPinned) || !strings.Contains(err.Error(), "plan9_mips") {
		t.Errorf("got %v", err)
	}
}

// TestBundle: what Pack writes installs elsewhere, and is the same every time.
func TestBundle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	publish(t, dir, "1.0.3")
	e := &lockfile.Plugin{Address: "a.example/team/acme", Version: "1.0.3", Protocol: 1, Types: []string{"source.acme"}, Hashes: map[string]string{
		lockfile.Platform(): sum("1.0.3 " + lockfile.Platform()), "plan9_mips": sum("1.0.3 plan9_mips"), "linux_z80": sum("elsewhere"),
	}}
	lock := &lockfile.File{Plugins: []*lockfile.Plugin{e}}
	pack := func(w *bytes.Buffer) error {
		return Pack(w, lock, func(_ *lockfile.Plugin, platform, _ string) string {
			if platform == "linux_z80" {
				return ""
			}
			return filepath.Join(dir, file("1.0.3", platform))
		})
	}
	var a, b bytes.Buffer
	if err := errors.Join(pack(&a), pack(&b)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two bundles of the same plugins differ")
	}
	bundle := put(t, t.TempDir(), "plugins.bundle", a.String())
	o, err := Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if d := lockfile.Diff(lock, o.Lock); len(d) > 0 || len(o.Releases) != 1 || o.Releases[0].Address != e.Address {
		t.Fatalf("got %v, %+v", d, o.Releases)
	}
	to := target(t)
	to.Vouched = o.Lock
	got, err := to.Install(t.Context(), o.Releases[0])
	if err != nil || !maps.Equal(got.Entry.Hashes, e.Hashes) {
		t.Errorf("got %+v, %v", got, err)
	}
	e.Hashes[lockfile.Platform()] = sum("other")
	if err := pack(&a); !errors.Is(err, ErrPinned) {
		t.Errorf("got %v, want that the program is another", err)
	}
	e.Hashes = map[string]string{"linux_z80": sum("elsewhere")}
	if err := pack(&a); err == nil || !strings.Contains(err.Error(), "no program of") {
		t.Errorf("got %v", err)
	}
}

func TestMirror(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, v := range []string{"1.0.3", "1.0.10", "2.0.0"} {
		publish(t, filepath.Join(root, "a.example", "acme", v), v)
	}
	put(t, root, "a.example/bare/1.0.0/"+strings.Replace(file("1.0.0", lockfile.Platform()), "acme", "bare", 1), "x")
	srv := httptest.NewServer(http.FileServer(http.Dir(root)))
	defer srv.Close()
	moved := httptest.NewServer(http.RedirectHandler(srv.URL, http.StatusFound))
	defer moved.Close()
	below2 := func(v string) bool { return release.Less(v, "2.0.0") }
	for name, c := range map[string]struct{ place, address, version, want, wrong string }{
		"folder":         {place: root, address: "a.example/acme", want: "1.0.10"},
		"file":           {place: "file://" + root, address: "a.example/acme", version: "1.0.3", want: "1.0.3"},
		"server":         {place: srv.URL, address: "a.example/acme", version: "1.0.3", want: "1.0.3"},
		"not allowed":    {place: root, address: "a.example/acme", version: "2.0.0", wrong: "no release of a.example/acme 2.0.0 that fits: it has 1.0.3, 1.0.10, 2.0.0"},
		"not allowed 2":  {place: srv.URL, address: "a.example/acme", version: "2.0.0", wrong: "doesn't allow"},
		"none":           {place: root, address: "b.example/acme", wrong: "it has none of it"},
		"none there":     {place: srv.URL, address: "b.example/acme", version: "1.0.3", wrong: "the mirror has no "},
		"newest":         {place: srv.URL, address: "a.example/acme", wrong: "a server can't be asked for the newest"},
		"no address":     {place: root, address: "../acme", wrong: "not the address"},
		"no sums":        {place: root, address: "a.example/bare", wrong: "has no SHA256SUMS"},
		"redirect":       {place: moved.URL, address: "a.example/acme", version: "1.0.3", wrong: "302"},
		"plain http":     {place: "http://mirror.example.com", address: "a.example/acme", version: "1.0.3", wrong: "is no mirror"},
		"user":           {place: "https://u:p@mirror.example.com", address: "a.example/acme", version: "1.0.3", wrong: "neither user nor query"},
		"another scheme": {place: "ftp://mirror.example.com", address: "a.example/acme", version: "1.0.3", wrong: "is no mirror"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := OpenMirror(c.place, nil)
			var o *Offer
			if err == nil {
				o, err = m.Fetch(t.Context(), c.address, c.version, below2)
			}
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("got %v, want %q", err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			got, err := target(t).Install(t.Context(), o.Releases[0])
			if err != nil || got.Entry.Version != c.want || got.Entry.Address != c.address || len(got.Entry.Hashes) != 2 {
				t.Errorf("got %+v, %v, want %s", got, err, c.want)
			}
		})
	}
}
