package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/tap"
)

// mark sets an attribute, and ends the events with a certain word.
type mark struct{ name, ends string }

func (m mark) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		it := &b.Items[i]
		if it.Outcome != 0 {
			continue
		}
		it.Event.Attributes.Set("seen", it.Event.Attr("seen")+m.name)
		if it.Event.ProviderStatus == m.ends {
			it.End(journal.Filtered, "filter", "main.hcl:1")
		}
	}
	return nil
}

// watched is a bed with two stages, and a tap on it.
func watched(t *testing.T, s tap.Spec) (*bed, *tap.Tap) {
	t.Helper()
	b := cleanBed(t, func(*bed) []stage.Stage { return []stage.Stage{mark{"1", "one"}, mark{"2", "two"}} })
	b.lane.o.Names, b.lane.o.Tap = []string{"filter", "filter.2"}, new(tap.Hub)
	tp, err := b.lane.o.Tap.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tp.Close)
	return b, tp
}

// story tells what a tap shows, a line each.
func story(tp *tap.Tap) string {
	var out []string
	for {
		select {
		case s := <-tp.Samples():
			_, place, _ := strings.Cut(s.Place, ":")
			if s.In {
				place = "> " + place
			}
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s", place, s.Event.ProviderStatus, s.Event.Attr("seen"), s.Outcome,
				s.Detail, strings.Join(s.Sinks, ","))))
		default:
			return strings.Join(out, "\n")
		}
	}
}

// Each event is seen at each place as it was there, and not after its end.
func TestTap(t *testing.T) {
	t.Parallel()
	b, tp := watched(t, tap.Spec{In: []string{"*"}, Out: []string{"*"}})
	b.receive("1 one\n2 two\n3 three", "garbage", "ping")
	b.work(10)
	got := strings.Join(strings.Fields(strings.ReplaceAll(story(tp), "\n", " | ")), " ")
	want := strings.Join([]string{
		"parsed one", "parsed two", "parsed three",
		"> filter one", "> filter two", "> filter three",
		"filter one 1 filtered filter: main.hcl:1", "filter two 1", "filter three 1",
		"> filter.2 two 1", "> filter.2 three 1",
		"filter.2 two 12 filtered filter: main.hcl:1", "filter.2 three 12",
		"ended one filtered filter: main.hcl:1", "ended two filtered filter: main.hcl:1", "staged three 12 staged k",
		"ended dead_lettered parse: dead letter 1: garbage", "ended ignored parse: ping",
	}, " | ")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(got, " | ", "\n"), strings.ReplaceAll(want, " | ", "\n"))
	}
	b.balanced()
}

// What a lane shows is shown at the places that there are said to be.
func TestPlaces(t *testing.T) {
	t.Parallel()
	b, tp := watched(t, tap.Spec{In: []string{"*"}, Out: []string{"*"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.lane.Run(ctx); err != nil {
		t.Fatal(err)
	}
	stages, declared := b.lane.o.Tap.Stages("p")
	if !declared {
		t.Fatal("a lane that runs has not said what its stages are")
	}
	b.receive("1 one\n3 three")
	b.work(10)
	var seen []tap.Place
	for len(tp.Samples()) > 0 {
		s := <-tp.Samples()
		p := tap.Place{Name: s.Place, Stage: strings.Contains(s.Place, ":filter")}
		if !slices.Contains(seen, p) {
			seen = append(seen, p)
		}
	}
	places := Places("p", stages)
	for _, p := range seen {
		if !slices.Contains(places, p) {
			t.Errorf("%v is shown and not among the places %v", p, places)
		}
	}
	if len(seen) != len(places) {
		t.Errorf("shown at %v, want all of %v", seen, places)
	}
}

// A step that is not committed has not happened: nobody sees it (I2).
func TestTapShowsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil)
	b.lane.o.Tap = new(tap.Hub)
	tp, err := b.lane.o.Tap.Open(tap.Spec{Out: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer tp.Close()
	b.receive("1 sent")
	es, err := b.raw.Read(0, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.lane.parser.parse(t.Context(), es)
	if err != nil {
		t.Fatal(err)
	}
	b.close()
	if err := b.lane.commit(t.Context(), p); err == nil {
		t.Error("commit: got no error of a closed journal")
	}
	if got := story(tp); got != "" {
		t.Errorf("I2: got %q, want nothing", got)
	}
}

// Nobody reads the tap: the lane goes on, and what was not shown is counted.
func TestTapSlowReader(t *testing.T) {
	t.Parallel()
	b, tp := watched(t, tap.Spec{})
	const requests, lines = 50, 100
	for r := range requests {
		var body []string
		for i := range lines {
			body = append(body, fmt.Sprintf("%d-%d sent", r, i))
		}
		b.receive(strings.Join(body, "\n"))
	}
	b.work(10)
	if got := len(b.staged()); got != requests*lines {
		t.Errorf("staged: got %d, want %d", got, requests*lines)
	}
	c := tp.Counts()
	if waiting := uint64(len(tp.Samples())); c.Passed != requests*lines || c.NotShown != c.Passed-waiting || waiting == 0 {
		t.Errorf("got %+v with %d waiting, want %d passed and the rest not shown", c, waiting, requests*lines)
	}
	b.balanced()
}

func TestStageNames(t *testing.T) {
	t.Parallel()
	p := &config.Pipeline{Stages: []config.Stage{
		{Kind: "dedup"}, {Kind: "filter"}, {Kind: "enrich", Label: "crm"}, {Kind: "filter"}, {Kind: "filter"}, {Kind: "route", Label: "crm"},
	}}
	want := []string{"dedup", "filter", "enrich.crm", "filter.2", "filter.3", "route.crm"}
	if got := StageNames(p); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkStep is what a batch of 512 events costs, with nobody watching and
// with a tap that nobody reads. The first must be as before there were taps.
func BenchmarkStep(b *testing.B) {
	for _, watch := range []bool{false, true} {
		b.Run(fmt.Sprintf("watched=%v", watch), func(b *testing.B) {
			bed := newBed(b, func(*bed) []stage.Stage { return []stage.Stage{mark{"1", "one"}, mark{"2", "two"}} })
			defer bed.close()
			bed.lane.o.Names, bed.lane.o.Tap = []string{"filter", "filter.2"}, new(tap.Hub)
			if watch {
				tp, err := bed.lane.o.Tap.Open(tap.Spec{In: []string{"*"}, Out: []string{"*"}})
				if err != nil {
					b.Fatal(err)
				}
				defer tp.Close()
			}
			for i := range 512 {
				bed.receive(fmt.Sprintf("%d sent", i))
			}
			es, err := bed.raw.Read(0, 512, 1<<20)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				p, err := bed.lane.parser.parse(b.Context(), es)
				if err != nil {
					b.Fatal(err)
				}
				tx := bed.j.Begin()
				if err := bed.lane.step(b.Context(), tx, p, nil, bed.lane.o.Tap.Begin()); err != nil {
					b.Fatal(err)
				}
				tx.Discard()
			}
		})
	}
}
