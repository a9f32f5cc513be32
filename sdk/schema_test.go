package sdk

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

type tlsBlock struct {
	CA     string `pb:"ca_file,required" doc:"A file."`
	Verify bool   `pb:"verify" default:"true" doc:"Whether."`
}

type fullConfig struct {
	Token    string            `pb:"token,required,sensitive" doc:"A token." example:"\"x\""`
	Level    string            `pb:"level" default:"low" enum:"low,high" doc:"A level."`
	On       bool              `pb:"on" doc:"Whether."`
	Count    int               `pb:"count" default:"3" min:"1" max:"10" doc:"How many."`
	Big      int64             `pb:"big" doc:"A lot."`
	Share    float64           `pb:"share" max:"0.5" doc:"A part." deprecated:"count"`
	Wait     time.Duration     `pb:"wait" default:"1m30s" min:"1" doc:"How long."`
	Hosts    []string          `pb:"hosts" default:"a,b" doc:"Where."`
	Labels   map[string]string `pb:"labels" doc:"What."`
	TLS      *tlsBlock         `pb:"tls" doc:"Security."`
	Fallback tlsBlock          `pb:"fallback" doc:"More security."`
	Rules    []tlsBlock        `pb:"rule" doc:"Rules."`
	Internal int
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s, err := schemaOf[fullConfig]()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range s.Attributes {
		got = append(got, fmt.Sprintf("%s %s %v %v %s", a.Name, a.Type, a.Required, a.Sensitive, a.Default))
	}
	want := []string{
		`token string true true `, `level string false false "low"`, `on bool false false `, `count int false false 3`,
		`big int false false `, `share float false false `, `wait duration false false "1m30s"`,
		`hosts list(string) false false ["a","b"]`, `labels map(string) false false `, `tls object false false `,
		`fallback object false false `, `rule list(object) false false `,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if a := s.Attributes[0]; a.Doc != "A token." || a.Example != `"x"` {
		t.Errorf("token: %v", a)
	}
	if a := s.Attributes[1]; !reflect.DeepEqual(a.Enum, []string{"low", "high"}) {
		t.Errorf("level: %v", a)
	}
	if a := s.Attributes[3]; a.GetMin() != 1 || a.GetMax() != 10 {
		t.Errorf("count: %v", a)
	}
	if a := s.Attributes[5]; a.Min != nil || a.GetMax() != 0.5 || a.Deprecated != "count" {
		t.Errorf("share: %v", a)
	}
	for _, i := range []int{9, 10, 11} {
		if b := s.Attributes[i].Block; len(b.GetAttributes()) != 2 || b.Attributes[0].Name != "ca_file" {
			t.Errorf("%s: %v", s.Attributes[i].Name, b)
		}
	}
}

func schemaError[C any]() error {
	_, err := schemaOf[C]()
	return err
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"no struct": schemaError[int](),
		"no name": schemaError[struct {
			A string `pb:",required"`
		}](),
		"unexported": schemaError[struct {
			a string `pb:"a"`
		}](),
		"unknown option": schemaError[struct {
			A string `pb:"a,secret"`
		}](),
		"default and must": schemaError[struct {
			A string `pb:"a,required" default:"x"`
		}](),
		"bound no number": schemaError[struct {
			A int `pb:"a" min:"low"`
		}](),
		"other bound": schemaError[struct {
			A int `pb:"a" max:"high"`
		}](),
		"default no int": schemaError[struct {
			A int `pb:"a" default:"x"`
		}](),
		"default no duration": schemaError[struct {
			A time.Duration `pb:"a" default:"5"`
		}](),
		"default of a map": schemaError[struct {
			A map[string]string `pb:"a" default:"x"`
		}](),
		"channel": schemaError[struct {
			A chan int `pb:"a"`
		}](),
		"list of numbers": schemaError[struct {
			A []int `pb:"a"`
		}](),
		"map of numbers": schemaError[struct {
			A map[string]int `pb:"a"`
		}](),
		"pointer to text": schemaError[struct {
			A *string `pb:"a"`
		}](),
		"inside a block": schemaError[struct {
			A struct {
				B chan int `pb:"b"`
			} `pb:"a"`
		}](),
		"inside a list": schemaError[struct {
			A []struct {
				B chan int `pb:"b"`
			} `pb:"a"`
		}](),
	} {
		if err == nil {
			t.Errorf("%s: described", name)
		}
	}
}

func TestDecodeConfig(t *testing.T) {
	t.Parallel()
	got, err := decodeConfig[fullConfig]([]byte(`{"token":"t","level":"high","on":true,"count":10,"big":9007199254740993,"share":0.5,
		"wait":"2s","hosts":[],"labels":{"a":"b"},"tls":{"ca_file":"c","verify":false},"fallback":{"ca_file":"f"},
		"rule":[{"ca_file":"1"},{"ca_file":"2","verify":false}]}`))
	want := &fullConfig{
		Token: "t", Level: "high", On: true, Count: 10, Big: 9007199254740993, Share: 0.5, Wait: 2 * time.Second, Hosts: []string{},
		Labels: map[string]string{"a": "b"}, TLS: &tlsBlock{CA: "c"}, Fallback: tlsBlock{CA: "f", Verify: true},
		Rules: []tlsBlock{{"1", true}, {"2", false}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	got, err = decodeConfig[fullConfig]([]byte(`{"token":"t","count":null,"tls":null}`))
	want = &fullConfig{Token: "t", Level: "low", Count: 3, Wait: 90 * time.Second, Hosts: []string{"a", "b"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("defaults: got %+v, %v, want %+v", got, err, want)
	}
	if got, err := decodeConfig[struct{}](nil); err != nil || got == nil {
		t.Errorf("no arguments: got %v, %v", got, err)
	}
}

// All mistakes of a configuration are found at once, each at its argument.
func TestDecodeConfigProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config string
		want   []string // path: summary
	}{
		{`{}`, []string{"token: missing argument"}},
		{`{"token":null}`, []string{"token: missing argument"}},
		{`[]`, []string{": not an object"}},
		{`{"token":`, []string{": not an object"}},
		{`{"token":1,"on":"yes","count":1.5,"big":"x","share":"x","hosts":"a","labels":[1]}`, []string{
			"token: want string", "on: want bool", "count: want int", "big: want int", "share: want float", "hosts: want list(string)",
			"labels: want map(string)",
		}},
		{`{"token":"t","level":"mid","count":0,"share":0.6,"wait":"500ms"}`, []string{
			`level: unknown value "mid"`, "count: too small", "share: too large", "wait: too small",
		}},
		{`{"token":"t","count":11,"wait":"soon"}`, []string{"count: too large", "wait: want duration"}},
		{`{"token":"t","wait":5}`, []string{"wait: want duration"}},
		{`{"token":"t","b":1,"a":2}`, []string{"a: unknown argument", "b: unknown argument"}},
		{`{"token":"t","tls":{"x":1},"fallback":7,"rule":[{"ca_file":"1"},{"y":1}]}`, []string{
			"tls.ca_file: missing argument", "tls.x: unknown argument", "fallback: not an object",
			"rule.1.ca_file: missing argument", "rule.1.y: unknown argument",
		}},
		{`{"token":"t","rule":{}}`, []string{"rule: want list(object)"}},
	} {
		cfg, err := decodeConfig[fullConfig]([]byte(c.config))
		ps, rest := problems(err)
		var got []string
		for _, p := range ps {
			got = append(got, p.Path+": "+p.Summary)
		}
		if cfg != nil || rest != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %q (%v)\nwant %q", c.config, got, rest, c.want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	warning := &ConfigProblem{Path: "w", Summary: "odd", Detail: "d", Warning: true}
	ps, rest := problems(errors.Join(Problem("a", "bad", ""), other, errors.Join(warning, fmt.Errorf("wrapped: %w", Problem("", "b", "")))))
	if len(ps) != 3 || ps[0].Path != "a" || ps[1] != warning || ps[2].Error() != "b" || !errors.Is(rest, other) {
		t.Errorf("got %v, %v", ps, rest)
	}
	if ps, rest := problems(nil); ps != nil || rest != nil {
		t.Errorf("of nothing: %v, %v", ps, rest)
	}
	ds := wireDiagnostics(ps)
	if len(ds) != 3 || ds[1].Severity != wire.Diagnostic_SEVERITY_WARNING || ds[0].Severity != wire.Diagnostic_SEVERITY_ERROR || ds[1].Detail != "d" {
		t.Errorf("diagnostics: %v", ds)
	}
}

// FuzzDecodeConfig: whatever the arguments, a configuration or the reason why not.
func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte(`{"token":"t","rule":[{"ca_file":"1"}],"wait":"1h"}`))
	f.Add([]byte(`{"token":{},"rule":[[]],"tls":[]}`))
	f.Add([]byte(`{"count":1e99,"wait":"9999999h"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := decodeConfig[fullConfig](data)
		if (cfg == nil) == (err == nil) {
			t.Fatalf("got %+v, %v", cfg, err)
		}
		if _, rest := problems(err); rest != nil {
			t.Fatalf("%v names no argument", rest)
		}
	})
}
