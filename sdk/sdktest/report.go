package sdktest

import (
	"flag"
	"testing"
)

// update is the flag -update. It is the one flag of this package, and the reason
// for its only package variable: the testing package parses flags once.
var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Reporter is told what a suite finds. Checks end by returning: a Reporter need
// not be able to stop one.
type Reporter interface {
	// Errorf reports that the plugin breaks the contract. The suite goes on.
	Errorf(format string, args ...any)
	// Logf reports what a person may want to know.
	Logf(format string, args ...any)
	// Run runs one named check and reports whether it passed.
	Run(name string, check func(Reporter)) bool
}

// testReporter is a Reporter for go test.
type testReporter struct{ t *testing.T }

func (r testReporter) Errorf(format string, args ...any) { r.t.Helper(); r.t.Errorf(format, args...) }
func (r testReporter) Logf(format string, args ...any)   { r.t.Helper(); r.t.Logf(format, args...) }

func (r testReporter) Run(name string, check func(Reporter)) bool {
	return r.t.Run(name, func(t *testing.T) { check(testReporter{t}) })
}
