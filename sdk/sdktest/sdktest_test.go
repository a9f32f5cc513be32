package sdktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type config struct {
	Secret string `pb:"secret,required,sensitive" doc:"What requests carry."`
}

// lines is a source whose requests are lines of text: an id and a status.
type lines struct{}

func (lines) Info() sdk.Info {
	return sdk.Info{Name: "lines", Version: "0.1.0", Summary: "Lines of text."}
}

func (lines) Configure(_ context.Context, c *config) (sdk.Auth, error) {
	return sdk.Token{Location: "{header.X-Token}", Values: []string{c.Secret}}, nil
}

func (lines) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i := range in {
		id, status, ok := strings.Cut(string(in[i].Body), " ")
		if !ok || !strings.HasPrefix(id, "id") {
			out.Reject(i, sdk.Malformed, errors.New("no id and status"))
			continue
		}
		e := out.Add(i)
		e.ProviderID, e.ProviderStatus, e.Channel = id, status, sdk.SMS
	}
	return nil
}

func TestSource(t *testing.T) { Source[config](t, lines{}, "testdata") }

// held is a destination.
type held struct {
	mu  sync.Mutex
	ids []sdk.ID
}

func (h *held) read(context.Context) ([]sdk.ID, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ids), nil
}

type memory struct{ held *held }

func (memory) Info() sdk.Info {
	return sdk.Info{Name: "memory", Version: "0.1.0", Summary: "Holds ids.", Sink: sdk.SinkTraits{Idempotency: sdk.Keyed}}
}

func (memory) Open(context.Context, *config) error { return nil }

func (m memory) Write(ctx context.Context, in []sdk.Event, out *sdk.Results) error {
	m.held.mu.Lock()
	defer m.held.mu.Unlock()
	for i := range in {
		if slices.Contains(m.held.ids, in[i].ID) {
			out.Duplicate(i)
			continue
		}
		m.held.ids = append(m.held.ids, in[i].ID)
	}
	return ctx.Err()
}

func (memory) Close(context.Context) error { return nil }

func TestSink(t *testing.T) {
	h := new(held)
	Sink(t, func() sdk.Sink[config] { return memory{h} }, Harness{Config: []byte(`{"secret":"a-secret-value"}`), Read: h.read})
}
