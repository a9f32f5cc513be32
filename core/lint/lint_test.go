package lint

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// types are those of the fixtures.
type types map[string]*wire.TypeInfo

func (t types) Lookup(kind, name string) (*wire.TypeInfo, bool) {
	info, ok := t[kind+"."+name]
	return info, ok
}

func (t types) Names(string) []string { return nil }

func fixtureTypes() types {
	attr := func(name, typ string) *wire.Attribute {
		return &wire.Attribute{Name: name, Type: typ, Doc: "What it is."}
	}
	source := func(hours int64, attrs ...*wire.Attribute) *wire.TypeInfo {
		return &wire.TypeInfo{Schema: &wire.Schema{Attributes: attrs}, Source: &wire.SourceTraits{RetryHorizonMs: hours * 3600_000}}
	}
	sink := func(i sdk.Idempotency, attrs ...*wire.Attribute) *wire.TypeInfo {
		return &wire.TypeInfo{Schema: &wire.Schema{Attributes: attrs}, Sink: &wire.SinkTraits{Idempotency: string(i)}}
	}
	topic := attr("create_topic", "object")
	topic.Block = &wire.Schema{Attributes: []*wire.Attribute{attr("replication_factor", "int")}}
	return types{
		"source.twilio":   source(0, attr("auth_token", "string")),
		"source.sendgrid": source(24, attr("public_key", "string")),
		"source.acme":     source(240),
		"sink.sqlite":     sink(sdk.Keyed, attr("path", "string"), attr("synchronous", "string")),
		"sink.kafka":      sink(sdk.NotIdempotent, attr("topic", "string"), topic),
	}
}

func load(t testing.TB, file string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{file: "main.hcl", "testdata/campaigns.csv": "campaigns.csv"} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, diags := config.Load(dir, config.Options{Types: fixtureTypes()})
	if diags.HasErrors() {
		t.Fatalf("the fixture has errors:\n%s", diags.Text(cfg.Files))
	}
	return cfg
}

// TestFindings compares what is found in each fixture with its golden text, and
// each fixture's name with what is found in it.
func TestFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.hcl")
	if err != nil || len(files) < 20 {
		t.Fatalf("got %d fixtures (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			t.Parallel()
			cfg := load(t, file)
			found := Silence(cfg.Files, Check(cfg), true)
			if found.HasErrors() {
				t.Error("a finding is an error")
			}
			got := strings.ReplaceAll(found.Text(cfg.Files), cfg.Dir+string(filepath.Separator), "")
			golden := strings.TrimSuffix(file, ".hcl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, []byte(got)) {
				t.Errorf("\n got:\n%s\nwant:\n%s", got, want)
			}
			if clean := strings.HasPrefix(filepath.Base(file), "clean"); clean != (got == "") {
				t.Errorf("a fixture is called clean if and only if nothing is found in it; got:\n%s", got)
			}
		})
	}
}

// TestEveryCodeIsShown keeps each code in at least one fixture or test.
func TestEveryCodeIsShown(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	files, _ := filepath.Glob("testdata/*.golden")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	elsewhere := []diag.Code{diag.UnknownURL, diag.NoAuthentication} // of Authentication
	for _, code := range diag.Codes() {
		if strings.HasPrefix(string(code), "PB25") && !slices.Contains(elsewhere, code) && !strings.Contains(all.String(), string(code)+":") {
			t.Errorf("no fixture shows %s", code)
		}
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	url := &wire.Auth{Scheme: &wire.Auth_Signature{Signature: &wire.Signature{Signed: "{url}{form.sorted}"}}}
	body := &wire.Auth{Scheme: &wire.Auth_Signature{Signature: &wire.Signature{Signed: "{body}"}}}
	token := &wire.Auth{Scheme: &wire.Auth_Jwt{Jwt: &wire.JWT{Claims: map[string]string{"u": "{url.sha256}"}}}}
	either := &wire.Auth{Scheme: &wire.Auth_AnyOf{AnyOf: &wire.AuthList{Schemes: []*wire.Auth{body, url}}}}
	none := &wire.Auth{Scheme: &wire.Auth_None{None: &wire.NoAuth{}}}
	for name, c := range map[string]struct {
		auth           *wire.Auth
		listen, public string
		want           string
		allow          []netip.Prefix
	}{
		"signs the url, open":      {url, ":8080", "", "warning PB2505", nil},
		"signs the url, local":     {url, "127.0.0.1:8080", "", "note PB2505", nil},
		"signs the url, known":     {url, ":8080", "https://a.example/x", "", nil},
		"signs the body":           {body, ":8080", "", "", nil},
		"one scheme signs the url": {either, ":8080", "", "warning PB2505", nil},
		"a token with the url":     {token, ":8080", "", "warning PB2505", nil},
		"not authenticated":        {none, ":8080", "", "warning PB2506", nil},
		"only from known networks": {none, ":8080", "", "", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		"nothing declared":         {nil, ":8080", "", "warning PB2506", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &config.Source{Address: "acme.a", Type: "acme", Name: "a", Path: "/hooks/acme/a", PublicURL: c.public, Allow: c.allow}
			cfg := &config.Config{Receiver: config.Receiver{Listen: c.listen}}
			var got []string
			for _, d := range Authentication(cfg, s, c.auth) {
				got = append(got, d.Severity.String()+" "+string(d.Code))
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSilenceKeepsErrors(t *testing.T) {
	t.Parallel()
	cfg := load(t, "testdata/ignore-above.hcl")
	found := Check(cfg)
	if len(found) == 0 {
		t.Fatal("got no finding to work with")
	}
	for i := range found {
		found[i].Severity = diag.Error
	}
	got := Silence(cfg.Files, found, false)
	if e, _ := got.Count(); e != len(found) {
		t.Errorf("got %d errors, want %d: an error can't be silenced", e, len(found))
	}
	for _, d := range got {
		if d.Code == diag.UnusedIgnore {
			t.Errorf("got %v although not all findings were there", d)
		}
	}
}

func FuzzSilence(f *testing.F) {
	f.Add([]byte("admin {\n  # patchbay:ignore PB2508 why\n  listen = \":1\"\n}\n"))
	f.Add([]byte("/* patchbay:ignore PB2508 why */ a = 1 # patchbay:ignore"))
	f.Add([]byte("a = <<E\n# patchbay:ignore PB2508 why\nE\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		files := map[string][]byte{"f": src}
		found := Silence(files, nil, true)
		if found.HasErrors() {
			t.Fatalf("got an error: %v", found)
		}
		if len(found) > bytes.Count(src, []byte(marker)) {
			t.Fatalf("got %d findings for %d comments", len(found), bytes.Count(src, []byte(marker)))
		}
		_ = found.Text(files)
	})
}
