package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// step is one command of a guide, and what it prints there.
type step struct {
	line    int
	command string
	want    []string
}

// steps reads the console blocks of a Markdown file.
func steps(text string) []step {
	var out []step
	inside := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			out = append(out, step{line: i + 1, command: line[2:]})
		case len(out) > 0:
			last := &out[len(out)-1]
			last.want = append(last.want, line)
		}
	}
	return out
}

// matches compares output with what a guide shows: "…" is any text within a
// line, a line "..." is any lines.
func (s *step) matches(got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for _, line := range s.want {
		if line == "..." {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\n`)
	}
	return regexp.MustCompile(pattern.String() + `\z`).MatchString(got)
}

// guide runs the steps of a guide one after the other, in one place, like a
// person at a shell.
type guide struct {
	t   *testing.T
	env []string
	dir string
}

func (g *guide) shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Env, cmd.Dir = g.env, g.dir
	return cmd
}

// start starts a command that goes on, and waits until it is ready.
func (g *guide) start(s step) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := g.shell(ctx, "exec "+strings.TrimSuffix(s.command, " &"))
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		g.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	g.t.Cleanup(func() { cancel(); <-ended })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if out, err := g.shell(ctx, "patchbay status").Output(); err == nil && strings.Contains(string(out), ", ready\n") {
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			g.t.Fatalf("line %d: %s ended:\n%s", s.line, s.command, &log)
		}
	}
}

func (g *guide) step(ctx context.Context, s step) {
	g.t.Helper()
	if name, value, ok := strings.Cut(strings.TrimPrefix(s.command, "export "), "="); ok && strings.HasPrefix(s.command, "export ") {
		g.env = append(g.env, name+"="+value)
		return
	}
	if dir, ok := strings.CutPrefix(s.command, "cd "); ok {
		g.dir = filepath.Join(g.dir, dir)
		g.freePorts()
		return
	}
	if strings.HasSuffix(s.command, " &") {
		g.start(s)
		return
	}
	// What is processed in the background may take a moment to show.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := g.shell(ctx, s.command).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			g.t.Fatalf("line %d: %s: %v", s.line, s.command, err)
		}
		if err == nil && s.matches(string(out)) {
			return
		}
		looks := strings.HasPrefix(s.command, "patchbay explain") || strings.HasPrefix(s.command, "patchbay account")
		select {
		case <-tick.C:
		case <-ctx.Done():
			looks = false
		}
		if !looks {
			g.t.Fatalf("line %d: %s (%v)\ngot\n%s\nwant\n%s", s.line, s.command, err, out, strings.Join(s.want, "\n"))
		}
	}
}

// freePorts lets the system choose the ports: others may be at work here.
func (g *guide) freePorts() {
	g.t.Helper()
	name := filepath.Join(g.dir, "patchbay.hcl")
	data, err := os.ReadFile(name)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, port := range []string{"8080", "9090"} {
		from := fmt.Sprintf("listen = %q", "127.0.0.1:"+port)
		if !bytes.Contains(data, []byte(from)) {
			g.t.Fatalf("%s: no %s", name, from)
		}
		data = bytes.ReplaceAll(data, []byte(from), []byte(`listen = "127.0.0.1:0"`))
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// TestQuickstart does what docs/quickstart.md says, with the programs as they are
// shipped, and compares what they print.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds the programs")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	text, err := os.ReadFile("../../../docs/quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if _, err := lab.Build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := &guide{t: t, dir: t.TempDir(), env: append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))}
	all := steps(string(text))
	if len(all) < 10 {
		t.Fatalf("got %d commands, want the guide's", len(all))
	}
	for _, s := range all {
		g.step(ctx, s)
	}
}

// TestStepMatches: the comparison itself can fail.
func TestStepMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want []string
		got  string
		ok   bool
	}{
		{[]string{"a … c"}, "a b c\n", true},
		{[]string{"a … c"}, "a b d\n", false},
		{[]string{"a", "...", "z"}, "a\nb\nc\nz\n", true},
		{[]string{"a", "...", "z"}, "a\nb\nc\n", false},
		{nil, "", true},
		{nil, "unexpected\n", false},
		{[]string{"a.c"}, "abc\n", false},
	} {
		s := step{want: test.want}
		if got := s.matches(test.got); got != test.ok {
			t.Errorf("%q against %q: got %v, want %v", test.want, test.got, got, test.ok)
		}
	}
}
