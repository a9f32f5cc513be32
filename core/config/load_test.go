package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// write makes a directory of files.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads what must be free of errors and warnings.
func load(t *testing.T, dir string, opts Options) *Config {
	t.Helper()
	cfg, diags := Load(dir, opts)
	if len(diags) > 0 {
		t.Fatalf("got\n%s", diags.Text(cfg.Files))
	}
	return cfg
}

func codes(l diag.List) []diag.Code {
	var out []diag.Code
	for _, d := range l {
		out = append(out, d.Code)
	}
	return out
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	dir := fixture(t, "testdata/campaigns.csv")
	if err := os.Remove(filepath.Join(dir, "main.hcl")); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir, fixtureOptions())
	if cfg.Dir != dir || cfg.DataDir != filepath.Join(dir, "data") || cfg.RequiredVersion != "" {
		t.Errorf("got %q, %q, %q", cfg.Dir, cfg.DataDir, cfg.RequiredVersion)
	}
	want := Receiver{
		Listen: "127.0.0.1:8080", MaxBody: 1 << 20, MaxInFlight: 64 << 20, MaxConnections: 10000, HeaderTimeout: 5 * time.Second,
		BodyTimeout: 15 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 10 * time.Second,
		MaxHeaderBytes: 32 << 10, ForwardedHeader: "X-Forwarded-For",
	}
	if !reflect.DeepEqual(cfg.Receiver, want) {
		t.Errorf("got  %+v\nwant %+v", cfg.Receiver, want)
	}
	if cfg.Admin.Listen != "127.0.0.1:9090" || cfg.Journal != (Journal{Retain: 168 * time.Hour, MinFree: 256 << 20}) {
		t.Errorf("got %+v, %+v", cfg.Admin, cfg.Journal)
	}
	s := cfg.Sources[0]
	if s.Path != "/hooks/twilio/base" || s.PublicURL != "" || s.OnAuthFailure != Reject || s.MaxBody != 0 || s.Address != "twilio.base" {
		t.Errorf("got %+v", s)
	}
	if got := string(s.ConfigJSON); got != `{"auth_token":"twilio-secret-value"}` {
		t.Errorf("got %s", got)
	}
	if !slices.Equal(cfg.Secrets, []string{"twilio-secret-value"}) || s.MissingSecrets {
		t.Errorf("got %q, %v", cfg.Secrets, s.MissingSecrets)
	}
	if p := cfg.Pipelines[0]; p.Name != "base" || p.From[0] != s || p.To[0] != cfg.Sinks[0] || len(p.Stages) != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	dir := fixture(t, "testdata/good/stages.hcl")
	cfg := load(t, dir, fixtureOptions())
	if cfg.RequiredVersion != "~> 0.1" || cfg.DataDir != "/var/lib/patchbay" || cfg.Receiver.MaxInFlight != 4<<20 ||
		cfg.Receiver.HeaderTimeout != time.Second || cfg.Journal != (Journal{24 * time.Hour, 10 << 30, 1 << 30}) || cfg.Admin.Listen != "127.0.0.1:0" {
		t.Errorf("got %+v", cfg)
	}
	urls := []string{cfg.Sources[0].PublicURL, cfg.Sources[1].PublicURL, cfg.Sources[2].PublicURL}
	if want := []string{"https://hooks.example.com/in/hooks/twilio/base", "https://hooks.example.com/in/sg", "https://other.example.com/abc"}; !slices.Equal(urls, want) {
		t.Errorf("got %q, want %q", urls, want)
	}
	if s := cfg.Sources[1]; s.OnAuthFailure != Quarantine || s.MaxBody != 512<<10 {
		t.Errorf("got %+v", s)
	}
	lk := cfg.Lookups[0]
	if lk.File != filepath.Join(dir, "campaigns.csv") || lk.Key != "campaign" || lk.Reload != 10*time.Second || !slices.Equal(lk.Columns, []string{"campaign", "tier", "region"}) {
		t.Errorf("got %+v", lk)
	}
	stages := cfg.Pipelines[1].Stages
	var kinds []string
	for _, s := range stages {
		kinds = append(kinds, strings.TrimSpace(s.Kind+" "+s.Label))
	}
	if want := []string{"dedup", "normalize", "enrich campaign", "filter", "route problems", "filter"}; !slices.Equal(kinds, want) {
		t.Fatalf("got %q, want %q", kinds, want)
	}
	if stages[0].Dedup.Window != 72*time.Hour || stages[1].Normalize.Mapping != filepath.Join(dir, "campaigns.csv") {
		t.Errorf("got %+v, %+v", stages[0].Dedup, stages[1].Normalize)
	}
	env := &expr.Env{}
	env.Reset(&sdk.Event{CampaignID: "spring", Type: sdk.Queued, DeliveryStatus: sdk.StatusFailed})
	en := stages[2].Enrich
	env.Found = &expr.Row{Columns: map[string]int{"tier": 0}, Values: []string{"gold"}}
	key, _ := en.Key.Eval(env)
	first, _ := en.Set[0].Value.Eval(env)
	second, _ := en.Set[1].Value.Eval(env)
	if en.Lookup != lk || key != "spring" || first != "gold" || second != "GOLD" || en.Set[0].Field != "account" || en.Set[0].Attribute ||
		en.Set[1].Field != "account_tier" || !en.Set[1].Attribute {
		t.Errorf("got %q, %q, %q, %+v", key, first, second, en.Set)
	}
	if stages[3].Filter.When.Eval(env) || !stages[4].Route.When.Eval(env) || stages[4].Route.To[0] != cfg.Sinks[0] || !stages[5].Filter.When.Eval(env) {
		t.Error("got conditions that mean something else than was written")
	}
}

func TestPluginArguments(t *testing.T) {
	t.Parallel()
	opts := fixtureOptions()
	opts.Vars = map[string]string{"given_brokers": `["a:1", "b:2"]`, "given_text": "stronger"}
	const checked = `{"acks":"one","brokers":["a:1","b:2"],"compress":true,"headers":{"a":"1","b":"twilio-secret-value"},"linger":"1m",` +
		`"mapping":[{"from":"a","to":"b"},{"from":"c","to":"d"}],"partitions":12,"password":"Bearer sendgrid-secret-value","ratio":0.25,` +
		`"tls":{"ca_file":"ca.pem","insecure":false},"topic":"t-stronger"}`
	for name, want := range map[string]string{"checked": checked, "free": strings.Replace(checked, `,"insecure":false`, "", 1)} {
		o := opts
		if name == "free" {
			o.Types = nil
		}
		cfg := load(t, fixture(t, "testdata/good/plugin.hcl"), o)
		s := cfg.Sinks[1]
		if string(s.ConfigJSON) != want {
			t.Errorf("%s:\n got %s\nwant %s", name, s.ConfigJSON, want)
		}
		if s.Batch != (Batch{MaxEvents: 100, MaxBytes: 256 << 10, MaxWait: 50 * time.Millisecond}) {
			t.Errorf("%s: got %+v", name, s.Batch)
		}
		for path, line := range map[string]int{"": 1, "acks": 4, "headers": 10, "headers.b": 12, "tls": 15, "tls.ca_file": 16, "mapping.1.to": 24} {
			if got := s.Ranges[path].Start.Line; got != line {
				t.Errorf("%s: argument %q: got line %d, want %d", name, path, got, line)
			}
		}
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	opts := fixtureOptions()
	opts.Vars = map[string]string{"given_brokers": `[]`, "given_text": "x"}
	cfg := load(t, fixture(t, "testdata/good/plugin.hcl"), opts)
	s := cfg.Sinks[1]
	for path, line := range map[string]int{"tls.ca_file": 16, "tls.nothing.deeper": 15, "mapping.1.to": 24, "unknown": 1, "": 1} {
		d := cfg.Problem(s.Context(), s.Ranges, &wire.Diagnostic{Path: path, Summary: "no", Detail: "the key sendgrid-secret-value is bad"})
		if d.Subject == nil || d.Subject.Start.Line != line || d.Code != diag.PluginRejected || d.Severity != diag.Error || d.Context != `sink "kafka" "s"` {
			t.Errorf("%q: got %+v, want line %d", path, d, line)
		}
		if d.Detail != "the key ******** is bad" { // I14
			t.Errorf("got %q", d.Detail)
		}
	}
	d := cfg.Problem(cfg.Sources[0].Context(), nil, &wire.Diagnostic{Path: "a.b", Severity: wire.Diagnostic_SEVERITY_WARNING, Summary: strings.Repeat("x", 1e6)})
	if d.Subject != nil || d.Severity != diag.Warning || len(d.Summary) > 1000 || d.Context != `source "twilio" "base"` {
		t.Errorf("got %+v", d)
	}
}

// TestSecretBytes proves that a secret reaches its plugin byte for byte, and
// nothing else (I14): cty would normalise e + combining accent to one letter.
func TestSecretBytes(t *testing.T) {
	t.Parallel()
	const decomposed = "e\u0301-\u212b-\x00-<&>-\"-secret"
	dir := write(t, map[string]string{"a.hcl": `
variable "v" { sensitive = true }
variable "d" {
  sensitive = true
  default   = secret("env:S")
}
sink "any" "s" {
  plain    = secret("env:S")
  file     = secret("file:key.txt")
  template = "x-${secret("env:S")}-e"
  variable = var.v
  default  = var.d
  list     = [secret("env:S")]
}
source "any" "s" {}
pipeline "p" {
  from = [source.any.s]
  to   = [sink.any.s]
}`, "key.txt": decomposed + "\r\n"})
	env := func(name string) (string, bool) { return decomposed, name == "S" || name == "PATCHBAY_VAR_v" }
	cfg := load(t, dir, Options{Env: env, RequireSecrets: true})
	quoted := `"e` + "\u0301-\u212b" + `-\u0000-\u003c\u0026\u003e-\"-secret"`
	want := fmt.Sprintf(`{"default":%[1]s,"file":%[1]s,"list":[%[1]s],"plain":%[1]s,"template":"x-%[2]s-e","variable":%[1]s}`, quoted, quoted[1:len(quoted)-1])
	if got := string(cfg.Sinks[0].ConfigJSON); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if !slices.Equal(cfg.Secrets, []string{decomposed}) {
		t.Errorf("got %q", cfg.Secrets)
	}
	if got := cfg.Mask("a " + decomposed + " b"); got != "a ******** b" {
		t.Errorf("got %q", got)
	}
}

func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"empty": "\n", "big": strings.Repeat("x", maxSecretBytes+1), "binary": "\xff\xfe"})
	tests := map[string]struct {
		code diag.Code
		text string
	}{
		"env:UNSET":      {diag.MissingSecret, "not set"},
		"env:EMPTY":      {diag.MissingSecret, "is empty"},
		"file:nowhere":   {diag.MissingSecret, "No such file"},
		"file:empty":     {diag.MissingSecret, "is empty"},
		"file:big":       {diag.MissingSecret, "larger than"},
		"file:.":         {diag.MissingSecret, "not a regular file"},
		"file:binary":    {diag.SecretMisused, "UTF-8"},
		"env:BINARY":     {diag.SecretMisused, "UTF-8"},
		"vault:x":        {diag.SecretMisused, "env:NAME"},
		"file:/dev/null": {diag.MissingSecret, "not a regular file"},
	}
	for ref, test := range tests {
		for _, require := range []bool{false, true} {
			src := fmt.Sprintf("source \"a\" \"a\" {\n  k = secret(%q)\n}\nsink \"b\" \"b\" {}\npipeline \"p\" {\n  from = [source.a.a]\n  to = [sink.b.b]\n}\n", ref)
			if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(src), 0o600); err != nil {
				t.Fatal(err)
			}
			env := func(n string) (string, bool) {
				return map[string]string{"BINARY": "\xff"}[n], n == "EMPTY" || n == "BINARY"
			}
			cfg, diags := Load(dir, Options{Env: env, RequireSecrets: require})
			if len(diags) != 1 || diags[0].Code != test.code || !strings.Contains(diags[0].Detail, test.text) || diags.HasErrors() != (require || test.code != diag.MissingSecret) {
				t.Errorf("%s (required %v): got %v", ref, require, diags)
			}
			if test.code == diag.MissingSecret && (!cfg.Sources[0].MissingSecrets || cfg.Sinks[0].MissingSecrets) {
				t.Errorf("%s: got the missing secret at %v, %v", ref, cfg.Sources[0].MissingSecrets, cfg.Sinks[0].MissingSecrets)
			}
		}
	}
}

func TestExposedSecret(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"key": "value-of-key", "a.hcl": "source \"a\" \"a\" {\n  k = secret(\"file:key\")\n}\nsink \"b\" \"b\" {}\npipeline \"p\" {\n  from = [source.a.a]\n  to = [sink.b.b]\n}\n"})
	if err := os.Chmod(filepath.Join(dir, "key"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, diags := Load(dir, Options{})
	if !slices.Equal(codes(diags), []diag.Code{diag.ExposedSecret}) || diags.HasErrors() {
		t.Errorf("got %v", diags)
	}
}

func TestVariablePrecedence(t *testing.T) {
	t.Parallel()
	src := "variable \"v\" { default = \"default\" }\nsink \"b\" \"b\" { v = var.v }\nsource \"a\" \"a\" {}\npipeline \"p\" {\n  from = [source.a.a]\n  to = [sink.b.b]\n}\n"
	dir := write(t, map[string]string{"a.hcl": src})
	env := func(n string) (string, bool) { return "environment", n == "PATCHBAY_VAR_v" }
	for want, opts := range map[string]Options{
		"default": {}, "environment": {Env: env}, "given": {Env: env, Vars: map[string]string{"v": "given"}},
	} {
		if got := string(load(t, dir, opts).Sinks[0].ConfigJSON); got != `{"v":"`+want+`"}` {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	_, diags := Load(dir, Options{Vars: map[string]string{"vv": "x"}})
	if len(diags) != 1 || diags[0].Code != diag.UnknownReference || diags[0].Suggestion != "v" {
		t.Errorf("got %v", diags)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	outside := write(t, map[string]string{"secret.hcl": "receiver {}", "t.csv": "a,b\n"})
	link := write(t, map[string]string{})
	if err := os.Symlink(filepath.Join(outside, "secret.hcl"), filepath.Join(link, "a.hcl")); err != nil {
		t.Fatal(err)
	}
	csvLink := write(t, map[string]string{"a.hcl": "lookup \"csv\" \"t\" { file = \"t.csv\" }\n"})
	if err := os.Symlink(filepath.Join(outside, "t.csv"), filepath.Join(csvLink, "t.csv")); err != nil {
		t.Fatal(err)
	}
	many := map[string]string{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("%04d.hcl", i)] = ""
	}
	lookup := func(csv string) string {
		return write(t, map[string]string{"a.hcl": "lookup \"csv\" \"t\" { file = \"t.csv\" }\n", "t.csv": csv})
	}
	tests := map[string]struct {
		dir  string
		want []diag.Code
	}{
		"no directory":     {filepath.Join(outside, "nowhere"), []diag.Code{diag.FileUnreadable}},
		"no files":         {write(t, map[string]string{"a.txt": "", ".a.hcl": "!", "a.test.hcl": "!", "d.hcl/x": ""}), []diag.Code{diag.Empty}},
		"empty file":       {write(t, map[string]string{"a.hcl": ""}), []diag.Code{diag.Empty}},
		"link outside":     {link, []diag.Code{diag.FileUnreadable}},
		"csv link outside": {csvLink, []diag.Code{diag.Empty, diag.Unused, diag.MissingFile}},
		"too many":         {write(t, many), []diag.Code{diag.FileTooLarge}},
		"too large":        {write(t, map[string]string{"a.hcl": strings.Repeat("#", maxFileBytes+1)}), []diag.Code{diag.FileTooLarge}},
		"byte order mark":  {write(t, map[string]string{"a.hcl": "\xef\xbb\xbfreceiver {}"}), []diag.Code{diag.BadEncoding}},
		"not UTF-8":        {write(t, map[string]string{"a.hcl": "receiver {}\n# \xff\n"}), []diag.Code{diag.BadEncoding}},
		"empty table":      {lookup(""), []diag.Code{diag.Empty, diag.Unused, diag.MissingFile}},
		"nameless column":  {lookup("a,,b\n"), []diag.Code{diag.Empty, diag.Unused, diag.MissingFile}},
		"column twice":     {lookup("a,a\n"), []diag.Code{diag.Empty, diag.Unused, diag.MissingFile}},
		"not CSV":          {lookup("a,\"b\n"), []diag.Code{diag.Empty, diag.Unused, diag.MissingFile}},
		"table with BOM":   {lookup("\xef\xbb\xbfa,b\n"), []diag.Code{diag.Empty, diag.Unused}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, diags := Load(test.dir, Options{})
			if got := codes(diags); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v\n%s", got, test.want, diags.Text(cfg.Files))
			}
		})
	}
}

// TestDeepInput proves that input which would exhaust the parser's stack is
// refused before it gets there (I12).
func TestDeepInput(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for name, src := range map[string]string{
		"brackets":      "a = " + strings.Repeat("[", 5*n) + strings.Repeat("]", 5*n),
		"open brackets": "a = " + strings.Repeat("[", n),
		"parentheses":   "a = " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"blocks":        strings.Repeat("a {\n", n) + strings.Repeat("}\n", n),
		"templates":     "a = " + strings.Repeat(`"${`, n) + "1" + strings.Repeat(`}"`, n),
		"directives":    `a = "` + strings.Repeat(`%{ if true }`, n) + `"`,
		"not":           "a = " + strings.Repeat("!", n) + "true",
		"minus":         "a = " + strings.Repeat("- ", n) + "1",
		"plus":          "a = 1" + strings.Repeat("+1", n),
		"broken lines":  "a = (1" + strings.Repeat("+\n1", n) + ")",
		"conditionals":  "a = " + strings.Repeat("true ? 1 : ", n) + "1",
		"indexes":       "a = b" + strings.Repeat("[c]", n),
		"splats":        "a = b" + strings.Repeat(".*", n),
		"calls":         "a = " + strings.Repeat("f(", n) + strings.Repeat(")", n),
		"objects":       "a = " + strings.Repeat("{ a = ", n) + strings.Repeat("}", n),
		"heredocs":      "a = " + strings.Repeat("<<E\n${", n),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := Load(write(t, map[string]string{"a.hcl": src}), Options{})
			if got := codes(diags); !slices.Equal(got, []diag.Code{diag.TooDeep}) {
				t.Errorf("got %v", diags)
			}
		})
	}
}

func TestLongLine(t *testing.T) {
	t.Parallel()
	src := `receiver { listen = "` + strings.Repeat("x", 1<<20) + `" }`
	cfg, diags := Load(write(t, map[string]string{"a.hcl": src}), Options{})
	if text := diags.Text(cfg.Files); !slices.Equal(codes(diags), []diag.Code{diag.Empty, diag.InvalidValue}) || len(text) > 2000 {
		t.Errorf("got %d bytes: %.500s", len(text), text)
	}
}

// TestManyValues proves that the limits leave room for what people write.
func TestManyValues(t *testing.T) {
	t.Parallel()
	var items, chain []string
	for i := range 5000 {
		items = append(items, fmt.Sprintf("\"w%d\"", i))
	}
	for i := range 400 {
		chain = append(chain, fmt.Sprintf("event.sender == \"w%d\"", i))
	}
	src := "pipeline \"p\" {\n  from = [source.twilio.base]\n  filter { when = contains([" + strings.Join(items, ", ") + "], event.sender) }\n" +
		"  filter { when = " + strings.Join(chain, " || ") + " }\n  to = [sink.sqlite.base]\n}\n"
	base, err := os.ReadFile("testdata/base.hcl")
	if err != nil {
		t.Fatal(err)
	}
	cfg := load(t, write(t, map[string]string{"a.hcl": src, "base.hcl": string(base)}), fixtureOptions())
	env := &expr.Env{}
	env.Reset(&sdk.Event{Sender: "w399"})
	for _, s := range cfg.Pipelines[0].Stages {
		if !s.Filter.When.Eval(env) {
			t.Error("got false, want true")
		}
	}
}

func TestSameInputSameResult(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/wrong/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range files {
		if strings.HasPrefix(filepath.Base(f), "syntax") || strings.HasPrefix(filepath.Base(f), "block-one") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(data)
	}
	dir := write(t, all)
	_, first := Load(dir, fixtureOptions())
	for range 5 {
		if _, again := Load(dir, fixtureOptions()); !reflect.DeepEqual(first, again) {
			t.Fatalf("got %d diagnostics in another order or number than %d", len(again), len(first))
		}
	}
	if len(first) < len(all) {
		t.Errorf("got %d diagnostics of %d wrong files", len(first), len(all))
	}
}

// FuzzLoad checks that no bytes make Load panic, and that whatever it says can
// be rendered and holds no secret (I14).
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/wrong/*.hcl", "testdata/good/*.hcl", "testdata/base.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	dir := f.TempDir() // one at a time within a worker, and each worker has its own
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "a.hcl"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []Options{fixtureOptions(), {Env: fixtureEnv}} {
			cfg, diags := Load(dir, opts)
			text := diags.Text(cfg.Files)
			if strings.Contains(text, "secret-value") && !strings.Contains(string(data), "secret-value") {
				t.Errorf("the diagnostics contain a secret:\n%s", text)
			}
			if diags.HasErrors() {
				continue
			}
			for _, p := range cfg.Pipelines {
				if len(p.From) == 0 || len(p.To) == 0 {
					t.Errorf("no errors, but pipeline %q has no source or no sink", p.Name)
				}
			}
		}
	})
}
