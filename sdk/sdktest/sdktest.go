package sdktest

import (
	"context"
	"flag"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest/suite"
	"go.uber.org/goleak"
)

// What tests of plugins need of package suite.
type (
	// Harness is a sink's destination, as the suite sees it.
	Harness = suite.Harness
	// Disturbance is how a destination misbehaves.
	Disturbance = suite.Disturbance
	// Case is one captured request.
	Case = suite.Case
	// Connection is a plugin served in process.
	Connection = suite.Connection
)

// How a destination misbehaves; Harness.Disturb has what is expected of a sink.
const (
	Down      = suite.Down
	Throttled = suite.Throttled
	Severed   = suite.Severed
)

// Connect serves types in process over gRPC; the caller closes the connection.
func Connect(types ...sdk.Type) (*Connection, error) { return suite.Connect(types...) }

// LoadCases reads the cases of a folder and the folder's config.json.
func LoadCases(dir string) (cases []Case, config []byte, err error) { return suite.LoadCases(dir) }

// ParseCase reads one case.
func ParseCase(data []byte) (*Case, error) { return suite.ParseCase(data) }

// update is the flag -update. It is the one flag of this package, and the reason
// for its only package variable: the testing package parses flags once.
var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// testReporter is a Reporter for go test.
type testReporter struct{ t *testing.T }

func (r testReporter) Errorf(format string, args ...any) { r.t.Helper(); r.t.Errorf(format, args...) }
func (r testReporter) Logf(format string, args ...any)   { r.t.Helper(); r.t.Logf(format, args...) }
func (r testReporter) Skipf(format string, args ...any)  { r.t.Helper(); r.t.Skipf(format, args...) }

func (r testReporter) Run(name string, check func(suite.Reporter)) bool {
	return r.t.Run(name, func(t *testing.T) { check(testReporter{t}) })
}

// Source proves that s keeps the contract of sdk.Source, with the captured
// requests in dir. It looks for goroutines left behind, so the test that calls
// it must not be parallel.
func Source[C any](t *testing.T, s sdk.Source[C], dir string) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	conn, err := Connect(sdk.SourceType(s))
	if err != nil {
		t.Fatal(err)
	}
	checks := &suite.Source{Client: conn.Client, Type: s.Info().Name, Dir: dir, Update: *update, Log: conn.Log, Parse: s.Parse}
	checks.Run(t.Context(), testReporter{t})
	if err := conn.Close(); err != nil {
		t.Errorf("close the connection: %v", err)
	}
	if err := goleak.Find(before); err != nil {
		t.Errorf("the source leaves goroutines behind: %v", err)
	}
}

// Sink proves that the sinks that newSink returns keep the contract of sdk.Sink.
// It looks for goroutines left behind, so the test that calls it must not be
// parallel. What a crash does is played in process: the connection is cut in the
// middle of a call, and a new sink takes over. `patchbay plugin test` does it to
// the real program, with SIGKILL.
func Sink[C any](t *testing.T, newSink func() sdk.Sink[C], h Harness) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	var conns []*Connection
	checks := &suite.Sink{
		Type: newSink().Info().Name, Harness: h,
		Start: func(context.Context) (*suite.Plugin, error) {
			c, err := Connect(sdk.SinkType(newSink()))
			if err != nil {
				return nil, err
			}
			conns = append(conns, c)
			return c.Plugin(), nil
		},
		Log: func() []byte {
			var all []byte
			for _, c := range conns {
				all = append(all, c.Log()...)
			}
			return all
		},
	}
	checks.Run(t.Context(), testReporter{t})
	if err := goleak.Find(before); err != nil {
		t.Errorf("the sink leaves goroutines behind: %v", err)
	}
}
