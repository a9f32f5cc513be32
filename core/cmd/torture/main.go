package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/sdk"
)

// options are what a run is told.
type options struct {
	patchbay string
	kills    int
	seed     uint64
	limit    time.Duration // no kill after it
	dir      string        // where data goes; empty: a temporary folder
	keep     bool
	out, log io.Writer // result, progress
}

func main() {
	if isAppender() {
		sdk.ServeSink(&appendSink{})
		return
	}
	o := options{out: os.Stdout, log: os.Stderr}
	flag.StringVar(&o.patchbay, "patchbay", "bin/patchbay", "the program to torture, its plugins beside it")
	flag.IntVar(&o.kills, "kills", 200, "how many processes to kill")
	flag.Uint64Var(&o.seed, "seed", 1, "of the schedule and the load")
	flag.DurationVar(&o.limit, "duration", 8*time.Minute, "kill nothing more after this time, even if kills are left")
	flag.StringVar(&o.dir, "dir", "", "where to put the data (default: a temporary folder)")
	flag.BoolVar(&o.keep, "keep", false, "keep the data")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run tortures once and reports whether every promise was kept. An error means
// that there is no verdict.
func run(ctx context.Context, o options) (kept bool, err error) {
	fmt.Fprintf(o.out, "torture: seed=%d\n", o.seed) // first: whatever happens next can be repeated
	if o.patchbay, err = filepath.Abs(o.patchbay); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(o.dir, "patchbay-torture-")
	if err != nil {
		return false, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	if o.keep {
		fmt.Fprintf(o.log, "data is in %s\n", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	s, err := newSystem(o.patchbay, dir)
	if err != nil {
		return false, err
	}
	v, _, err := torture(ctx, o, s)
	if err != nil {
		return false, err
	}
	for _, f := range append(v.examples, v.findings...) {
		fmt.Fprintf(o.out, "torture: %s\n", f)
	}
	fmt.Fprintln(o.out, v.line())
	return v.kept(), nil
}

// settleTime is how long what was stored may take to reach the sink once the
// kills are over, plugins in their longest backoff included.
const settleTime = 90 * time.Second

// memory is what a verdict compares the sinks with.
type memory struct {
	oracle  *oracle
	account *lab.Account
}

// torture runs load and kills side by side, waits until all is quiet and judges.
// It also returns by what it judged.
func torture(ctx context.Context, o options, s *system) (*verdict, *memory, error) {
	if err := s.start(ctx); err != nil {
		return nil, nil, err
	}
	defer s.kill()
	began := time.Now()
	l := newLoad(s, o.seed)
	l.begin()
	c := &chaos{system: s, log: o.log}
	err := c.play(ctx, schedule(o.seed, o.kills), began.Add(o.limit))
	settleCtx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err != nil {
		cancel() // there is nobody to wait for
	}
	// The senders go on until what they have is acknowledged, as providers do.
	l.end(settleCtx)
	if err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, s.Log())
	}
	account, settleErr := s.Settle(settleCtx, everything)
	if account == nil {
		return nil, nil, fmt.Errorf("%w\n%s", settleErr, s.Log())
	}
	v := &verdict{kills: c.kills, pauses: c.pauses, stops: c.stops, took: time.Since(began)}
	if settleErr != nil {
		v.find("%v", settleErr)
	}
	v.ledger(account, l.oracle.counts())
	if err := s.Stop(); err != nil {
		v.find("%v", err)
	}
	if err := s.gone(func(int) bool { return true }); err != nil {
		v.find("%v", err)
	}
	if err := s.facts.Integrity(); err != nil {
		v.find("%v", err)
	}
	k, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	v.judge(k, l.oracle, account)
	return v, &memory{l.oracle, account}, nil
}
