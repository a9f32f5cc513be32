package release

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseFile(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Program{
		"patchbay-plugin-acme":                              {Name: "acme"},
		"patchbay-plugin-acme-two_v1.0.3_p1_linux_amd64":    {Name: "acme-two", Version: "1.0.3", Protocol: 1, Platform: "linux_amd64"},
		"patchbay-plugin-acme_v1.0.3-rc.1_p12_darwin_arm64": {Name: "acme", Version: "1.0.3-rc.1", Protocol: 12, Platform: "darwin_arm64"},
		"patchbay-plugin-":                                  {},
		"patchbay-plugin-Acme":                              {},
		"patchbay-plugin-acme.tmp":                          {},
		"patchbay-plugin-acme_v1.0_p1_linux_amd64":          {},
		"patchbay-plugin-acme_v1.0.3+x_p1_linux_amd64":      {},
		"patchbay-plugin-acme_v1.0.3_p0_linux_amd64":        {},
		"patchbay-plugin-acme_v1.0.3_p1_linux":              {},
		"patchbay-plugin-acme_v1.0.3_p1_linux_amd64.sha256": {},
		"patchbay-plugin-../../acme_v1.0.3_p1_linux_amd64":  {},
		"acme": {},
	} {
		got, ok := ParseFile(name)
		if got != want || ok != (want.Name != "") {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, ok, want)
		}
		if ok && got.Version != "" && got.File() != name {
			t.Errorf("got the name %s, want %s", got.File(), name)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"acme.example/acme": true, "acme.example/team/acme": true, "patchbay/sms": true,
		"acme": false, "a/b/c/d": false, "../acme": false, "a/../acme": false, "A/acme": false, "a//acme": false, "/acme": false,
		"a/acme/": false, "a/.acme": false, "a/1": false, "": false,
	} {
		if got := ValidAddress(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func put(t *testing.T, root, name string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(name), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestMirror(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "odd [name]*")
	for _, name := range []string{
		"a.example/acme/1.0.3/patchbay-plugin-acme_v1.0.3_p1_linux_amd64",
		"a.example/acme/1.0.3/patchbay-plugin-acme_v1.0.3_p1_linux_arm64",
		"a.example/acme/1.0.10/patchbay-plugin-acme_v1.0.10_p1_linux_amd64",
		"a.example/team/brand/0.1.0/patchbay-plugin-brand_v0.1.0_p1_linux_amd64",
		"a.example/acme/1.0.3/patchbay-plugin-acme_v1.0.4_p1_linux_amd64",  // another version's
		"a.example/acme/1.0.3/patchbay-plugin-other_v1.0.3_p1_linux_amd64", // another plugin's
		"a.example/acme/1.0.3/patchbay-plugin-acme",                        // of no version
		"patchbay-plugin-loose",
		"patchbay-plugin-loose_v2.0.0_p1_linux_amd64",
		"readme",
	} {
		put(t, root, name)
	}
	if err := os.MkdirAll(filepath.Join(root, "patchbay-plugin-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Mirror(root)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, p := range got {
		words = append(words, strings.Join([]string{p.Address, p.Version, p.Platform}, " "))
		if want := filepath.Join(root, filepath.FromSlash(p.Dir()), p.File()); p.Path != want {
			t.Errorf("got the path %s, want %s", p.Path, want)
		}
	}
	want := []string{
		"a.example/acme 1.0.10 linux_amd64", "a.example/acme 1.0.3 linux_amd64", "a.example/acme 1.0.3 linux_arm64", "a.example/team/brand 0.1.0 linux_amd64",
	}
	if !slices.Equal(words, want) {
		t.Errorf("got %q, want %q", words, want)
	}
	loose, err := Programs(root)
	if err != nil || len(loose) != 2 || loose[0].Version != "2.0.0" || loose[1].Version != "" || loose[0].Address != "" {
		t.Errorf("got %+v, %v", loose, err)
	}
	if _, err := Programs(filepath.Join(root, "none")); err == nil {
		t.Error("got no error for a folder that isn't there")
	}
}

func TestSums(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	text := a + "  patchbay-plugin-acme_v1.0.3_p1_linux_amd64\r\n\n" + b + " *patchbay-plugin-acme_v1.0.3_p1_linux_arm64\n" + b + "  patchbay-plugin-acme_v1.0.4_p1_linux_amd64\n"
	sums, err := ParseSums([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Hashes(sums, "acme", "1.0.3"), map[string]string{"linux_amd64": a, "linux_arm64": b}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for name, wrong := range map[string]string{
		"short": "abc  x", "upper": strings.ToUpper(a) + "  x", "no name": a, "path": a + "  ../x", "space": a + "  x y",
		"two": a + "  x\n" + b + "  x", "long": strings.Repeat("x", 1<<20),
	} {
		if got, err := ParseSums([]byte(wrong)); err == nil {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
}

func TestSumsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.StringMatching(`[a-zA-Z0-9._-]{1,20}`), rapid.StringMatching(`[0-9a-f]{64}`)).Draw(t, "sums")
		got, err := ParseSums(FormatSums(want))
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	})
}
