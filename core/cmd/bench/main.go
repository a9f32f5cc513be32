// Command bench measures patchbay on this machine: what a durable
// acknowledgement costs beside a bare handler, how long it takes beside a bare
// fdatasync, what an event costs from the request to its row, what memory and
// deduplication cost at size, and what a filter costs.
//
// Everything runs in one go on one machine, load generator included, so ratios
// hold where absolute figures do not. Figures are counted at the sink.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// figure is one measured value with what it is held against.
type figure struct {
	name   string
	value  float64
	unit   string
	target string
	note   string
}

type bench struct {
	patchbay string // the program
	dir      string
	quick    bool
	figures  []figure
	out      map[string]any
}

func main() {
	b := &bench{out: map[string]any{}}
	var out, only, null string
	flag.StringVar(&b.patchbay, "patchbay", "bin/patchbay", "the program to measure, its plugins beside it")
	flag.StringVar(&out, "out", "", "write the figures to this JSON file")
	flag.StringVar(&only, "only", "", "comma-separated parts: ack, cpu, dedup, backlog, filter, expr, language")
	flag.BoolVar(&b.quick, "quick", false, "a tenth of the work, for a look")
	flag.StringVar(&null, "null", "", "internal: serve the bare handler on this address")
	flag.StringVar(&b.dir, "dir", "", "where to make a temporary folder for data; must be on the disk to measure (default: beside -out)")
	dedupChild := flag.Int("dedup", 0, "internal: measure deduplication at so many live keys")
	flag.Parse()
	if null != "" {
		exit(serveNull(null))
	}
	if *dedupChild > 0 {
		exit(dedupMain(b.dir, *dedupChild))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(b.run(ctx, out, only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (b *bench) run(ctx context.Context, out, only string) error {
	if b.dir == "" && out != "" {
		b.dir = filepath.Dir(out)
	}
	var err error
	if b.dir, err = os.MkdirTemp(cmp.Or(b.dir, "."), "bench-data-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.patchbay, err = filepath.Abs(b.patchbay); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	parts := []struct {
		name string
		run  func(context.Context) error
	}{{"ack", b.ack}, {"cpu", b.cpu}, {"dedup", b.dedup}, {"backlog", b.backlog}, {"filter", b.filter}, {"expr", b.expressions}, {"language", b.language}}
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	for n := range strings.SplitSeq(only, ",") {
		if only != "" && !slices.Contains(names, n) {
			return fmt.Errorf("-only %s: the parts are %s", n, strings.Join(names, ", "))
		}
	}
	if _, err := os.Stat(b.patchbay); err != nil {
		return fmt.Errorf("%w: make build makes it, -patchbay says where it is", err)
	}
	b.machine()
	for _, p := range parts {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		began := time.Now()
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(os.Stderr, "%-8s done in %.0f s\n", p.name, time.Since(began).Seconds())
		if err := b.clear(); err != nil {
			return err
		}
	}
	b.table()
	if out == "" {
		return nil
	}
	data, err := json.MarshalIndent(b.out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}

// clear removes what a part wrote and waits for the disk: to write it out while the
// next part runs would be charged to that.
func (b *bench) clear() error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(b.dir, e.Name())); err != nil {
			return err
		}
	}
	syscall.Sync()
	return nil
}

// add records a figure; key is its name in the JSON file.
func (b *bench) add(key string, f figure) {
	b.figures = append(b.figures, f)
	if key != "" {
		b.out[key] = round(f.value)
	}
}

func round(v float64) float64 {
	switch {
	case v >= 100:
		return float64(int64(v + 0.5))
	default:
		return float64(int64(v*1000+0.5)) / 1000
	}
}

func (b *bench) table() {
	fmt.Printf("\n%-46s %12s  %-9s %-24s %s\n", "", "measured", "", "wanted", "")
	for _, f := range b.figures {
		fmt.Printf("%-46s %12s  %-9s %-24s %s\n", f.name, number(f.value), f.unit, f.target, f.note)
	}
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
