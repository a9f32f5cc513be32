package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"golang.org/x/sys/unix"
)

// process is a running plugin; it implements go-plugin's runner.Runner.
type process struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stdin  *os.File // our end: closing it tells the plugin that we are gone
	logs   *stderrLog
	nice   int

	mu     sync.Mutex
	pid    int
	exited chan struct{}
	status error
	killed bool // before Start: it must not start
}

var _ runner.Runner = (*process)(nil)

// keptEnv is what a plugin sees of core's environment: what programs need to
// find files and certificates, no secrets.
var keptEnv = []string{"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR"}

func newProcess(cmd *exec.Cmd, spec *Spec) (*process, error) {
	cmd.Path, cmd.Args, cmd.Dir = spec.Path, []string{spec.Path}, spec.WorkDir
	if spec.Pin != nil {
		path, err := spec.Pin.executable(spec.SocketDir)
		if err != nil {
			return nil, err
		}
		cmd.Path = path
	}
	for _, k := range keptEnv {
		if v, ok := os.LookupEnv(k); ok {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, wire.EnvWatch+"=1", EnvHome+"="+filepath.Dir(spec.Path))
	cmd.Env = append(cmd.Env, spec.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("pluginhost: pipe: %w", err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("pluginhost: pipe: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pluginhost: pipe: %w", err)
	}
	cmd.Stdin = r
	return &process{
		cmd: cmd, stdout: stdout, stdin: w, nice: spec.Nice, exited: make(chan struct{}), logs: newStderrLog(stderr, spec),
	}, nil
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	started := make(chan error, 1)
	go func() {
		// The parent-death signal is sent when the thread that forked dies, so
		// this one stays until the plugin has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.fork()
		_ = p.cmd.Stdin.(*os.File).Close()
		if err != nil {
			_ = p.stdin.Close()
			close(p.exited)
			started <- err
			return
		}
		if p.nice > 0 {
			// Best effort: without it the plugin is merely as eager as core.
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, p.cmd.Process.Pid, p.nice)
		}
		started <- nil
		<-p.exited
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("pluginhost: start %s: %w", p.Name(), err)
	}
	go p.logs.run()
	return nil
}

// fork starts the program, unless it was killed before.
func (p *process) fork() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return context.Canceled
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	return nil
}

// logGrace is how long the rest of a dead plugin's standard error is waited for.
const logGrace = time.Second

// Wait implements runner.Runner. go-plugin calls it once.
func (p *process) Wait(context.Context) error {
	// First the process alone, not reaped yet: a program that it started may hold
	// its standard error open for ever, and must not hide its death (I13).
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	_ = p.Kill(context.Background()) // what it started goes with it
	t := time.NewTimer(logGrace)
	select {
	case <-p.logs.done:
	case <-t.C:
	}
	t.Stop()
	err := p.cmd.Wait() // closes the pipe that logs reads
	<-p.logs.done
	_ = p.stdin.Close()
	p.mu.Lock()
	p.status = err
	p.mu.Unlock()
	close(p.exited)
	return err
}

// Kill implements runner.Runner: it ends the whole process group.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.pid == 0 {
		return nil
	}
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := syscall.Kill(-p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("pluginhost: kill group %d: %w", p.pid, err)
	}
	return nil
}

// exit describes how the process ended.
func (p *process) exit() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status == nil {
		return "exit status 0"
	}
	return p.status.Error()
}

// Diagnose implements runner.Runner: it is part of the error when the handshake fails.
// A plugin that has ended wrote why just before, so that is waited for a moment.
func (p *process) Diagnose(context.Context) string {
	t := time.NewTimer(logGrace)
	defer t.Stop()
	select {
	case <-p.logs.done:
	case <-t.C:
	}
	if tail := p.logs.tail(); tail != "" {
		return "it wrote to standard error: " + tail
	}
	return "is " + p.Name() + " a patchbay plugin for this machine?"
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements runner.Runner. go-plugin's parser of it can be made to
// panic by one odd line, so it gets nothing; stderrLog reads the real one.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Args[0] }

// ID implements runner.Runner.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return ""
	}
	return fmt.Sprint(p.pid)
}

// PluginToHost implements runner.AddrTranslator.
func (p *process) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (p *process) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
