package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Children are the process ids of the core's plugins by the name of their program.
func (c *Core) Children() (map[int]string, error) {
	out := map[int]string{}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	for _, p := range all {
		s, err := readStat(p)
		if err != nil || s.ppid != c.PID() {
			continue
		}
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		out[s.pid] = filepath.Base(exe)
	}
	return out, nil
}

type stat struct {
	pid, ppid int
	cpu       time.Duration // user and system
}

// tick is the unit of /proc/PID/stat's times; Linux has said 100 Hz to user
// space on every machine that Go runs on.
const tick = 10 * time.Millisecond

func readStat(path string) (stat, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < 0 {
		return stat{}, errors.New("lab: odd /proc stat")
	}
	var s stat
	s.pid, _ = strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 15 {
		return stat{}, errors.New("lab: odd /proc stat")
	}
	s.ppid, _ = strconv.Atoi(f[1])
	u, _ := strconv.ParseInt(f[11], 10, 64)
	k, _ := strconv.ParseInt(f[12], 10, 64)
	s.cpu = time.Duration(u+k) * tick
	return s, nil
}

// CPU is the processor time used so far by the core, by each plugin program,
// and by all of them.
func (c *Core) CPU() (core time.Duration, plugins map[string]time.Duration, err error) {
	s, err := readStat(fmt.Sprintf("/proc/%d/stat", c.PID()))
	if err != nil {
		return 0, nil, fmt.Errorf("lab: %w", err)
	}
	children, err := c.Children()
	if err != nil {
		return 0, nil, err
	}
	plugins = map[string]time.Duration{}
	for pid, name := range children {
		if p, err := readStat(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			plugins[name] += p.cpu
		}
	}
	return s.cpu, plugins, nil
}

// RSS is the resident memory in bytes of a process, now and at its peak.
func RSS(pid int) (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("lab: %w", err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = kb << 10
		case "VmHWM:":
			peak = kb << 10
		}
	}
	return now, peak, nil
}

// Leftovers are the processes whose working directory is dir, by the name of
// their program: a core that was launched there and its plugins, and nobody
// else's.
func Leftovers(dir string) (map[int]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	out := map[int]string{}
	for _, p := range all {
		if cwd, err := os.Readlink(p); err != nil || cwd != dir {
			continue
		}
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p))); err == nil && pid != os.Getpid() {
			out[pid] = filepath.Base(exe)
		}
	}
	return out, nil
}

// ProcessCPU is the processor time that one process has used so far.
func ProcessCPU(pid int) (time.Duration, error) {
	s, err := readStat(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("lab: %w", err)
	}
	return s.cpu, nil
}
