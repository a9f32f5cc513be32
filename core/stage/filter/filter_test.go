package filter

import (
	"context"
	"testing"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/stagetest"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestApply proves I3: an event for which the condition does not hold ends with
// its reason; one that ended before keeps its own.
func TestApply(t *testing.T) {
	t.Parallel()
	b := &stage.Batch{Items: []stage.Item{
		{Event: &sdk.Event{Channel: sdk.SMS}}, {Event: &sdk.Event{Channel: sdk.Email}}, {Event: &sdk.Event{}}, {Event: &sdk.Event{Channel: sdk.Email}},
	}}
	b.Items[3].End(journal.Duplicate, "dedup", "of x")
	if err := New(stagetest.Condition(t, `event.channel == "sms"`), "a.hcl:7").Apply(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for i, want := range []stage.Item{{}, {Outcome: journal.Filtered, By: "filter", Detail: "a.hcl:7"}, {Outcome: journal.Filtered, By: "filter", Detail: "a.hcl:7"}, {Outcome: journal.Duplicate, By: "dedup", Detail: "of x"}} {
		if got := b.Items[i]; got.Outcome != want.Outcome || got.By != want.By || got.Detail != want.Detail {
			t.Errorf("event %d: got %v by %s (%s), want %v by %s (%s)", i, got.Outcome, got.By, got.Detail, want.Outcome, want.By, want.Detail)
		}
	}
}
