package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// watching asks a core for its events and returns its lines. The first, which
// says that the tap is open, has been taken.
func watching(ctx context.Context, t *testing.T, c *Client, q url.Values) (lines <-chan TapLine, ended <-chan error) {
	t.Helper()
	out, done := make(chan TapLine, 100), make(chan error, 1)
	go func() {
		done <- c.Stream(ctx, "tap", q, func(line []byte) error {
			var x TapLine
			if err := json.Unmarshal(line, &x); err != nil {
				return err
			}
			out <- x
			return nil
		})
	}()
	select {
	case x := <-out:
		if x.Counts == nil {
			t.Errorf("first line: got %+v, want counts", x)
		}
	case err := <-done:
		t.Fatalf("it ended at once: %v", err)
	}
	return out, done
}

// pass has an event pass a place.
func pass(h *tap.Hub, place string) {
	rec := h.Begin()
	e := &sdk.Event{
		ID: sdk.ID{1}, MessageID: "SM1", Recipient: phone, Channel: sdk.SMS, Type: sdk.Delivered, Source: "twilio.support",
		SourcePayload: []byte("To=" + phone),
	}
	e.Attributes.Set(sdk.AttrText, "call "+phone)
	rec.At(place, false).Add(e, tap.Note{Outcome: "filtered", Detail: "of " + phone, Sinks: []string{"kafka.stream"}})
	rec.Publish()
}

func TestTap(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	c, err := Connect(context.Background(), serve(t, s, token))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines, ended := watching(ctx, t, c, url.Values{"out": {"staged"}, "where": {`event.channel == "sms"`}})
	pass(&core.tap, "pipeline.messaging:ended")
	pass(&core.tap, "pipeline.messaging:staged")
	x := (<-lines).Event
	for x == nil { // counts come every second
		x = (<-lines).Event
	}
	if x.Place != "pipeline.messaging:staged" || x.Direction != "out" || x.Event.MessageID != "SM1" || x.Outcome != "filtered" {
		t.Errorf("got %+v", x)
	}
	if data, err := json.Marshal(x); err != nil || strings.Contains(string(data), phone[1:]) { // I14
		t.Errorf("personal data is shown: %s, %v", data, err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the end: got %v, want canceled", err)
	}
	// The client's end is the tap's.
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for core.tap.Begin() != nil {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("the tap is open although its client has gone")
		}
	}
}

// The end of the core is the end of its taps, at once.
func TestTapEnds(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	var ended <-chan error
	t.Run("serve", func(t *testing.T) {
		c, err := Connect(context.Background(), serve(t, s, token))
		if err != nil {
			t.Fatal(err)
		}
		_, ended = watching(context.Background(), t, c, nil)
	}) // the server ends here, and reports if it had to be patient
	if err := <-ended; err != nil {
		t.Errorf("got %v, want none", err)
	}
}

func TestTapRefused(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	c, err := Connect(context.Background(), serve(t, s, token))
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]url.Values{
		"pattern": {"out": {"["}}, "place": {"out": {"staged", "pipeline.sales:*"}}, "idle sink": {"out": {"sink.kafka.spare"}}, "no stage": {"in": {"staged"}},
		"condition": {"where": {"event.chanel"}}, "query": {"in": {""}},
	} {
		var refused *Error
		if err := c.Stream(context.Background(), "tap", q, nil); !errors.As(err, &refused) || refused.Code != "invalid" {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	for range tap.MaxTaps {
		tp, err := core.tap.Open(tap.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		defer tp.Close()
	}
	var refused *Error
	if err := c.Stream(context.Background(), "tap", nil, nil); !errors.As(err, &refused) || refused.Code != "busy" {
		t.Errorf("one too many: got %v, want busy", err)
	}
	if w := ask(s, "GET", "/api/v1/tap", nil); w.Code != 401 {
		t.Errorf("without the token: got %d, want 401", w.Code)
	}
}

// What a pipeline's stages are is known once it has begun to work. Before that a
// tap is not refused for a stage that nobody has heard of.
func TestTapPlaces(t *testing.T) {
	t.Parallel()
	before, _, _ := setup(t)
	core := &fakeCore{j: before.j}
	s := New(core, prometheus.NewRegistry(), zerolog.Nop(), token)
	if got, known := s.places(); known {
		t.Errorf("before the pipeline works: got %v, want that they are not known", got)
	}
	core.tap.Declare("messaging", []string{"dedup", "enrich.crm"})
	got, known := s.places()
	const want = "[{pipeline.messaging:parsed false} {pipeline.messaging:dedup true} {pipeline.messaging:enrich.crm true} " +
		"{pipeline.messaging:staged false} {pipeline.messaging:ended false} {sink.kafka.stream:delivered false} " +
		"{sink.kafka.stream:retry false} {sink.kafka.stream:failed false}]"
	if fmt.Sprint(got) != want || !known {
		t.Errorf("got %v, %t, want %s", got, known, want)
	}
}

// A core that is killed leaves its tap's answer unfinished: that is no end.
func TestTapBreaksOff(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			succeed(w, map[string]string{"status": "alive"})
			return
		}
		fmt.Fprintln(w, `{"counts":{}}`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer srv.Close()
	c, err := Connect(context.Background(), writeFile(t, File{Addr: srv.Listener.Addr().String(), Token: token}))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Stream(context.Background(), "tap", nil, func([]byte) error { return nil })
	if !errors.Is(err, ErrNoCore) {
		t.Errorf("got %v, want %v", err, ErrNoCore)
	}
}
