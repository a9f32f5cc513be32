package enrich

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/stagetest"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table has rows by key, gives up keys that begin with !, and remembers what it
// was asked.
type table struct {
	rows  map[string]string
	calls [][]string
}

func (x *table) Find(ctx context.Context, keys []string, rows []*expr.Row) (failed []int, err error) {
	x.calls = append(x.calls, keys)
	for i, k := range keys {
		if v, ok := x.rows[k]; ok {
			rows[i] = &expr.Row{Columns: map[string]int{"tier": 0, "city": 1}, Values: strings.Split(v, ",")}
		}
		if strings.HasPrefix(k, "!") {
			failed = append(failed, i)
		}
	}
	return failed, ctx.Err()
}

func newStage(t *testing.T, x Table) *Stage {
	t.Helper()
	s, err := New(&config.Enrich{
		Lookup: &config.Lookup{Address: "csv.crm"}, Key: stagetest.Value(t, "event.customer_id"), Set: []config.Assignment{
			{Field: "account", Value: stagetest.Value(t, "found.tier")},
			{Field: "campaign_id", Value: stagetest.Value(t, "event.account")},
			{Field: "city", Attribute: true, Value: stagetest.Value(t, "upper(found.city)")},
		},
	}, x)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestApply(t *testing.T) {
	t.Parallel()
	x := &table{rows: map[string]string{"c1": "gold,Oslo", "c2": "silver,", "ended": "x,y"}}
	var b stage.Batch
	for _, id := range []string{"c1", "", "c2", "unknown", "!c3", "ended", "c1"} {
		b.Items = append(b.Items, stage.Item{Event: &sdk.Event{CustomerID: id, Account: "before"}})
	}
	b.Items[5].End(journal.Filtered, "filter", "")
	if err := newStage(t, x).Apply(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(x.calls); got != "[[c1 c2 unknown !c3 c1]]" {
		t.Errorf("looked up %s, want the keys of the batch at once", got)
	}
	for i, want := range []string{
		"gold before [{city OSLO}]", // values are computed before any is set
		"before  []",                // no key
		"silver before []",          // null sets nothing
		"before  []",                // no row
		"before  [{lookup_failed csv.crm}]",
		"before  []",
		"gold before [{city OSLO}]",
	} {
		e := b.Items[i].Event
		if got := fmt.Sprint(e.Account, " ", e.CampaignID, " ", e.Attributes); got != want {
			t.Errorf("event %d: got %q, want %q", i, got, want)
		}
	}
}

// TestFailedTwice: an event says which lookups did not answer, each once.
func TestFailedTwice(t *testing.T) {
	t.Parallel()
	e := &sdk.Event{CustomerID: "!"}
	b := &stage.Batch{Items: []stage.Item{{Event: e}}}
	first, second := newStage(t, &table{}), newStage(t, &table{})
	second.name = "sql.b"
	for _, s := range []*Stage{first, first, second} {
		if err := s.Apply(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.Attr(sdk.AttrLookupFailed); got != "csv.crm,sql.b" {
		t.Errorf("got %q, want csv.crm,sql.b", got)
	}
}

// TestStopped: the end of ctx gives the step up, and sets nothing.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := &sdk.Event{CustomerID: "c1"}
	err := newStage(t, &table{rows: map[string]string{"c1": "gold,Oslo"}}).Apply(ctx, &stage.Batch{Items: []stage.Item{{Event: e}}})
	if !errors.Is(err, context.Canceled) || e.Account != "" {
		t.Errorf("got %v and account %q, want %v and none", err, e.Account, context.Canceled)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	c := &config.Enrich{Lookup: &config.Lookup{}, Set: []config.Assignment{{Field: "event_id"}}}
	if _, err := New(c, &table{}); err == nil {
		t.Error("event_id can be set, want an error")
	}
}
