package expr

import (
	"strings"
	"testing"
)

func TestAny(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]Result{
		`event.recipient`:                  {"string", "+15550100"},
		`event.customer_id`:                {"null", ""},
		`event.event_timestamp`:            {"time", "2026-11-01T12:00:00Z"},
		`event.payload.n * 2`:              {"number", "3"},
		`event.payload.big`:                {"number", "12345678901234567890"},
		`event.payload.ok`:                 {"bool", "true"},
		`event.payload.a`:                  {"object", `{"b":[1,"two",true,null,{"c":3}]}`},
		`event.payload.a.b`:                {"list", `[1,"two",true,null,{"c":3}]`},
		`event.payload.nothing`:            {"null", ""},
		`event.channel == "sms"`:           {"bool", "true"},
		`found.tier`:                       {"string", "gold"},
		`[event.channel, 1.5, true, null]`: {"list", `["sms",1.5,true,null]`},
		`[event.payload.a, now()]`:         {"list", `[{"b":[1,"two",true,null,{"c":3}]},"2026-11-01T13:00:00Z"]`},
		`[]`:                               {"list", "[]"},
		`var.list`:                         {"list", `["SM1","SM2"]`},
		`"<${event.channel}>"`:             {"string", "<sms>"},
		`null`:                             {"null", ""},
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			a, diags := CompileAny(parse(t, src), sampleScope())
			if len(diags) > 0 {
				t.Fatalf("got %v", diags)
			}
			if got := a.Eval(sampleEnv()); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
	if a, diags := CompileAny(parse(t, "event.chanel"), Scope{}); a != nil || !diags.HasErrors() {
		t.Errorf("got %v, %v for an unknown field", a, diags)
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	const src = `event.channel == "sms" && (event.attributes.x-id == lower(event.metadata["y"]) || event.payload.a.b[0] == 1) && found.tier == var.region`
	const want = "channel attributes.x-id attributes.y payload"
	names := func(us []Use) string {
		var out []string
		for _, u := range us {
			out = append(out, u.Field)
			if u.Range.Empty() {
				t.Errorf("%s has no place", u.Field)
			}
		}
		return strings.Join(out, " ")
	}
	b, diags := CompileBool(parse(t, src), sampleScope())
	if len(diags) > 0 || names(b.Uses()) != want {
		t.Errorf("got %v, %v", names(b.Uses()), diags)
	}
	s, diags := CompileString(parse(t, src), sampleScope())
	if len(diags) > 0 || names(s.Uses()) != want {
		t.Errorf("got %v, %v", names(s.Uses()), diags)
	}
	a, diags := CompileAny(parse(t, src), sampleScope())
	if len(diags) > 0 || names(a.Uses()) != want {
		t.Errorf("got %v, %v", names(a.Uses()), diags)
	}
}

func TestConstant(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][2]bool{
		`true`: {true, true}, `1 > 2`: {false, true}, `var.on`: {true, true}, `"true"`: {true, true},
		`event.channel == "sms"`: {false, false}, `event.payload.ok`: {false, false},
	} {
		b, diags := CompileBool(parse(t, src), sampleScope())
		if len(diags) > 0 {
			t.Fatalf("%s: got %v", src, diags)
		}
		if holds, ok := b.Constant(); holds != want[0] || ok != want[1] {
			t.Errorf("%s: got %v, %v, want %v", src, holds, ok, want)
		}
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	all := Functions()
	if len(all) != len(functions()) {
		t.Fatalf("got %d functions, want %d", len(all), len(functions()))
	}
	for i, f := range all {
		if !strings.HasPrefix(f.Usage, f.Name+"(") || i > 0 && all[i-1].Name >= f.Name {
			t.Errorf("got %+v", f)
		}
	}
}
