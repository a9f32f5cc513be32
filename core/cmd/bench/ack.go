package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/lab"
)

// serveNull is the control: a net/http handler that reads the body and answers.
func serveNull(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
	})}
	// The parent closes our standard input when it is done with us.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = srv.Close()
	}()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// null is the control: a process of its own, as patchbay is.
type null struct {
	addr string
	pid  int
	stop func()
}

func startNull() (*null, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "-null", "127.0.0.1:0")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	n := &null{addr: strings.TrimSpace(line), pid: cmd.Process.Pid, stop: func() { _ = in.Close(); _ = cmd.Wait() }}
	if err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

const (
	ackConns  = 256
	ackRounds = 4
	ackTime   = 4 * time.Second
	noLimit   = 1 << 40
)

// ack measures durable acknowledgements beside the control, in turn.
func (b *bench) ack(ctx context.Context) error {
	rounds, length := ackRounds, ackTime
	if b.quick {
		rounds, length = 2, time.Second
	}
	bare, err := startNull()
	if err != nil {
		return err
	}
	defer bare.stop()
	s, err := b.start(ctx, "ack", "")
	if err != nil {
		return err
	}
	defer s.Kill()
	closed := func(addr string, seed uint32) (float64, error) {
		loopCtx, cancel := context.WithTimeout(ctx, length)
		defer cancel()
		l, err := lab.ClosedLoop(loopCtx, addr, ackConns, noLimit, s.twilio(addr, seed))
		if err != nil {
			return 0, err
		}
		if len(l.Statuses) > 0 {
			return 0, fmt.Errorf("answers other than 2xx: %v", l.Statuses)
		}
		return l.Rate(), nil
	}
	var nulls, acks, ratios []float64
	for i := range rounds {
		n, err := closed(bare.addr, 0)
		if err != nil {
			return fmt.Errorf("control: %w", err)
		}
		a, err := closed(s.Addr, uint32(0x1000+i))
		if err != nil {
			return fmt.Errorf("patchbay: %w\n%s", err, s.Log())
		}
		nulls, acks, ratios = append(nulls, n), append(acks, a), append(ratios, a/n)
	}
	b.add("null_rps", figure{"bare handler, 256 connections", median(nulls), "req/s", "", "control"})
	b.add("ack_rps", figure{"durable acknowledgements, 256 connections", median(acks), "req/s", "", "pipeline and SQLite sink running"})
	b.add("ack_ratio", figure{"  of the bare handler", median(ratios), "", ">= 0.5", fmt.Sprintf("rounds %.2f to %.2f", slices.Min(ratios), slices.Max(ratios))})
	return b.ackLatency(ctx, s, median(acks)/2, length)
}

// ackLatency measures an open loop at half the load, and the bare fdatasync
// before and after it.
func (b *bench) ackLatency(ctx context.Context, s *system, rate float64, length time.Duration) error {
	// What the closed loop left behind is worked off first: the question is what
	// an acknowledgement takes at this load, not after a burst.
	if err := s.drained(ctx); err != nil {
		return err
	}
	const syncs = 400
	before, err := b.fdatasync(syncs)
	if err != nil {
		return err
	}
	l, err := lab.OpenLoop(ctx, s.Addr, ackConns, rate, 2*length, s.twilio(s.Addr, 0x2000))
	if err != nil {
		return fmt.Errorf("open loop: %w\n%s", err, s.Log())
	}
	waiting, err := s.waiting(ctx)
	if err != nil {
		return err
	}
	after, err := b.fdatasync(syncs)
	if err != nil {
		return err
	}
	all := append(before, after...)
	slices.Sort(all)
	p99 := percentile(all, 0.99)
	limit := 3*p99 + 5*time.Millisecond
	b.add("fsync_p50_ms", figure{"bare fdatasync of 4 KiB, p50", ms(percentile(all, 0.5)), "ms", "", ""})
	b.add("fsync_p99_ms", figure{"bare fdatasync of 4 KiB, p99", ms(p99), "ms", "", "control, before and after"})
	b.add("ack_p50_ms", figure{fmt.Sprintf("acknowledgement at %.0f req/s, open loop, p50", rate), ms(l.Percentile(0.5)), "ms", "", ""})
	b.add("ack_p99_ms", figure{"acknowledgement, p99", ms(l.Percentile(0.99)), "ms", fmt.Sprintf("<= %.1f", ms(limit)), "from the moment it was due"})
	b.add("ack_backlog_s", figure{"what has no row yet when that load ends", float64(waiting) / rate, "s", "", fmt.Sprintf("of it, after %.0f s", 2*length.Seconds())})
	return nil
}

func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
