package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// rewrite replaces a configuration at once: whoever reads it sees the old one or
// the new one.
func rewrite(t *testing.T, dir, text string) {
	t.Helper()
	name := filepath.Join(dir, "main.hcl")
	err := os.WriteFile(name+".tmp", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(name+".tmp", name)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Plan, apply and reload against a core that runs.
func TestChange(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	rewrite(t, dir, runConfig)
	p := startRun(ctx, t, dir)
	say := func(wantExit int, want string, args ...string) string {
		t.Helper()
		cmd := patchbay(ctx, t, args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != wantExit || !strings.Contains(string(out), want) {
			t.Errorf("patchbay %q: got exit code %d and\n%s\nwant %d and %q", args, got, out, wantExit, want)
		}
		if strings.Contains(string(out), runSecret) {
			t.Errorf("patchbay %q shows the secret", args)
		}
		return string(out)
	}
	say(exitOK, "Nothing would change", "plan", dir)
	say(exitOK, `"changes":[]`, "plan", dir, "-json")

	changed := strings.Replace(runConfig, "72h", "96h", 1)
	rewrite(t, dir, changed)
	out := say(exitDifferences, "pipeline.messaging  ~ dedup.window 72h -> 96h  in place, window grows from now on", "plan", dir)
	id := regexp.MustCompile(`patchbay apply ([0-9a-f]{10})`).FindStringSubmatch(out)
	if id == nil {
		t.Fatalf("plan says no id:\n%s", out)
	}
	say(exitDifferences, `"command":"plan","data":{"plan":{"id":"`+id[1]+`"`, "plan", dir, "-json")
	say(exitDifferences, "nothing was done: add --yes", "apply", dir)
	rewrite(t, dir, strings.Replace(changed, "lines.txt", "other.txt", 1))
	say(exitInvalid, "plan again", "apply", id[1], dir)
	rewrite(t, dir, changed)
	say(exitOK, "Applied: 1 in place, 0 restarts, 0 removed. Configuration 2 is at work.", "apply", id[1], dir)
	say(exitOK, "Nothing would change", "plan", dir)

	broken := strings.Replace(changed, "sink.lines.facts", "sink.lines.fact", 1)
	rewrite(t, dir, broken)
	say(exitInvalid, `Did you mean "sink.lines.facts"?`, "plan", dir)
	say(exitInvalid, "the last good one goes on", "reload", dir)
	say(exitInvalid, `"code":"invalid_configuration"`, "apply", "-yes", "-json", dir)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, func() bool {
		out, _ := patchbay(ctx, t, "status", "-json", "-dir", dir).Output()
		return strings.Contains(string(out), `"failures":3`) || strings.Contains(string(out), `"failures":2`)
	})
	say(exitOK, "main.hcl:12:9: PB2105: unknown sink", "status", "-dir", dir)

	rewrite(t, dir, strings.Replace(changed, "a-secret", "", 1)+"\nsink \"lines\" \"more\" { path = \"more.txt\" }\n")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, func() bool {
		out, _ := patchbay(ctx, t, "status", "-json", "-dir", dir).Output()
		return strings.Contains(string(out), `"generation":3`)
	})
	say(exitOK, "configuration 3, at work for", "status", "-dir", dir)
	say(exitOK, "Nothing changed. Configuration 3 is at work.", "reload", dir)
	say(exitInvalid, "nothing can be given up", "apply", "-yes", "-discard-queue", "sink.lines.more", dir)
	say(exitInvalid, "too much", "apply", id[1], dir, "more")
	p.stop(t)
	say(exitUnreachable, "patchbay validate", "plan", dir)
	if strings.Contains(p.log.String(), runSecret) {
		t.Errorf("the log shows the secret:\n%s", p.log.String())
	}
}

// sender sends messages one after the other until it is stopped, whatever
// becomes of the core, and remembers those that were acknowledged.
type sender struct {
	acked []string
	stop  chan struct{}
	wg    sync.WaitGroup
}

func (s *sender) run(addr string) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		tw := lab.NewTwilio(runSecret, "https://hooks.example.com/hooks/twilio/support")
		var conn *lab.Conn
		for n := 0; ; n++ {
			select {
			case <-s.stop:
				if conn != nil {
					_ = conn.Close()
				}
				return
			default:
			}
			var err error
			if conn == nil {
				if conn, err = lab.Dial(addr); err != nil {
					conn = nil
					continue
				}
			}
			sid := lab.SID(11, n)
			status, err := conn.Do(tw.AppendStatus(nil, addr, "/hooks/twilio/support", sid, "delivered"))
			if err != nil {
				_ = conn.Close()
				conn = nil
			} else if status == 200 {
				s.acked = append(s.acked, sid)
			}
		}
	}()
}

// A core that is killed while it changes its configuration leaves a journal that
// any of the configurations goes on from: nothing acknowledged is missing, and
// the ledger adds up (F01, F29).
func TestKillDuringChange(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	addr, err := lab.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	first := strings.Replace(runConfig, `receiver { listen = "127.0.0.1:0" }`,
		fmt.Sprintf("receiver {\n  listen = %q\n  public_url = \"https://hooks.example.com\"\n}", addr), 1)
	more := strings.Replace(first, "to = [sink.lines.facts]", "filter { when = event.message_id != \"x\" }\n  to = [sink.lines.facts, sink.lines.more]", 1) +
		"sink \"lines\" \"more\" { path = \"more.txt\" }\n"
	texts := []string{
		first, more, strings.Replace(first, "72h", "24h", 1), strings.Replace(more, "72h", "100h", 1),
		strings.Replace(first, `path = "lines.txt"`, "path = \"./lines.txt\"\n  batch { max_events = 2 }", 1),
	}
	dir := t.TempDir()
	rewrite(t, dir, first)
	s := &sender{stop: make(chan struct{})}
	s.run(addr)
	for range 8 {
		p := startRun(ctx, t, dir)
		deadline := time.After(time.Duration(100+rnd.IntN(500)) * time.Millisecond)
		for killed := false; !killed; {
			rewrite(t, dir, texts[rnd.IntN(len(texts))])
			_ = p.cmd.Process.Signal(syscall.SIGHUP) // it lives: only this loop kills it
			select {
			case <-deadline:
				_ = p.cmd.Process.Kill()
				killed = true
			case <-time.After(time.Duration(rnd.IntN(60)) * time.Millisecond):
			}
		}
		<-p.done
	}
	close(s.stop)
	s.wg.Wait()
	rewrite(t, dir, first)
	p := startRun(ctx, t, dir)
	var last string
	defer func() {
		if t.Failed() {
			t.Logf("status: %s", last)
		}
	}()
	until(ctx, t, func() bool {
		out, _ := patchbay(ctx, t, "status", "-json", "-dir", dir).Output()
		last = string(out)
		return strings.Contains(last, `"ready":true`) && strings.Count(last, `"backlog":0`) == 2
	})
	out, err := patchbay(ctx, t, "account", "-dir", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Everything adds up.") {
		t.Errorf("account: got %v and\n%s", err, out)
	}
	p.stop(t)
	out, err = patchbay(ctx, t, "journal", "verify", "-dir", dir).CombinedOutput()
	if err != nil {
		t.Errorf("verify: got %v and\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "lines.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, l := range strings.Fields(string(data)) {
		lines[l] = true
	}
	missing := 0
	for _, sid := range s.acked {
		if !lines[sid] {
			missing++
		}
	}
	if missing > 0 || len(s.acked) < 8 {
		t.Errorf("of %d acknowledged messages %d are missing in the sink, want none of many", len(s.acked), missing)
	}
	t.Logf("%d messages acknowledged over 8 kills", len(s.acked))
}
