package normalize

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mapping = `word,code,reason,event_type,bounce_class
# the most specific row wins
failed,,,failed,
failed,21610,,opted_out,
failed,,blocked,bounced,block
failed,30003,blocked,suppressed,hard
Delivered ,,,delivered,
`

// TestApply: the most specific row gives the type, case and blanks aside; what no
// row knows is unmapped and goes on; what the source or a stage said stays.
func TestApply(t *testing.T) {
	t.Parallel()
	table, err := Parse(strings.NewReader(mapping))
	if err != nil {
		t.Fatal(err)
	}
	s := New(map[string]*Table{"acme": table})
	for name, c := range map[string]struct {
		in   sdk.Event
		want string
	}{
		"word":               {sdk.Event{ProviderStatus: "failed"}, "failed failed []"},
		"word and code":      {sdk.Event{ProviderStatus: "FAILED", StatusCode: "21610"}, "opted_out  []"},
		"word and reason":    {sdk.Event{ProviderStatus: "failed", StatusCode: "1", ErrorReason: " Blocked"}, "bounced bounced [{bounce_class block}]"},
		"all":                {sdk.Event{ProviderStatus: "failed", StatusCode: "30003", ErrorReason: "blocked"}, "suppressed suppressed [{bounce_class hard}]"},
		"blanks in table":    {sdk.Event{ProviderStatus: " delivered"}, "delivered delivered []"},
		"unknown word":       {sdk.Event{ProviderStatus: "flying"}, "unmapped  []"},
		"no word":            {sdk.Event{}, "unmapped  []"},
		"another provider":   {sdk.Event{Provider: "other", ProviderStatus: "failed"}, "unmapped  []"},
		"type of the source": {sdk.Event{Type: sdk.Delivered, ProviderStatus: "failed"}, "delivered delivered []"},
		"attribute set": {
			sdk.Event{ProviderStatus: "failed", ErrorReason: "blocked", Attributes: sdk.Attributes{{Name: "bounce_class", Value: "soft"}}},
			"bounced bounced [{bounce_class soft}]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := c.in
			if e.Provider == "" {
				e.Provider = "acme"
			}
			ended := c.in
			b := &stage.Batch{Items: []stage.Item{{Event: &e}, {Event: &ended, Outcome: journal.Duplicate}}}
			if err := s.Apply(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(e.Type, " ", e.DeliveryStatus, " ", e.Attributes); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if ended.Type != c.in.Type {
				t.Errorf("an event that ended got the type %s", ended.Type)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const head = "word,code,reason,event_type\n"
	for text, want := range map[string]string{
		"":                          "read header",
		"word,code,event_type\n":    "the columns are",
		head + "a,,,deliverd\n":     "line 2",
		head + ",,,failed\n":        "line 2: no word",
		head + "a,,\n":              "wrong number of fields",
		head + "a,,,sent\nA,,,read": "line 3: a second row",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
