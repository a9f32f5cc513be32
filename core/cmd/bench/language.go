package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// language measures what a person waits for at the command line: checking a
// configuration of 500 blocks with its plugins, and formatting 10,000 lines.
func (b *bench) language(ctx context.Context) error {
	dir := filepath.Join(b.dir, "language")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	big := filepath.Join(dir, "big")
	if err := os.MkdirAll(big, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "patchbay.hcl"), blocks(), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(big, "patchbay.hcl"), lines(10_000), 0o644); err != nil {
		return err
	}
	none, err := b.wait(ctx, dir, "version")
	if err != nil {
		return err
	}
	validate, err := b.wait(ctx, dir, "validate", dir)
	if err != nil {
		return err
	}
	format, err := b.wait(ctx, dir, "fmt", "-check", big)
	if err != nil {
		return err
	}
	b.add("start_ms", figure{"starting the program, and nothing else", none, "ms", "", "control; median of 7, as below"})
	b.add("validate_ms", figure{"validate, 500 blocks, plugins asked", validate, "ms", "< 300", "schemas cached"})
	b.add("fmt_ms", figure{"fmt, 10,000 lines", format, "ms", "< 200", ""})
	return nil
}

// blocks is a configuration of 500 blocks: 200 sources, 100 sinks, 200 pipelines.
func blocks() []byte {
	var out bytes.Buffer
	for i := range 200 {
		fmt.Fprintf(&out, "source \"twilio\" \"s%d\" {\n  auth_token = secret(\"env:BENCH_TOKEN\")\n  public_url = \"https://hooks.example.com/hooks/twilio/s%d\"\n}\n\n", i, i)
	}
	for i := range 100 {
		fmt.Fprintf(&out, "sink \"sqlite\" \"f%d\" {\n  path = \"events%d.db\"\n}\n\n", i, i)
	}
	for i := range 200 {
		fmt.Fprintf(&out, "pipeline \"p%d\" {\n  from = [source.twilio.s%d]\n\n  dedup { window = \"168h\" }\n  normalize {}\n  filter { when = event.event_type != \"queued\" }\n\n  to = [sink.sqlite.f%d]\n}\n\n", i, i, i%100)
	}
	return out.Bytes()
}

// lines is a file in its canonical form of about n lines.
func lines(n int) []byte {
	var out bytes.Buffer
	for i := 0; i < n; i += 12 {
		fmt.Fprintf(&out, "pipeline \"p%d\" {\n  from = [source.twilio.support]\n\n  dedup { window = \"168h\" }\n  normalize {}\n  filter { when = event.event_type != \"queued\" && !contains([\"a\", \"b\"], event.campaign_id) }\n  route \"problems\" {\n    when = event.delivery_status == \"failed\"\n    to   = [sink.kafka.stream]\n  }\n  to = [sink.sqlite.facts]\n}\n", i)
	}
	return out.Bytes()
}

// wait is the median time in milliseconds that a command takes, the first run,
// which fills caches, left out.
func (b *bench) wait(ctx context.Context, dir string, args ...string) (float64, error) {
	const runs = 7
	var took []float64
	for i := range runs + 1 {
		cmd := exec.CommandContext(ctx, b.patchbay, args...)
		cmd.Env = append(os.Environ(), "BENCH_TOKEN=0123456789abcdef0123456789abcdef", "PATCHBAY_CACHE_DIR="+filepath.Join(dir, "cache"))
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("patchbay %q: %w\n%s", args, err, out)
		}
		if i > 0 {
			took = append(took, ms(time.Since(began)))
		}
	}
	return median(took), nil
}
