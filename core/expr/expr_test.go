package expr

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"go.uber.org/goleak"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, src string) hcl.Expression {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(src), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", src, diags)
	}
	return e
}

func sampleEvent() *sdk.Event {
	id, _ := sdk.ParseID("000102030405060708090a0b0c0d0e0f")
	return &sdk.Event{
		ID: id, MessageID: "SM1", CampaignID: "spring", Channel: sdk.SMS, Direction: sdk.Outbound,
		Type: sdk.Failed, DeliveryStatus: sdk.StatusFailed, Provider: "twilio", Source: "twilio.support",
		ProviderStatus: "undelivered", StatusCode: "30003", Recipient: "+15550100", Sender: "Grüße",
		Time: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), ReceivedAt: time.Date(2026, 11, 1, 12, 0, 5, 0, time.UTC),
		Attributes: sdk.Attributes{
			{Name: "machine_open", Value: "true"}, {Name: "flag", Value: "false"}, {Name: "amount", Value: "12.5"},
			{Name: "ip", Value: "10.1.2.3"}, {Name: "ip6", Value: "::ffff:10.1.2.3"}, {Name: "x-id", Value: "a b"}, {Name: "empty", Value: ""},
		},
		SourcePayload: []byte(`{"a": {"b": [1, "two", true, null, {"c": 3}]}, "big": 12345678901234567890, "ok": true, "n": 1.5, "s": "1.5", "nil": null}`),
	}
}

func sampleScope() Scope {
	return Scope{
		Found: true, Columns: []string{"tier", "blank", "short"},
		Static: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{
			"region": cty.StringVal("eu"), "limit": cty.NumberIntVal(10), "on": cty.True, "none": cty.NullVal(cty.String),
			"list":   cty.ListVal([]cty.Value{cty.StringVal("SM1"), cty.StringVal("SM2")}),
			"obj":    cty.ObjectVal(map[string]cty.Value{"k": cty.StringVal("v")}),
			"secret": cty.StringVal("x").Mark("secret"), "unknown": cty.UnknownVal(cty.String),
			"nested": cty.TupleVal([]cty.Value{cty.EmptyTupleVal}),
		})},
	}
}

func sampleEnv() *Env {
	env := &Env{Now: time.Date(2026, 11, 1, 13, 0, 0, 0, time.UTC)}
	env.Reset(sampleEvent())
	env.Found = &Row{Columns: map[string]int{"tier": 0, "blank": 1, "short": 2}, Values: []string{"gold", ""}}
	return env
}

func TestBool(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		`true`: true, `false`: false, `"true"`: true, `!true`: false, `(true)`: true,
		// Fields and words.
		`event.event_type == "failed"`:                                true,
		`event.event_type != "failed"`:                                false,
		`"failed" == event.event_type`:                                true,
		`event.channel == "sms" && event.delivery_status == "failed"`: true,
		`event.direction == "inbound"`:                                false,
		`event.event_type == event.delivery_status`:                   true,
		`event.event_id == "000102030405060708090a0b0c0d0e0f"`:        true,
		`event.event_id != "000102030405060708090a0b0c0d0e0f"`:        false,
		`event.message_id == "SM1"`:                                   true,
		`event["message_id"] == "SM1"`:                                true,
		`event.source == "twilio.support"`:                            true,
		`event.event_timestamp == "2026-11-01T12:00:00Z"`:             true,
		`event.event_timestamp == "2026-11-01T13:00:00+01:00"`:        true,
		`event.received_at > event.event_timestamp`:                   true,
		`event.event_timestamp > timeadd(now(), "-24h")`:              true,
		`unix(event.received_at) - unix(event.event_timestamp) == 5`:  true,
		`timestamp("2026-01-01T00:00:00Z") < now()`:                   true,
		// Null.
		`event.customer_id == null`: true,
		`event.customer_id != null`: false,
		`null == null`:              true,
		`null != null`:              false,
		// Zero has no sign.
		`tostring(-(0)) == "0" && "${0 * -1}" == "0"`:       true,
		`event.customer_id == "x"`:                          false,
		`event.customer_id != "x"`:                          false,
		`event.customer_id == event.customer_id`:            false,
		`event.customer_id > 1`:                             false,
		`!event.attributes.nothing`:                         true,
		`event.attributes.nothing`:                          false,
		`has(event.customer_id)`:                            false,
		`has(event.message_id)`:                             true,
		`has(event.channel)`:                                true,
		`has(event.attributes.empty)`:                       true,
		`event.attributes.empty == ""`:                      true,
		`startswith(event.customer_id, "")`:                 false,
		`!contains(["a"], event.customer_id)`:               true,
		`var.none == null`:                                  true,
		`has(found.blank) || has(found.short)`:              false,
		`event.payload.nothing.at.all == null`:              true,
		`event.payload.nil == null`:                         true,
		`tonumber(event.recipient) == null`:                 false,
		`tonumber(event.message_id) == null`:                true,
		`1 / tonumber(event.customer_id) == null`:           true,
		`1 / (length(event.message_id) - 3) == null`:        true,
		`"${event.customer_id}x" == null`:                   true,
		`try(event.customer_id, event.message_id) == "SM1"`: true,
		// Conversion.
		`event.status_code == 30003`:                  true,
		`event.status_code != 30003`:                  false,
		`event.message_id != 30003`:                   true, // text that is no number differs from every number
		`event.attributes.amount > 12`:                true,
		`event.attributes.machine_open`:               true,
		`!event.metadata.machine_open`:                false,
		`event.attributes.machine_open == true`:       true,
		`event.attributes.flag != true`:               true,
		`event.attributes["x-id"] == "a b"`:           true,
		`event.payload.s == event.payload.n`:          true,
		`event.payload.ok`:                            true,
		`event.payload.ok == "true"`:                  true,
		`event.payload.a.b[0] == 1`:                   true,
		`event.payload.a.b[1] == "two"`:               true,
		`event.payload.a.b[4].c >= 3`:                 true,
		`event.payload.a.b[9] == null`:                true,
		`event.payload.a["b"][2]`:                     true,
		`event.payload.big == "12345678901234567890"`: true,
		`event.payload.a == event.payload.a`:          false, // lists and objects are never equal
		`has(event.payload.a)`:                        true,
		`event.payload.a`:                             false,
		// Operators.
		`1 + 2 * 3 == 7`: true, `7 % 4 == 3`: true, `-3 < -2`: true, `10 / 4 == 2.5`: true, `2 >= 2 && 2 <= 2`: true,
		`false || event.channel == "sms" || false`:                                   true,
		`true && event.channel == "sms" && true`:                                     true,
		`event.channel == "email" && event.payload.x == 1`:                           false,
		`event.channel == "sms" ? true : false`:                                      true,
		`(event.channel == "email" ? event.sender : event.recipient) == "+15550100"`: true,
		`(true ? 1 : "x") == 1`:                                                      true,
		`"a${event.message_id}b" == "aSM1b"`:                                         true,
		`"${event.message_id}" == "SM1"`:                                             true,
		`"%{ if event.channel == "sms" }s%{ else }o%{ endif }" == "s"`:               true,
		// Functions.
		`contains(["sms", "email"], event.channel)`:                               true,
		`contains(["email"], event.channel)`:                                      false,
		`contains(var.list, event.message_id)`:                                    true,
		`contains(["0","1","2","3","4","5","6","7","8","SM1"], event.message_id)`: true,
		`contains([1, 30003], event.status_code)`:                                 true,
		`contains([event.message_id], "SM1")`:                                     true,
		`contains(["a"], "a")`:                                                    true,
		`contains(event.recipient, "555")`:                                        true,
		`contains(event.payload.a.b, "two")`:                                      true,
		`contains(event.payload.a.b, null)`:                                       false,
		`lower("ABC") == "abc" && upper("ä") == "Ä"`:                              true,
		`trim("  a ") == "a" && trim("--a-", "-") == "a"`:                         true,
		`startswith(event.recipient, "+1")`:                                       true,
		`endswith(event.recipient, "00")`:                                         true,
		`matches(event.recipient, "^\\+1555\\d+$")`:                               true,
		`replace("a-b-c", "-", "") == "abc"`:                                      true,
		`substr(event.sender, 2, 3) == "üße"`:                                     true,
		`substr("abc", -2, 1) == "b"`:                                             true,
		`substr("abc", 1, -1) == "bc"`:                                            true,
		`substr("abc", 5, 2) == ""`:                                               true,
		`substr("abc", 0, 3) == "abc"`:                                            true,
		`length(event.sender) == 5`:                                               true,
		`length([1, 2]) == 2`:                                                     true,
		`length(event.payload.a.b) == 5`:                                          true,
		`tostring(1.5) == "1.5" && tostring(true) == "true"`:                      true,
		`cidrmatch(event.attributes.ip, "10.0.0.0/8")`:                            true,
		`cidrmatch(event.attributes.ip6, ["192.168.0.0/16", "10.0.0.0/8"])`:       true,
		`cidrmatch(event.recipient, "10.0.0.0/8")`:                                false,
		`coalesce(event.customer_id, found.blank, "none") == "none"`:              true,
		`coalesce(null, found.tier) == "gold"`:                                    true,
		`found.tier == "gold" && var.region == "eu" && var.on`:                    true,
		`var.limit == 10`:                                                         true,
		`var.obj.k == "v"`:                                                        true,
		`now() == "2026-11-01T13:00:00Z"`:                                         true,
	}
	for src, want := range tests {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			b, diags := CompileBool(parse(t, src), sampleScope())
			if len(diags) > 0 {
				t.Fatalf("got %v", diags)
			}
			if got := b.Eval(sampleEnv()); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	const null = "\x00null"
	tests := map[string]string{
		`event.recipient`: "+15550100", `event.customer_id`: null, `found.tier`: "gold", `found.blank`: null, `null`: null,
		`event.channel`: "sms", `event.event_id`: "000102030405060708090a0b0c0d0e0f", `1 + 1`: "2", `1.5`: "1.5", `true`: "true",
		`event.channel == "sms"`: "true", `event.event_timestamp`: "2026-11-01T12:00:00Z", `event.payload.big`: "12345678901234567890",
		`event.payload.a`: null, `"${event.account}:${event.recipient}"`: null, `"${event.channel}:${event.recipient}"`: "sms:+15550100",
		`coalesce(event.account, "none")`: "none", `event.status_code`: "30003", `var.region`: "eu", `var.limit * 100000000000`: "1000000000000",
		`event.customer_id == null ? "new" : event.customer_id`: "new", `1 / 3`: "0.3333333333333333", `event.payload.ok`: "true",
	}
	for src, want := range tests {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			s, diags := CompileString(parse(t, src), sampleScope())
			if len(diags) > 0 {
				t.Fatalf("got %v", diags)
			}
			got, ok := s.Eval(sampleEnv())
			if !ok {
				got = null
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]diag.Code{
		`event`: diag.UnknownField, `event[0]`: diag.UnknownField, `event.nothing`: diag.UnknownField, `event.sender.x`: diag.UnknownField,
		`event.attributes`: diag.UnknownField, `event.attributes.a.b`: diag.UnknownField, `event.attributes[0]`: diag.UnknownField,
		`found`: diag.UnknownReference, `found.nothing`: diag.UnknownReference, `found[0]`: diag.UnknownReference, `what`: diag.UnknownReference,
		`var`: diag.UnknownReference, `var.nothing`: diag.UnknownReference, `var.obj.nothing`: diag.InvalidExpression, `var.obj`: diag.WrongType,
		`var.secret`: diag.SecretMisused, `contains(var.nested, 1)`: diag.WrongType, `contains([[1]], 1)`: diag.WrongType,
		`event.payload[-1]`: diag.UnsupportedSyntax, `event.payload[1.5]`: diag.OutOfRange, `event.payload[event.sender]`: diag.UnsupportedSyntax,
		`event.channel == "smz"`: diag.UnknownWord, `contains(["deliverd"], event.event_type)`: diag.UnknownWord,
		`event.sender == ""`: diag.AlwaysFalse, `event.event_id == "abc"`: diag.AlwaysFalse, `null`: diag.AlwaysFalse, `"${null}a" == "a"`: diag.AlwaysFalse,
		`event.sender`: diag.WrongType, `event.channel`: diag.WrongType, `"yes"`: diag.WrongType, `1`: diag.WrongType, `now()`: diag.WrongType,
		`1 == true`: diag.WrongType, `true == 1`: diag.WrongType, `[1] == [1]`: diag.WrongType, `event.event_timestamp == 5`: diag.WrongType,
		`event.event_timestamp < "soon"`: diag.InvalidValue, `event.channel < 1`: diag.WrongType, `"a" < 1`: diag.WrongType, `-true == 1`: diag.WrongType,
		`now() - 1 == 0`: diag.WrongType, `1 % 0 == 0`: diag.InvalidExpression, `1e999 == 1`: diag.InvalidExpression,
		`contains([true], 1)`: diag.WrongType, `contains(1, 1)`: diag.WrongArguments, `contains(["a"], ["a"])`: diag.WrongType,
		`nothing()`: diag.UnknownFunction, `has()`: diag.WrongArguments, `has(1, 2)`: diag.WrongArguments, `coalesce([1])`: diag.WrongArguments,
		`contains(["a"]...)`: diag.UnsupportedSyntax, `matches("a", event.sender)`: diag.WrongArguments, `matches("a", "[")`: diag.InvalidPattern,
		`cidrmatch("a", "b")`: diag.InvalidPattern, `cidrmatch("10.0.0.0/8", event.sender)`: diag.WrongArguments,
		`timeadd(now(), event.sender) == now()`: diag.WrongArguments, `timeadd(now(), "x") == now()`: diag.InvalidValue, `lower([1]) == ""`: diag.WrongType,
		`{}`: diag.UnsupportedSyntax, `[for x in [1] : x]`: diag.UnsupportedSyntax, `event.payload[*].x`: diag.UnsupportedSyntax, `has(event).x`: diag.UnsupportedSyntax,
		`(true ? [1] : [2]) == 1`: diag.WrongType, `substr("a", "b", 1) == ""`: diag.WrongType,
		strings.Repeat("(", 250) + "true" + strings.Repeat(")", 250): diag.ExpressionTooLarge,
	}
	for src, want := range tests {
		t.Run(src[:min(len(src), 60)], func(t *testing.T) {
			t.Parallel()
			b, diags := CompileBool(parse(t, src), sampleScope())
			if len(diags) != 1 || diags[0].Code != want || diags[0].Severity != diag.Error {
				t.Fatalf("got %v, want one %s", diags, want)
			}
			if b != nil {
				t.Error("got a condition beside the error")
			}
			if r := diags[0].Subject; r == nil || r.Start.Byte >= r.End.Byte || r.End.Byte > len(src) {
				t.Errorf("got the range %v of %d bytes", r, len(src))
			}
		})
	}
}

func TestUnknownStaticValueIsSilent(t *testing.T) {
	t.Parallel()
	b, diags := CompileBool(parse(t, `event.sender == var.unknown`), sampleScope())
	if b != nil || len(diags) > 0 {
		t.Errorf("got %v, %v, want neither: the cause was reported elsewhere", b, diags)
	}
}

func TestFoundOnlyWithinEnrich(t *testing.T) {
	t.Parallel()
	_, diags := CompileBool(parse(t, `found.tier == "gold"`), Scope{})
	if len(diags) != 1 || diags[0].Code != diag.UnknownReference {
		t.Errorf("got %v", diags)
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`event.delivery_state == "failed"`: "delivery_status", `event.event_type == "deliverd"`: "delivered", `evnt.channel == "sms"`: "event",
		`start_with("a", "b")`: "startswith", `found.teir == "gold"`: "tier", `var.regoin == "eu"`: "region", `event.sender == ""`: "null",
	} {
		_, diags := CompileBool(parse(t, src), sampleScope())
		if len(diags) != 1 || diags[0].Suggestion != want {
			t.Errorf("%s: got %v, want the suggestion %q", src, diags, want)
		}
	}
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"A": "x"}`: "x", `A=x&B=y`: "x", `A=x&A=y`: "x", `A=a%20b`: "a b", `A=%zz`: "", `{"A": "x"} trailing`: "", ``: "", `[1]`: "", `"A"`: "",
		`{"A": "x"`: "", "\xff\xfe": "", `{"A": 1e999}`: "1e999", `{"A": {}}`: "",
	} {
		s, diags := CompileString(parse(t, `event.payload.A`), Scope{})
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		env := &Env{Event: &sdk.Event{SourcePayload: []byte(payload)}}
		if got, _ := s.Eval(env); got != want {
			t.Errorf("%q: got %q, want %q", payload, got, want)
		}
	}
}

func TestResetForgets(t *testing.T) {
	t.Parallel()
	s, diags := CompileString(parse(t, `"${event.payload.A}${found.c}"`), Scope{Found: true})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	env := &Env{}
	env.Reset(&sdk.Event{SourcePayload: []byte("A=1")})
	env.Found = &Row{Columns: map[string]int{"c": 0}, Values: []string{"x"}}
	if got, ok := s.Eval(env); got != "1x" || !ok {
		t.Errorf("got %q, %v, want 1x", got, ok)
	}
	env.Reset(&sdk.Event{SourcePayload: []byte("A=2")})
	if got, ok := s.Eval(env); ok {
		t.Errorf("got %q, want null: the row of the event before is gone", got)
	}
	env.Found = &Row{Columns: map[string]int{"c": 0}, Values: []string{"y"}}
	if got, _ := s.Eval(env); got != "2y" {
		t.Errorf("got %q, want 2y", got)
	}
}

func TestReplaceIsBounded(t *testing.T) { // I12
	t.Parallel()
	s, diags := CompileString(parse(t, `replace(event.attributes.a, "a", "`+strings.Repeat("b", 1000)+`")`), Scope{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	env := &Env{Event: &sdk.Event{Attributes: sdk.Attributes{{Name: "a", Value: strings.Repeat("a", 1<<20)}}}}
	if got, ok := s.Eval(env); ok {
		t.Errorf("got %d bytes, want null", len(got))
	}
}

func TestShortCircuit(t *testing.T) {
	t.Parallel()
	b, diags := CompileBool(parse(t, `event.channel == "email" && event.payload.x == "1"`), Scope{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	env := &Env{}
	env.Reset(sampleEvent())
	if b.Eval(env) || env.payloadParsed {
		t.Error("the right side was evaluated although the left decides")
	}
}

// Not parallel: other tests would allocate while this one counts.
func TestFilterDoesNotAllocate(t *testing.T) {
	for _, src := range filters() {
		b, diags := CompileBool(parse(t, src), sampleScope())
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		env := sampleEnv()
		if n := testing.AllocsPerRun(100, func() { b.Eval(env) }); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", src, n)
		}
	}
}

func filters() []string {
	return []string{
		`event.event_type != "queued"`,
		`event.channel == "sms" && event.delivery_status == "failed"`,
		`event.event_type != "opened" || !event.metadata.machine_open`,
		`contains(["sms", "email"], event.channel) && startswith(event.recipient, "+1") && event.campaign_id != null`,
		`event.received_at > event.event_timestamp && event.status_code == "30003"`,
	}
}

func BenchmarkFilter(b *testing.B) {
	for _, src := range filters() {
		b.Run(src, func(b *testing.B) {
			cond, diags := CompileBool(parse(b, src), sampleScope())
			if len(diags) > 0 {
				b.Fatal(diags)
			}
			env := sampleEnv()
			b.ReportAllocs()
			for b.Loop() {
				cond.Eval(env)
			}
		})
	}
}

// emptyEvent has no field: everything is null.
var emptyEvent sdk.Event
