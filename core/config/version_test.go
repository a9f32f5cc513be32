package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/patchbay-io/patchbay/core/diag"
)

func TestConstraint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		constraint string
		allowed    []string
		notAllowed []string
	}{
		{"0.1", []string{"0.1.0"}, []string{"0.1.1", "0.1.0-rc.1", "1.0.0"}},
		{"= 0.1.2", []string{"0.1.2", "0.1.2+linux"}, []string{"0.1.3"}},
		{"!= 0.1.2", []string{"0.1.1", "0.1.2-rc.1"}, []string{"0.1.2"}},
		{">= 0.1.2", []string{"0.1.2", "0.1.10", "0.10.0", "1.0.0-rc.1"}, []string{"0.1.1", "0.1.2-rc.1"}},
		{"> 0.1", []string{"0.1.1"}, []string{"0.1.0"}},
		{"<= 1", []string{"0.9.9", "1.0.0", "1.0.0-rc.1"}, []string{"1.0.1"}},
		{"< 0.10", []string{"0.9.0", "0.10.0-rc.1"}, []string{"0.10.0"}},
		{"~> 0.1", []string{"0.1.0", "0.2.0", "0.10.3"}, []string{"0.0.9", "1.0.0", "1.0.0-rc.1"}},
		{"~> 0.1.2", []string{"0.1.2", "0.1.10"}, []string{"0.1.1", "0.2.0", "0.2.0-rc.1", "1.1.2"}},
		{"~> 2", []string{"2.0.0", "3.1.0"}, []string{"1.9.9"}},
		{"~> 0.1.0-rc.2", []string{"0.1.0-rc.2", "0.1.0", "0.1.7"}, []string{"0.1.0-rc.1", "0.2.0"}},
		{" >=0.1.2 ,<1.0 , != 0.3.1", []string{"0.1.2", "0.9.0"}, []string{"0.1.1", "1.0.0", "0.3.1"}},
	}
	for _, test := range tests {
		c, ok := parseConstraint(test.constraint)
		if !ok {
			t.Errorf("%q: got no constraint, want one", test.constraint)
			continue
		}
		for _, v := range test.allowed {
			if !c.allows(v) {
				t.Errorf("%q: got %s refused, want it allowed", test.constraint, v)
			}
		}
		for _, v := range test.notAllowed {
			if c.allows(v) {
				t.Errorf("%q: got %s allowed, want it refused", test.constraint, v)
			}
		}
	}
	for _, text := range []string{
		"", " ", "latest", "v0.1", "0.1.2.3", "0..1", ".1", "1.", "01.2", "-1", ">=", "== 0.1", "=> 0.1", "~ 0.1", "^0.1",
		">= 0.1,", ", 0.1", "0.1 0.2", "0.1-", "0.1.0-rc.01", "0.1.0+linux", "0.1.x", "0.1.*",
	} {
		if c, ok := parseConstraint(text); ok {
			t.Errorf("%q: got %+v, want it refused", text, c)
		}
	}
}

func TestRequiredVersion(t *testing.T) {
	t.Parallel()
	dir := fixture(t, "testdata/good/stages.hcl") // ~> 0.1
	for version, want := range map[string]bool{"": true, "0.1.0": true, "0.9.1": true, "1.0.0": false, "0.0.1": false} {
		opts := fixtureOptions()
		opts.Version = version
		cfg, diags := Load(dir, opts)
		if got := !diags.HasErrors(); got != want {
			t.Errorf("%q: got allowed %v, want %v\n%s", version, got, want, diags.Text(cfg.Files))
		}
		if !want && (len(diags) != 1 || diags[0].Code != diag.WrongVersion) {
			t.Errorf("%q: got %v, want one %s", version, diags, diag.WrongVersion)
		}
	}
}

// TestDataDir changes the working directory, so it can't be parallel.
func TestDataDir(t *testing.T) {
	root := write(t, map[string]string{"conf/a.hcl": ""})
	t.Chdir(root)
	root, err := os.Getwd() // where links are resolved
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                   filepath.Join(root, "conf", "data"),
		`patchbay { data_dir = "../state" }`: filepath.Join(root, "state"),
		`patchbay { data_dir = "/var/lib/./pb" }`: "/var/lib/pb",
	} {
		if err := os.WriteFile("conf/a.hcl", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, diags := Load("conf", Options{})
		if diags.HasErrors() || cfg.DataDir != want {
			t.Errorf("%q: got %q, want %q (%v)", text, cfg.DataDir, want, diags)
		}
	}
}
