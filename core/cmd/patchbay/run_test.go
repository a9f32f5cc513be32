package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const runConfig = `receiver { listen = "127.0.0.1:0" }
admin { listen = "127.0.0.1:0" }
source "twilio" "support" {
  auth_token = secret("env:TW")
}
sink "lines" "facts" {
  path = "lines.txt"
}
pipeline "messaging" {
  from = [source.twilio.support]
  dedup { window = "72h" }
  to = [sink.lines.facts]
}
`

const runSecret = "a-secret-of-the-test"

// process is a patchbay that runs as a child.
type process struct {
	cmd  *exec.Cmd
	log  bytes.Buffer // read it after done
	seen chan string
	done chan error
}

func patchbay(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("patchbay")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "TW="+runSecret, envPluginDirs+"="+pluginDir(t))
	return cmd
}

// startRun starts `patchbay run dir` and returns once source and sink work.
func startRun(ctx context.Context, t *testing.T, dir string) *process {
	t.Helper()
	p := &process{cmd: patchbay(ctx, t, "run", dir), seen: make(chan string, 1000), done: make(chan error, 1)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.seen)
		sc := bufio.NewScanner(io.TeeReader(stderr, &p.log))
		for sc.Scan() {
			p.seen <- sc.Text()
		}
		p.done <- p.cmd.Wait()
	}()
	plugins := 0
	for line := range p.seen {
		if strings.Contains(line, "plugin running") {
			plugins++
		}
		if plugins == 2 {
			go func() {
				for range p.seen { // what follows is in log
				}
			}()
			return p
		}
	}
	<-p.done
	t.Fatalf("patchbay ended:\n%s", p.log.String())
	return nil
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err != nil {
		t.Errorf("patchbay run: got %v, want exit code 0\n%s", err, p.log.String())
	}
}

// One message from the provider's request to the sink, told by a running core
// and by its journal afterwards.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(runConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startRun(ctx, t, dir)
	say := func(wantExit int, want string, args ...string) {
		t.Helper()
		cmd := patchbay(ctx, t, append(args, "-dir", dir)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != wantExit || !strings.Contains(string(out), want) {
			t.Errorf("patchbay %q: got exit code %d and\n%s\nwant %d and %q", args, got, out, wantExit, want)
		}
		if strings.Contains(string(out), runSecret) {
			t.Errorf("patchbay %q shows the secret", args)
		}
	}
	// A second core on the same data directory is turned away.
	second := patchbay(ctx, t, "run", dir)
	if out, _ := second.CombinedOutput(); second.ProcessState.ExitCode() != exitUnreachable {
		t.Errorf("second core: got exit code %d, want %d\n%s", second.ProcessState.ExitCode(), exitUnreachable, out)
	}
	say(exitInvalid, `no place matches "pipeline.messaging:dedupe"; did you mean "pipeline.messaging:dedup"?`, "tap", "pipeline.messaging:dedupe")
	tapped := startTap(ctx, t, dir)
	say(0, "200 accepted", "trigger", "twilio", "delivered", "-set", "MessageSid=SM1")
	tapped()
	say(0, "200 accepted", "trigger", "twilio", "delivered", "-set", "MessageSid=SM1")
	say(0, "200 accepted", "trigger", "twilio", "delivered", "-set", "MessageSid=refuse1")
	say(0, "200 accepted", "trigger", "twilio", "delivered", "-set", "MessageSid=")
	until(ctx, t, func() bool {
		cmd := patchbay(ctx, t, "account", "-json", "-dir", dir)
		out, _ := cmd.Output()
		return strings.Contains(string(out), `"parsed":4`) && strings.Contains(string(out), `"waiting":0`)
	})
	say(0, "delivered     sink.lines.facts", "explain", "SM1")
	say(0, "duplicate     pipeline.messaging", "explain", "SM1")
	say(0, "(open), too_ugly", "explain", "refuse1")
	say(0, "malformed: no MessageSid", "explain", "twilio.support/3")
	say(0, "Everything adds up.", "account")
	say(0, "running", "status")
	say(exitInvalid, "refused again", "dlq", "retry", "-code", "too_ugly", "-yes")
	say(exitInvalid, "refused again", "dlq", "retry", "-code", "malformed", "-yes")
	say(0, "discarded", "dlq", "discard", "-sink", "lines.facts", "-yes")
	say(0, "Everything adds up.", "account")
	p.stop(t)
	if strings.Contains(p.log.String(), runSecret) {
		t.Errorf("the log shows the secret:\n%s", p.log.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "admin.json")); !os.IsNotExist(err) {
		t.Errorf("admin.json after the end: got %v, want none", err)
	}
	say(0, "delivered     sink.lines.facts", "explain", "SM1")
	say(0, "The journal is sound.", "journal", "verify")
	lines, err := os.ReadFile(filepath.Join(dir, "lines.txt"))
	if err != nil || string(lines) != "SM1\n" {
		t.Errorf("the sink has %q, %v, want SM1 once", lines, err)
	}
}

// until waits for something that only asking again can tell.
func until(ctx context.Context, t *testing.T, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen in time")
		}
	}
}
