package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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

	adminFile string
}

// tail keeps the end of what a process writes.
type tail struct {
	mu    sync.Mutex
	lines []string
	file  *os.File // all of it, for whoever looks for a mistake; nil for none
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
	if t.file != nil {
		_, _ = t.file.Write(p)
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
	c, err := Launch(patchbay, dir, env...)
	if err != nil {
		return nil, err
	}
	if err := c.WaitReady(ctx); err != nil {
		c.Kill()
		return nil, err
	}
	return c, nil
}

// Launch runs `patchbay run dir` in dir and does not wait.
func Launch(patchbay, dir string, env ...string) (*Core, error) {
	c := &Core{done: make(chan struct{}), log: &tail{}}
	patchbay, err := filepath.Abs(patchbay)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if path := os.Getenv("PATCHBAY_LAB_LOG"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
		c.log.file = f
	}
	c.adminFile = filepath.Join(dir, "data", "admin.json")
	_ = os.Remove(c.adminFile) // a killed predecessor leaves one
	c.cmd = exec.Command(patchbay, "run", dir)
	c.cmd.Dir = dir // by which Leftovers knows it and its plugins
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr, c.cmd.Stdout = c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: start patchbay: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		if c.log.file != nil {
			_ = c.log.file.Close()
		}
		close(c.done)
	}()
	return c, nil
}

// WaitReady waits until the core answers that it is ready, a minute at most.
func (c *Core) WaitReady(ctx context.Context) error {
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
			data, err := os.ReadFile(c.adminFile)
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
	s, err := c.Status(ctx)
	if err != nil {
		return "", false
	}
	return s.Data.Receiver, s.Data.Receiver != ""
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
