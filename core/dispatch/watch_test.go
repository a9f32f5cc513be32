package dispatch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
)

// A tap sees what became of each event at each write.
func TestTap(t *testing.T) {
	t.Parallel()
	hub := new(tap.Hub)
	b := cleanBed(t, Options{Idempotency: sdk.Keyed, Tap: hub})
	tp, err := hub.Open(tap.Spec{Out: []string{"sink.*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer tp.Close()
	b.stage("a", "b", "c")
	b.sink.answer = func(_ context.Context, w write) ([]sdk.Outcome, error) {
		out := make([]sdk.Outcome, len(w.events))
		switch len(b.sink.writes) {
		case 1:
			return nil, &sdk.Failure{Class: sdk.Transient, Err: errors.New("gone")}
		case 2:
			out[0] = sdk.Outcome{Kind: sdk.OutcomeRetry, Reason: "later"}
			out[1] = sdk.Outcome{Kind: sdk.OutcomeRejected, Code: "too_long", Reason: "by far"}
		}
		return out, nil
	}
	b.drain()
	var got []string
	for len(tp.Samples()) > 0 {
		s := <-tp.Samples()
		if !slices.Contains(Places("test.sink"), tap.Place{Name: s.Place}) {
			t.Errorf("%s is shown and not among the sink's places", s.Place)
		}
		got = append(got, strings.TrimPrefix(s.Place, "sink.test.sink:")+" "+s.Event.MessageID+" "+s.Detail)
	}
	failure := (&sdk.Failure{Class: sdk.Transient, Err: errors.New("gone")}).Error()
	want := []string{
		"retry a " + failure, "retry b " + failure, "retry c " + failure,
		"retry a later", "failed b too_long: by far", "delivered c ", "delivered a ",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
	b.balanced()
}
