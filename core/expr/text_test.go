package expr

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// The text of an expression is the same for the same meaning, and shows the
// values that it uses.
func TestText(t *testing.T) {
	for src, want := range map[string]string{
		`event.event_type   !=  "queued"`:                           `event.event_type != "queued"`,
		`event.source == var.region`:                                `event.source == "eu"`,
		`contains(var.list, event.message_id)`:                      `contains(["SM1", "SM2"], event.message_id)`,
		`!( event.channel=="sms"||event.attributes["x-id"]==null )`: `!(event.channel == "sms" || event.attributes["x-id"] == null)`,
		`event.payload.a.b[0] > 1.5`:                                `event.payload.a.b[0] > 1.5`,
		`matches(event.sender, "^a") ? true : false`:                `matches(event.sender, "^a") ? true : false`,
		`"${event.source}-${var.region}" == "a-$${b}"`:              `"${event.source}-${"eu"}" == "a-$${b}"`,
	} {
		b, diags := CompileBool(parse(t, src), sampleScope())
		if diags.HasErrors() {
			t.Errorf("%s: %v", src, diags)
			continue
		}
		if got := b.Text(); got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
		again, diags := CompileBool(parse(t, b.Text()), sampleScope())
		if diags.HasErrors() {
			t.Errorf("%s: its text does not compile: %v", src, diags)
		} else if got := again.Text(); got != b.Text() {
			t.Errorf("%s: the text of its text is %s, want the same", src, got)
		}
	}
	if got := (*Bool)(nil).Text() + (*String)(nil).Text(); got != "" {
		t.Errorf("nothing: got %q, want nothing", got)
	}
}

// A static value that changes changes the text, though the source is the same.
func TestTextFollowsValues(t *testing.T) {
	text := func(v string) string {
		s := Scope{Static: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{"x": cty.StringVal(v)})}}
		e, diags := CompileString(parse(t, `coalesce(event.sender, var.x)`), s)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return e.Text()
	}
	if a, b := text("one"), text("two"); a == b {
		t.Errorf("got %s twice, want two texts", a)
	}
}
