package route

import (
	"context"
	"slices"
	"testing"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/stagetest"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestApply: events that match go to the route's sinks besides, each once; no
// event ends by a route.
func TestApply(t *testing.T) {
	t.Parallel()
	b := &stage.Batch{Items: []stage.Item{
		{Event: &sdk.Event{Channel: sdk.SMS}}, {Event: &sdk.Event{Channel: sdk.Email}}, {Event: &sdk.Event{Channel: sdk.SMS}},
		{Event: &sdk.Event{Channel: sdk.SMS}, Targets: []uint32{9, 4}},
	}}
	b.Items[2].End(journal.Filtered, "filter", "")
	for _, s := range []*Stage{New(stagetest.Condition(t, `event.channel == "sms"`), []uint32{4, 5}), New(stagetest.Condition(t, `true`), []uint32{5})} {
		if err := s.Apply(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range [][]uint32{{4, 5}, {5}, nil, {9, 4, 5}} {
		if got := b.Items[i].Targets; !slices.Equal(got, want) {
			t.Errorf("event %d: got %v, want %v", i, got, want)
		}
		if ended := b.Items[i].Outcome != 0; ended != (i == 2) {
			t.Errorf("event %d: outcome %v", i, b.Items[i].Outcome)
		}
	}
}
