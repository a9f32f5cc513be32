package pipeline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/redact"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// withRecipient has the plugin report the word of each line as the recipient.
func withRecipient(ds []sdk.Delivery) (*wire.ParseResponse, error) {
	out, err := parseLines(ds)
	for _, e := range out.GetEvents() {
		e.Recipient, e.MessageId, e.ProviderStatus = e.ProviderStatus, "", "sent"
	}
	return out, err
}

// TestRedacted: nothing of what is redacted is staged, in no part of an entry or
// its summary; the event's id and place in the order stay; the raw log keeps the
// request.
func TestRedacted(t *testing.T) {
	t.Parallel()
	const number, body = "+447700900123", "1 +447700900123\n2 +447700900123\n3 +15550001111"
	plain := cleanBed(t, nil)
	hidden := cleanBed(t, func(*bed) []stage.Stage {
		s, err := redact.New(&config.Redact{Key: []byte("0123456789abcdef"), Rules: []config.Redaction{{Action: config.Tokenize, Field: "recipient"}}})
		if err != nil {
			t.Fatal(err)
		}
		return []stage.Stage{s}
	})
	for _, b := range []*bed{plain, hidden} {
		b.plugin.parse = withRecipient
		b.receive(body)
		b.work(10)
		b.balanced()
	}
	before, after := plain.entries(), hidden.entries()
	if len(before) != 3 || len(after) != 3 {
		t.Fatalf("entries: got %d and %d, want 3", len(before), len(after))
	}
	for i := range after {
		b, a := before[i], after[i]
		if a.event.ID != b.event.ID || a.meta.Order != b.meta.Order {
			t.Errorf("event %d: got id %s, order %d, want %s, %d", i, a.event.ID, a.meta.Order, b.event.ID, b.meta.Order)
		}
		if !strings.HasPrefix(a.event.Recipient, "tok_") || len(a.event.SourcePayload) != 0 || a.event.Attr(sdk.AttrPayloadRemoved) == "" {
			t.Errorf("event %d: got recipient %s, payload %s, want a token and no text that can't be read", i, a.event.Recipient, a.event.SourcePayload)
		}
	}
	if after[0].meta.Order != after[1].meta.Order || after[0].meta.Order == after[2].meta.Order {
		t.Errorf("I5: orders %d, %d, %d, want two alike", after[0].meta.Order, after[1].meta.Order, after[2].meta.Order)
	}
	es, err := hidden.out.Read(0, 10, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		if bytes.Contains(e.Body, []byte(number[1:])) || bytes.Contains(e.Meta, []byte(number[1:])) {
			t.Errorf("entry %d holds the number", e.Offset)
		}
	}
	raw, err := hidden.raw.Read(0, 1, 1<<20)
	if err != nil || !bytes.Contains(raw[0].Body, []byte(number)) {
		t.Errorf("the raw log lost the request: %v", err)
	}
}

// waiting is a stage that waits for as long as its lookup is away.
type waiting struct {
	entered chan struct{}
}

func (w *waiting) Apply(ctx context.Context, _ *stage.Batch) error {
	close(w.entered)
	<-ctx.Done()
	return ctx.Err()
}

// TestWaitingStageStops proves I7 and I17: a lane that waits within a stage ends
// at once when it is told to, leaves nothing of the step behind, and begins it
// again afterwards.
func TestWaitingStageStops(t *testing.T) {
	t.Parallel()
	w := &waiting{entered: make(chan struct{})}
	stages := []stage.Stage{w}
	b := cleanBed(t, func(*bed) []stage.Stage { return stages })
	b.receive("1 a", "2 b")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.lane.Run(ctx) }()
	<-w.entered
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if c := b.j.Cursor(b.lane.cursor).Offset; c != 0 || len(b.entries()) != 0 {
		t.Errorf("cursor %d, %d entries, want 0 and none", c, len(b.entries()))
	}
	stages = nil
	b.restart(b.fs)
	b.work(10)
	if got := b.words(); got != "a b" {
		t.Errorf("afterwards: got %q, want a b", got)
	}
	b.balanced()
}
