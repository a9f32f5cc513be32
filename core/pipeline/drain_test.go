package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/journal"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.lane.o.MaxRequests = 2 // several batches
	b.receive("1 sent", "2 delivered", "garbage", "poison", "3 read")
	if err := b.lane.Drain(context.Background()); err != nil {
		t.Fatalf("drain: %v", err)
	}
	if got, want := b.words(), "sent delivered read"; got != want {
		t.Errorf("staged: got %q, want %q", got, want)
	}
	var codes []string
	for _, d := range b.dead() {
		codes = append(codes, d.Code)
	}
	if got, want := strings.Join(codes, " "), "garbage "+CodePluginFailed; got != want {
		t.Errorf("dead letters: got %q, want %q", got, want)
	}
	b.balanced()
}

// A plugin that parses nothing is an error at once, and the requests stay.
func TestDrainHeld(t *testing.T) {
	t.Parallel()
	b := cleanBed(t, nil)
	b.receive("poison")
	err := b.lane.Drain(context.Background())
	if !errors.Is(err, errHeld) || !strings.Contains(err.Error(), "plugin panicked: poison") {
		t.Errorf("got %v, want the plugin's own words", err)
	}
	if got := b.j.Cursor(b.lane.cursor).Offset; got != 0 {
		t.Errorf("cursor: got %d, want 0", got)
	}
	if got := b.count(journal.Parsed); got != 0 {
		t.Errorf("parsed: got %d, want 0", got)
	}
}
