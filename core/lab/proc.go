package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Core is a patchbay that runs as a child process.
type Core struct {
	Addr  string // of the receiver
	Admin string
	cmd   *exec.Cmd
	done  chan struct{}
	err   error
	log   *tail
}

// tail keeps the end of what a process writes.
type tail struct {
	mu    sync.Mutex
	lines []string
	lost  io.Writer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sc := bufio.NewScanner(bytes.NewReader(p))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		t.lines = append(t.lines, sc.Text())
	}
	if n := len(t.lines); n > 200 {
		t.lines = append(t.lines[:0], t.lines[n-200:]...)
	}
	if t.lost != nil {
		_, _ = t.lost.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines[max(0, len(t.lines)-15):], "\n")
}

// Start runs `patchbay run dir` and waits until it is ready. env is added to the
// environment.
func Start(ctx context.Context, patchbay, dir string, env ...string) (*Core, error) {
	c := &Core{done: make(chan struct{}), log: &tail{}}
	if path := os.Getenv("PATCHBAY_LAB_LOG"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
		c.log.lost = f
	}
	admin := filepath.Join(dir, "data", "admin.json")
	_ = os.Remove(admin) // a killed predecessor leaves one
	c.cmd = exec.Command(patchbay, "run", dir)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr, c.cmd.Stdout = c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: start patchbay: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	if err := c.waitReady(ctx, admin); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

func (c *Core) waitReady(ctx context.Context, adminFile string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-c.done:
			return fmt.Errorf("lab: patchbay ended: %w\n%s", c.err, c.log)
		case <-ctx.Done():
			return fmt.Errorf("lab: patchbay is not ready: %w\n%s", ctx.Err(), c.log)
		case <-t.C:
		}
		if c.Admin == "" {
			var f struct{ Addr string }
			data, err := os.ReadFile(adminFile)
			if err != nil || json.Unmarshal(data, &f) != nil {
				continue
			}
			c.Admin = f.Addr
		}
		if addr, ok := c.ready(ctx); ok {
			c.Addr = addr
			return nil
		}
	}
}

// ready asks /readyz, and the status for the receiver's address.
func (c *Core) ready(ctx context.Context) (string, bool) {
	if _, err := get(ctx, "http://"+c.Admin+"/readyz"); err != nil {
		return "", false
	}
	body, err := get(ctx, "http://"+c.Admin+"/api/v1/status")
	if err != nil {
		return "", false
	}
	var s struct {
		Receiver string `json:"receiver"`
		Data     struct {
			Receiver string `json:"receiver"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &s) != nil {
		return "", false
	}
	return s.Receiver + s.Data.Receiver, s.Receiver+s.Data.Receiver != ""
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("lab: %s: %s", url, resp.Status)
	}
	return body, err
}

// PID is the core's process id.
func (c *Core) PID() int { return c.cmd.Process.Pid }

// Kill ends the core with SIGKILL, as a crash would, and waits for its end.
func (c *Core) Kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// Stop ends the core with SIGTERM and waits until it is gone.
func (c *Core) Stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(45 * time.Second):
		c.Kill()
		return fmt.Errorf("lab: patchbay did not stop\n%s", c.log)
	}
	if c.err != nil {
		return fmt.Errorf("lab: patchbay ended: %w\n%s", c.err, c.log)
	}
	return nil
}

// Log is the end of what the core has logged.
func (c *Core) Log() string { return c.log.String() }

// Done is closed when the process has ended.
func (c *Core) Done() <-chan struct{} { return c.done }

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
