package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// machine prints where this runs and measures the bare fdatasync.
func (b *bench) machine() {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(data), "\n") {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	fmt.Printf("%s, %d cores, %s, %s\n", model, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
	b.out["machine"] = fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.Version())
}

// fdatasync measures n writes of 4 KiB, each followed by an fdatasync, at the
// end of a file on the disk where the journal will be.
func (b *bench) fdatasync(n int) ([]time.Duration, error) {
	f, err := os.Create(filepath.Join(b.dir, "fdatasync"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buf := make([]byte, 4<<10)
	out := make([]time.Duration, 0, n)
	for range n {
		if _, err := f.Write(buf); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, fmt.Errorf("fdatasync: %w", err)
		}
		out = append(out, time.Since(began))
	}
	slices.Sort(out)
	return out, nil
}

func percentile(ds []time.Duration, p float64) time.Duration {
	return ds[min(len(ds)-1, int(p*float64(len(ds))))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// selfCPU is the processor time of this process, the load generator.
func selfCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
