// Command demo shows patchbay at work, and checks what it shows: a real core with
// real plugin processes receives signed webhooks, is killed in the middle of
// them, starts again, and accounts for every event.
//
// The provider is played by this program. It signs what it sends, sends again
// what was not acknowledged, as providers do, and counts. Its counts are then
// held against those of patchbay and against the rows in SQLite; if one number
// does not fit, the exit code is 1.
//
// The configuration is patchbay.hcl in this folder.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

//go:embed patchbay.hcl campaigns.csv
var files embed.FS

func main() {
	patchbay := flag.String("patchbay", "bin/patchbay", "the program to show, its plugins beside it")
	keep := flag.Bool("keep", false, "keep the configuration, the journal and the SQLite file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	fits, err := run(ctx, os.Stdout, *patchbay, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || !fits {
		os.Exit(1)
	}
}

// limit is how long the demonstration may take.
const limit = time.Minute

// run shows everything and reports whether all numbers fit.
func run(ctx context.Context, out io.Writer, patchbay string, keep bool) (bool, error) {
	d, err := newDemo(out, patchbay)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer d.provider.wg.Wait() // once cancel has told it to end
	defer cancel()
	if !keep {
		defer os.RemoveAll(d.dir)
	}
	fits, err := d.play(ctx)
	if keep {
		d.say("\nEverything is in %s", d.dir)
	}
	return fits, err
}

// demo is one demonstration.
type demo struct {
	out      io.Writer
	patchbay string
	dir      string // configuration and data
	env      []string
	facts    *lab.Facts
	provider *provider
}

// secret signs the Twilio requests; it opens nothing.
const secret = "demo-token-0123456789abcdef"

func newDemo(out io.Writer, patchbay string) (*demo, error) {
	patchbay, err := filepath.Abs(patchbay)
	if err != nil {
		return nil, err
	}
	addr, err := lab.FreeAddr()
	if err != nil {
		return nil, err
	}
	p, err := newProvider(addr)
	if err != nil {
		return nil, err
	}
	key, err := p.sendgrid.PublicKey()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "patchbay-demo-")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &demo{
		out: out, patchbay: patchbay, dir: dir, provider: p, facts: lab.OpenFacts(filepath.Join(dir, "events.db")),
		env: []string{"TWILIO_AUTH_TOKEN=" + secret, "PATCHBAY_VAR_listen=" + addr, "PATCHBAY_VAR_sendgrid_public_key=" + key},
	}, nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) play(ctx context.Context) (bool, error) {
	calls, err := d.provider.script()
	if err != nil {
		return false, err
	}
	began := time.Now()
	core, err := lab.Start(ctx, d.patchbay, d.dir, d.env...)
	if err != nil {
		return false, err
	}
	defer func() { core.Kill() }()
	d.say("1. patchbay runs: one core, one process for each source and sink (ready after %s)", since(began))
	d.say("2. Twilio and SendGrid, both played by this program, begin to send %s signed requests", number(len(calls)))

	began = time.Now()
	half := d.provider.begin(ctx, calls)
	select {
	case <-half:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	core.Kill()
	d.say("3. after %s acknowledgements the core is killed (SIGKILL) and started again at once", number(len(calls)/2))
	restarted := time.Now()
	next, err := lab.Start(ctx, d.patchbay, d.dir, d.env...)
	if err != nil {
		return false, err
	}
	core = next
	d.say("   ready after %s; what was not acknowledged is sent again, as providers do", since(restarted))
	if err := d.provider.wait(); err != nil {
		return false, err
	}
	d.say("4. all requests are answered (%s)", since(began))

	sent := d.provider.count()
	account, err := core.Settle(ctx, func(t lab.Totals) bool { return t.Refused >= sent.refused })
	if err != nil {
		return false, err
	}
	d.say("5. every stored event is in the sink (%s)\n", since(began))
	fits, err := d.report(ctx, account, sent)
	if err != nil {
		return false, err
	}
	if err := d.explain(ctx); err != nil {
		return false, err
	}
	if err := core.Stop(); err != nil {
		return false, err
	}
	d.conclude(fits, account, sent)
	return fits, nil
}

func since(t time.Time) string { return fmt.Sprintf("%.1f s", time.Since(t).Seconds()) }

// number writes 1217 as 1,217.
func number[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// command runs the command line on the demonstration's configuration.
func (d *demo) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.patchbay, append(args, "--dir", d.dir)...)
	cmd.Env = append(os.Environ(), d.env...)
	var said strings.Builder
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("patchbay %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return string(text), nil
}

// explain shows the story of the message that had the most to tell.
func (d *demo) explain(ctx context.Context) error {
	id := d.provider.story
	text, err := d.command(ctx, "explain", id)
	if err != nil {
		return err
	}
	d.say("\nWhat became of one message (its callbacks came out of order, one of them twice):\n\n  $ patchbay explain %s", id)
	d.say("%s", indent(text))
	return nil
}

func indent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight("  "+line, " ")
	}
	return strings.Join(lines, "\n")
}
