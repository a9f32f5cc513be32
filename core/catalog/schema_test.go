package catalog

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

func float(v float64) *float64 { return &v }

func sourceType(as ...*wire.Attribute) *wire.TypeInfo {
	return &wire.TypeInfo{Kind: wire.TypeInfo_KIND_SOURCE, Name: "acme", Schema: &wire.Schema{Attributes: as}}
}

func TestCheckType(t *testing.T) {
	t.Parallel()
	deep := &wire.Schema{}
	for range maxNesting + 1 {
		deep = &wire.Schema{Attributes: []*wire.Attribute{{Name: "more", Type: "object", Block: deep}}}
	}
	wide := make([]*wire.Attribute, maxAttributes+1)
	for i := range wide {
		wide[i] = &wire.Attribute{Name: fmt.Sprint("a", i), Type: "string"}
	}
	block := &wire.Schema{Attributes: []*wire.Attribute{{Name: "path", Type: "string"}}}
	for name, c := range map[string]struct {
		kind string
		t    *wire.TypeInfo
		want string // empty: it is fine
	}{
		"nothing":         {t: sourceType()},
		"no schema":       {t: &wire.TypeInfo{Name: "acme"}},
		"all kinds":       {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Enum: []string{"x", "y"}, Default: `"x"`}, &wire.Attribute{Name: "b", Type: "int", Min: float(1), Max: float(9), Default: "9"}, &wire.Attribute{Name: "c", Type: "duration", Default: `"30s"`, Max: float(60)}, &wire.Attribute{Name: "d", Type: "list(string)", Default: `["a"]`}, &wire.Attribute{Name: "e", Type: "map(string)", Default: `{"a":"b"}`}, &wire.Attribute{Name: "f", Type: "bool", Default: "true"}, &wire.Attribute{Name: "g", Type: "float", Default: "1.5"}, &wire.Attribute{Name: "tls", Type: "list(object)", Block: block})},
		"a name":          {t: &wire.TypeInfo{Name: "a b"}, want: `"a b" can't be the label`},
		"an argument":     {t: sourceType(&wire.Attribute{Name: "a.b", Type: "string"}), want: `argument "a.b": that can't be the name`},
		"twice":           {t: sourceType(&wire.Attribute{Name: "a", Type: "string"}, &wire.Attribute{Name: "a", Type: "int"}), want: "two of that name"},
		"core's own":      {t: sourceType(&wire.Attribute{Name: "path", Type: "string"}), want: "patchbay's own"},
		"of a sink":       {kind: "sink", t: sourceType(&wire.Attribute{Name: "batch", Type: "object", Block: block}), want: "patchbay's own"},
		"not of a sink":   {kind: "sink", t: sourceType(&wire.Attribute{Name: "path", Type: "string"})},
		"type":            {t: sourceType(&wire.Attribute{Name: "a", Type: "number"}), want: `no type "number"`},
		"empty type":      {t: sourceType(&wire.Attribute{Name: "a"}), want: `no type ""`},
		"no block":        {t: sourceType(&wire.Attribute{Name: "a", Type: "object"}), want: "without a schema"},
		"a block":         {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Block: block}), want: "a string with a block's schema"},
		"required":        {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Required: true, Default: `"x"`}), want: "required argument has no default"},
		"sensitive":       {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Sensitive: true, Default: `"x"`}), want: "sensitive argument has no default"},
		"block default":   {t: sourceType(&wire.Attribute{Name: "a", Type: "object", Block: block, Default: "{}"}), want: "block has no default"},
		"no json":         {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Default: "x"}), want: "its default x is not a string"},
		"two values":      {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Default: "1 2"}), want: "not a int"},
		"null":            {t: sourceType(&wire.Attribute{Name: "a", Type: "list(string)", Default: "null"}), want: "not a list(string)"},
		"fraction":        {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Default: "1.5"}), want: "not a int"},
		"quoted number":   {t: sourceType(&wire.Attribute{Name: "a", Type: "float", Default: `"1"`}), want: "not a float"},
		"huge number":     {t: sourceType(&wire.Attribute{Name: "a", Type: "float", Default: "1e999"}), want: "not a float"},
		"a bool":          {t: sourceType(&wire.Attribute{Name: "a", Type: "bool", Default: "1"}), want: "not a bool"},
		"a map":           {t: sourceType(&wire.Attribute{Name: "a", Type: "map(string)", Default: `{"a":1}`}), want: "not a map(string)"},
		"a duration":      {t: sourceType(&wire.Attribute{Name: "a", Type: "duration", Default: `"soon"`}), want: "not a duration"},
		"too long":        {t: sourceType(&wire.Attribute{Name: "a", Type: "duration", Default: `"2m"`, Max: float(60)}), want: "out of its range"},
		"too small":       {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Default: "0", Min: float(1)}), want: "out of its range"},
		"enum":            {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Default: `"z"`, Enum: []string{"x"}}), want: `"z" is none of its words`},
		"enum of a list":  {t: sourceType(&wire.Attribute{Name: "a", Type: "list(string)", Default: `["z"]`, Enum: []string{"x"}}), want: "none of its words"},
		"enum twice":      {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Enum: []string{"x", "x"}}), want: "there twice"},
		"enum of numbers": {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Enum: []string{"1"}}), want: "no set of words"},
		"range of text":   {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Min: float(1)}), want: "no minimum"},
		"empty range":     {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Min: float(2), Max: float(1)}), want: "no value lies between"},
		"no number":       {t: sourceType(&wire.Attribute{Name: "a", Type: "int", Min: float(math.NaN())}), want: "no value lies between"},
		"deep":            {t: &wire.TypeInfo{Name: "acme", Schema: deep}, want: "nested more than 8 deep"},
		"wide":            {t: sourceType(wide...), want: "more than 1000 arguments"},
		"long":            {t: sourceType(&wire.Attribute{Name: "a", Type: "string", Doc: strings.Repeat("x", 5000)}), want: "too long"},
		"long summary":    {t: &wire.TypeInfo{Name: "acme", Summary: strings.Repeat("x", 5000)}, want: "summary is too long"},
		"channel":         {t: &wire.TypeInfo{Name: "acme", Source: &wire.SourceTraits{Channel: "fax"}}, want: `no channel "fax"`},
		"horizon":         {t: &wire.TypeInfo{Name: "acme", Source: &wire.SourceTraits{RetryHorizonMs: -1}}, want: "horizon is negative"},
		"idempotency":     {kind: "sink", t: &wire.TypeInfo{Name: "acme", Sink: &wire.SinkTraits{Idempotency: "perfect"}}, want: `no idempotency class "perfect"`},
		"ordering":        {kind: "sink", t: &wire.TypeInfo{Name: "acme", Sink: &wire.SinkTraits{Ordering: "some"}}, want: `no ordering "some"`},
		"limits":          {kind: "sink", t: &wire.TypeInfo{Name: "acme", Sink: &wire.SinkTraits{MaxEvents: -5}}, want: "limits is negative"},
	} {
		if c.kind == "" {
			c.kind = "source"
		}
		err := checkType(c.kind, c.t)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestLiar: a type that its plugin describes wrongly is refused with its name,
// and the plugin's others go on.
func TestLiar(t *testing.T) {
	t.Parallel()
	dir, cacheDir := t.TempDir(), t.TempDir()
	_, hash := install(t, dir, "patchbay-plugin-acme")
	c := &cache{dir: cacheDir, now: time.Now}
	c.remember(hash, &pluginhost.Description{Protocol: 1, DescribeResponse: &wire.DescribeResponse{
		Name: "acme", Version: "1.0.3", Types: []*wire.TypeInfo{
			sourceType(),
			{Kind: wire.TypeInfo_KIND_SOURCE, Name: "liar", Schema: &wire.Schema{Attributes: []*wire.Attribute{{Name: "a", Type: "secret"}}}},
			{Kind: wire.TypeInfo_KIND_SINK, Name: "twice"},
			{Kind: wire.TypeInfo_KIND_SINK, Name: "twice"},
			{Kind: 7, Name: "future"},
		},
	}})
	cat := open(t, Options{Dirs: []string{dir}, CacheDir: cacheDir})
	wantPath(t, cat, "acme", filepath.Join(dir, "patchbay-plugin-acme"))
	wantFault(t, cat, "liar", diag.PluginSchema, `plugin acme describes its source "liar" wrongly Argument "a": there is no type "secret"`)
	if f, ok := cat.TypeFault("sink", "twice"); !ok || f.Code != diag.PluginSchema || !strings.Contains(f.Summary, "twice") {
		t.Errorf("got %+v, %v", f, ok)
	}
	if got := cat.Names("sink"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if starts(t, dir) != 0 {
		t.Error("the plugin was started although it was remembered")
	}
}

// FuzzCheckType: nothing that a plugin can say makes core panic, and what is
// accepted is bounded.
func FuzzCheckType(f *testing.F) {
	for _, t := range []*wire.TypeInfo{
		sourceType(&wire.Attribute{Name: "a", Type: "int", Min: float(1), Default: "3"}, &wire.Attribute{Name: "b", Type: "object", Block: &wire.Schema{}}),
		sourceType(&wire.Attribute{Name: "a", Type: "duration", Default: `"1s"`, Enum: []string{"x"}}),
		{Name: "x", Sink: &wire.SinkTraits{Idempotency: "keyed"}},
	} {
		data, err := proto.Marshal(t)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info := new(wire.TypeInfo)
		if proto.Unmarshal(data, info) != nil {
			return
		}
		for _, kind := range []string{"source", "sink"} {
			if err := checkType(kind, info); err != nil {
				if len(err.Error()) > 8<<10 {
					t.Fatalf("an error of %d bytes", len(err.Error()))
				}
				continue
			}
			names := map[string]bool{}
			for _, a := range info.GetSchema().GetAttributes() {
				if names[a.Name] || a.Required && a.Default != "" {
					t.Fatalf("accepted %v", a)
				}
				names[a.Name] = true
			}
		}
	})
}
