package main

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"
)

// startTap watches a running core for the way of one event, and returns what
// checks what it has shown.
func startTap(ctx context.Context, t *testing.T, dir string) (check func()) {
	t.Helper()
	cmd := patchbay(ctx, t, "tap", "staged", "sink.*", "--in", "dedup", "-where", `event.message_id == "SM1"`, "-n", "3", "-dir", dir)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(stderr)
	if !said.Scan() || !strings.Contains(said.Text(), "watching") {
		t.Fatalf("tap said %q, want that it watches", said.Text())
	}
	return func() {
		t.Helper()
		var rest []string
		for said.Scan() {
			rest = append(rest, said.Text())
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("tap: %v", err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := []string{"  > pipeline.messaging:dedup ", "  pipeline.messaging:staged ", "  sink.lines.facts:delivered "}
		if len(lines) != len(want) {
			t.Fatalf("tap: got %q, want %d lines", lines, len(want))
		}
		for i, line := range lines {
			if !strings.Contains(line, want[i]) || !strings.Contains(line, " twilio.support  SM1 ") {
				t.Errorf("tap: got %q, want %q of SM1", line, want[i])
			}
		}
		if !strings.HasSuffix(lines[1], "-> lines.facts") {
			t.Errorf("tap: got %q, want the sink", lines[1])
		}
		if got := strings.Join(rest, "\n"); !strings.Contains(got, "3 shown") {
			t.Errorf("tap: it said %q, want how many it showed", got)
		}
	}
}
