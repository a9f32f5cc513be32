package set

import (
	"context"
	"fmt"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/stagetest"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestApply: every field that may be set, at once, so that two can change places;
// null sets nothing; what ended stays as it was.
func TestApply(t *testing.T) {
	t.Parallel()
	field := func(name, text string) config.Assignment {
		return config.Assignment{Field: name, Value: stagetest.Value(t, text)}
	}
	s, err := New(&config.Set{Set: []config.Assignment{
		field("sender", "event.recipient"), field("recipient", "event.sender"), field("customer_id", "lower(event.customer_id)"),
		field("campaign_id", "event.payload.c"), field("account", "event.attributes.none"), field("conversation_id", `"x"`),
		field("error_reason", "event.status_code"), {Field: "region", Attribute: true, Value: stagetest.Value(t, `"eu"`)},
		{Field: "was", Attribute: true, Value: stagetest.Value(t, "event.attributes.region")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	event := func() *sdk.Event {
		return &sdk.Event{
			Sender: "s", Recipient: "r", CustomerID: "C", Account: "a", StatusCode: "7", SourcePayload: []byte(`{"c":5}`),
			Attributes: sdk.Attributes{{Name: "region", Value: "us"}},
		}
	}
	b := &stage.Batch{Items: []stage.Item{{Event: event()}, {Event: event()}}}
	b.Items[1].End(journal.Filtered, "filter", "")
	if err := s.Apply(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"r s c 5 a x 7 [{region eu} {was us}]", "s r C  a   [{region us}]"} {
		e := b.Items[i].Event
		got := fmt.Sprint(e.Sender, " ", e.Recipient, " ", e.CustomerID, " ", e.CampaignID, " ", e.Account, " ", e.ConversationID, " ", e.ErrorReason, " ", e.Attributes)
		if got != want {
			t.Errorf("event %d: got %q, want %q", i, got, want)
		}
	}
	if _, err := New(&config.Set{Set: []config.Assignment{field("event_id", `"x"`)}}); err == nil {
		t.Error("event_id can be set, want an error")
	}
}
