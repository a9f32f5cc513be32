package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// modeEnv makes this test binary a plugin, or a core of its own, of some kind.
const (
	modeEnv = "PATCHBAY_TEST_PLUGIN"
	fifoEnv = "PATCHBAY_TEST_FIFO" // held open for as long as the process lives
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(modeEnv); mode != "" {
		act(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// act is the life of a fake plugin.
func act(mode string) {
	if path := os.Getenv(fifoEnv); path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			panic(err)
		}
		defer f.Close()
	}
	switch mode {
	case "crash":
		fmt.Fprintln(os.Stderr, "cannot open the license")
		os.Exit(3)
	case "babble":
		fmt.Println("Welcome to the fake plugin!")
		forever()
	case "mute", "child":
		forever()
	case "old":
		fmt.Println("1|99|unix|/nowhere|grpc|")
		forever()
	case "flood":
		for i := range 5000 {
			fmt.Fprintln(os.Stderr, "flood", i)
		}
	case "env":
		for _, kv := range os.Environ() {
			fmt.Fprintln(os.Stderr, "env", kv)
		}
	case "parent":
		// Its child holds the standard error of its parent open.
		exe, _ := os.Executable()
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), modeEnv+"=child")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		go func() { _, _ = os.Stdin.Read(make([]byte, 1)) }()
	case "core":
		core()
		return
	case "versions":
		serveVersions()
		return
	}
	sdk.Serve("fake", "1.0.0", sdk.SourceType(source{}))
}

func forever() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	<-c
}

// core is a process that runs a plugin and does nothing else.
func core() {
	spec := Spec{Address: "fake.core", Path: self(), Log: zerolog.Nop(), Env: []string{modeEnv + "=ok", fifoEnv + "=" + os.Getenv("PATCHBAY_TEST_PLUGIN_FIFO")}}
	if hash := os.Getenv("PATCHBAY_TEST_PIN"); hash != "" {
		spec.Pin = NewPin(spec.Path, hash)
	}
	p := New(spec)
	go func() { _ = p.Run(context.Background()) }()
	if _, err := p.Client(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println("running", p.Status().PID)
	forever()
}

func self() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}

type none struct{}

// source hangs on a body "hang" and dies on "die".
type source struct{}

func (source) Info() sdk.Info { return sdk.Info{Name: "fake", Version: "1.0.0"} }

func (source) Configure(context.Context, *none) (sdk.Auth, error) { return sdk.NoAuth{}, nil }

func (source) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i, d := range in {
		switch string(d.Body) {
		case "hang":
			forever()
		case "die":
			os.Exit(4)
		}
		out.Ignore(i, "fake")
	}
	return nil
}

// lines is a log that tests read.
type lines struct {
	mu    sync.Mutex
	all   []string
	added chan struct{}
}

func newLines() *lines { return &lines{added: make(chan struct{}, 1)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.all = append(l.all, string(p))
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "")
}

// wait returns once the log holds text.
func (l *lines) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for !strings.Contains(l.text(), text) {
		select {
		case <-l.added:
		case <-timeout:
			t.Fatalf("log: got %.2000s, want %q in it", l.text(), text)
		}
	}
}

// host runs a fake plugin.
type host struct {
	*Process
	log  *lines
	dir  string
	stop context.CancelFunc
	done chan error
}

func configure(ctx context.Context, c *sdk.Client) error {
	_, err := c.ConfigureSource(ctx, &wire.ConfigureRequest{Type: "fake"})
	return err
}

func start(t *testing.T, mode string, change func(*Spec)) *host {
	t.Helper()
	h := &host{log: newLines(), dir: socketDir(t), done: make(chan error, 1)}
	spec := Spec{
		Address: "fake." + mode, Path: self(), SocketDir: h.dir, Log: zerolog.New(h.log), Env: []string{modeEnv + "=" + mode},
		Configure: configure, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, StopGrace: 2 * time.Second,
	}
	if change != nil {
		change(&spec)
	}
	h.Process = New(spec)
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	go func() { h.done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-h.done; err != nil {
			t.Errorf("run: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(h.dir, "*")); len(left) > 0 {
			t.Errorf("I17: left in the socket directory: %v", left)
		}
	})
	return h
}

// socketDir is a directory with a path short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// reach waits for a state.
func (h *host) reach(t *testing.T, want State) Status {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		h.mu.Lock()
		s, changed := h.status, h.changed
		h.mu.Unlock()
		if s.State == want {
			return s
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("state: got %+v, want %s", s, want)
		}
	}
}

func (h *host) client(t *testing.T) *sdk.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := h.Client(ctx)
	if err != nil {
		t.Fatalf("client: %v; log: %.2000s", err, h.log.text())
	}
	return c
}

func parse(ctx context.Context, c *sdk.Client, body string) error {
	d := sdk.Delivery{Body: []byte(body)}
	inner := d.AppendWire(nil)
	_, err := c.Parse(ctx, [][]byte{append([]byte{0x0a, byte(len(inner))}, inner...)}, 1)
	return err
}

func TestRunAndStop(t *testing.T) {
	t.Parallel()
	h := start(t, "ok", nil)
	if err := parse(t.Context(), h.client(t), "x"); err != nil {
		t.Errorf("parse: %v", err)
	}
	s := h.Status()
	if s.State != Running || s.PID == "" || s.Restarts != 0 {
		t.Errorf("status: got %+v", s)
	}
	h.stop()
	if err := <-h.done; err != nil {
		t.Errorf("run: %v", err)
	}
	h.done <- nil
	if _, err := h.Client(context.Background()); !errors.Is(err, ErrStopped) {
		t.Errorf("client afterwards: got %v, want %v", err, ErrStopped)
	}
	if alive(s.PID) {
		t.Errorf("I17: process %s is still there", s.PID)
	}
}

func alive(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

// TestDeath proves I13: a plugin that dies, or hangs and is ended, comes back.
func TestDeath(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"ok", "parent"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := start(t, mode, nil)
			first := h.client(t)
			if err := parse(t.Context(), first, "die"); err == nil {
				t.Error("a call to a dying plugin succeeded")
			}
			h.log.wait(t, "plugin ended, will start it again")
			if err := parse(t.Context(), h.client(t), "x"); err != nil {
				t.Errorf("after the restart: %v", err)
			}
			h.log.wait(t, "exit status 4")
			// A call that came too late says nothing about the new instance.
			h.Fault(first, errors.New("late"))
			if strings.Contains(h.log.text(), "plugin at fault") {
				t.Error("a late fault ended the new instance")
			}
		})
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	h := start(t, "ok", nil)
	c := h.client(t)
	pid := h.Status().PID
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := parse(ctx, c, "hang"); err == nil {
		t.Fatal("a call to a hanging plugin succeeded")
	}
	h.Fault(c, context.DeadlineExceeded)
	// From here on nobody is given the instance that is being ended.
	if err := parse(t.Context(), h.client(t), "x"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	h.log.wait(t, "signal: killed")
	if now := h.Status(); now.PID == pid || now.Restarts != 1 {
		t.Errorf("status: got %+v, want another process after 1 restart", now)
	}
}

// TestCrashLoop proves F13: visible, with what the plugin said.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	h := start(t, "crash", nil)
	s := h.reach(t, CrashLoop)
	if !strings.Contains(s.LastError, "cannot open the license") {
		t.Errorf("last error: got %q, want what the plugin wrote", s.LastError)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Client(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("client: got %v, want %v", err, context.Canceled)
	}
}

// TestBadStart: what is no plugin fails with an error that helps (F17).
func TestBadStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, mode, path, want string
		timeout                time.Duration
	}{
		{name: "prints before the handshake", mode: "babble", want: "Welcome to the fake plugin!"},
		{name: "says nothing", mode: "mute", want: "timeout", timeout: 200 * time.Millisecond},
		{name: "another version", mode: "old", want: "99"},
		{name: "is not there", path: "/nowhere/plugin", want: "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			spec := Spec{Address: "a", Path: self(), SocketDir: socketDir(t), Log: zerolog.Nop(), Env: []string{modeEnv + "=" + c.mode}, StartTimeout: c.timeout}
			if c.path != "" {
				spec.Path = c.path
			}
			_, err := Describe(t.Context(), spec)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(spec.SocketDir, "*")); len(left) > 0 {
				t.Errorf("I17: left in the socket directory: %v", left)
			}
		})
	}
}

// TestEndWhileStarting proves I17: the end does not wait for a plugin that never
// shakes hands.
func TestEndWhileStarting(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, "mute", func(s *Spec) { s.Env = append(s.Env, fifoEnv+"="+fifo) })
	f, err := os.Open(fifo) // returns once the plugin runs
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	began := time.Now()
	h.stop()
	if err := <-h.done; err != nil {
		t.Errorf("run: %v", err)
	}
	h.done <- nil
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s, want less than the start timeout", took)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	out, err := Describe(t.Context(), Spec{Address: "a", Path: self(), SocketDir: socketDir(t), Log: zerolog.Nop(), Env: []string{modeEnv + "=ok"}})
	if err != nil || out.Name != "fake" || len(out.Types) != 1 || out.Types[0].Name != "fake" {
		t.Errorf("got %v, %v", out, err)
	}
}

// TestRejected: a configuration that the plugin refuses is not tried again.
func TestRejected(t *testing.T) {
	t.Parallel()
	refused := &Rejected{Diagnostics: []*wire.Diagnostic{{Severity: wire.Diagnostic_SEVERITY_ERROR, Path: "key", Summary: "too short", Detail: "Use 16 characters."}}}
	p := New(Spec{Address: "a", Path: self(), SocketDir: socketDir(t), Log: zerolog.Nop(), Env: []string{modeEnv + "=ok"},
		Configure: func(context.Context, *sdk.Client) error { return refused }})
	err := p.Run(t.Context())
	if r := (*Rejected)(nil); !errors.As(err, &r) || !strings.Contains(err.Error(), "key: too short: Use 16 characters.") {
		t.Errorf("run: got %v, want %v", err, refused)
	}
	if s := p.Status(); s.State != Stopped {
		t.Errorf("status: got %+v", s)
	}
}

// TestEnvironment proves I14: core's environment stays in core.
func TestEnvironment(t *testing.T) {
	t.Setenv("PATCHBAY_TEST_SECRET", "s3cr3t")
	h := start(t, "env", func(s *Spec) { s.Env = append(s.Env, "GIVEN=1") })
	h.client(t)
	h.log.wait(t, "env GIVEN=1")
	if text := h.log.text(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "env PATH=") {
		t.Errorf("environment: got %.3000s", text)
	}
}

// TestFlood proves I12: what a plugin writes to its standard error is limited.
func TestFlood(t *testing.T) {
	t.Parallel()
	h := start(t, "flood", nil)
	h.client(t)
	h.stop()
	<-h.done
	h.done <- nil
	n := strings.Count(h.log.text(), `"stderr":"flood`)
	if n < logLinesBurst/2 || n > logLinesBurst+10*logLinesRate {
		t.Errorf("lines: got %d of 5000, want about %d", n, logLinesBurst)
	}
	if !strings.Contains(h.log.text(), "dropped_lines") {
		t.Error("nothing was said of the dropped lines")
	}
}
