package engine

import (
	"context"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestVerify: a plugin that authenticates is given its time and no more; one that
// answers nobody is ended and comes back (I13).
func TestVerify(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	spec := pluginhost.Spec{Address: "judge.a", Log: zerolog.Nop(), MinBackoff: time.Millisecond}
	if !testCatalog(ctx, t).Launch("source", "judge", &spec) {
		t.Fatal("no plugin serves judge")
	}
	s := &source{
		cfg: &config.Source{Type: "judge", Name: "a", Address: "judge.a", ConfigJSON: []byte("{}")}, answered: make(chan struct{}),
		configured: func() {}, patience: time.Minute,
	}
	spec.Configure = s.configure
	s.proc = pluginhost.New(spec)
	runCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.proc.Run(runCtx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	verify := func(body string) (bool, error) {
		d := (&sdk.Delivery{Method: "POST", ReceivedAt: time.Now(), Body: []byte(body)}).AppendWire(nil)
		return s.verify(ctx, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), d))
	}
	good := func(when string) {
		t.Helper()
		if ok, err := verify("good"); err != nil || !ok {
			t.Fatalf("%s: got %v, %v, want true", when, ok, err)
		}
	}
	good("at first")
	if ok, err := verify("forged"); err != nil || ok {
		t.Errorf("forged: got %v, %v, want false", ok, err)
	}
	pid := s.proc.Status().PID

	s.patience = 100 * time.Millisecond
	s.verified.Store(0)
	if _, err := verify("hang"); err == nil {
		t.Error("hang: got no error, want one")
	}
	s.patience = time.Minute
	good("after one that hangs")
	if now := s.proc.Status().PID; now == pid {
		t.Errorf("the plugin that answers nobody still runs, as %s", now)
	}

	// While others are answered, one that is not costs the plugin nothing.
	pid = s.proc.Status().PID
	s.patience = 2 * time.Second
	slow := make(chan error, 1)
	go func() {
		_, err := verify("slow")
		slow <- err
	}()
	for waiting := true; waiting; {
		good("beside a slow one")
		select {
		case err := <-slow:
			if err == nil {
				t.Error("slow: got no error, want one")
			}
			waiting = false
		default:
		}
	}
	good("after a slow one")
	if now := s.proc.Status().PID; now != pid {
		t.Errorf("a plugin that answers others was ended: got %s, want %s", now, pid)
	}
}
