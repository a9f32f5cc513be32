package sdk

import (
	"context"
	"errors"
	"testing"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

type checkedConfig struct {
	Name string `pb:"name" doc:"A name."`
}

// checkedSink says what it is told to and counts its opens.
type checkedSink struct {
	checked, opened error
	opens           int
}

func (s *checkedSink) Info() Info                                     { return Info{Name: "checked"} }
func (s *checkedSink) Check(*checkedConfig) error                     { return s.checked }
func (s *checkedSink) Open(context.Context, *checkedConfig) error     { s.opens++; return s.opened }
func (s *checkedSink) Write(context.Context, []Event, *Results) error { return nil }
func (s *checkedSink) Close(context.Context) error                    { return nil }

func TestOpenAfterCheck(t *testing.T) {
	t.Parallel()
	warning := &ConfigProblem{Path: "name", Summary: "odd", Warning: true}
	for _, tc := range []struct {
		name            string
		checked, opened error
		checkOnly       bool
		opens, diags    int
		failed          bool
	}{
		{name: "nothing wrong", opens: 1},
		{name: "a warning still opens", checked: warning, opens: 1, diags: 1},
		{name: "a warning and a failure to connect", checked: warning, opened: errors.New("refused"), opens: 1, diags: 1, failed: true},
		{name: "a problem does not", checked: Problem("name", "bad", ""), diags: 1},
		{name: "a problem beside a warning", checked: errors.Join(warning, Problem("name", "bad", "")), diags: 2},
		{name: "another error does not", checked: errors.New("broken"), failed: true},
		{name: "check only", checked: warning, checkOnly: true, diags: 1},
	} {
		s := &checkedSink{checked: tc.checked, opened: tc.opened}
		out, err := (&sinkServer[checkedConfig]{s: s}).Open(t.Context(), &wire.ConfigureRequest{CheckOnly: tc.checkOnly})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if s.opens != tc.opens || len(out.Diagnostics) != tc.diags || (out.Failure != nil) != tc.failed {
			t.Errorf("%s: got %d opens, %d diagnostics, failure %v, want %d, %d, %v",
				tc.name, s.opens, len(out.Diagnostics), out.Failure, tc.opens, tc.diags, tc.failed)
		}
	}
}
