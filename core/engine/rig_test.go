package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/rs/zerolog"
)

// rig is an engine at work on a directory of its own.
type rig struct {
	*Engine
	dir    string
	addr   string
	client *http.Client
	dials  int // connections made
	log    logBuffer
	stop   func()
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const head = `
receiver { listen = "127.0.0.1:0" }
admin { listen = "127.0.0.1:0" }
`

// one is a configuration with a source, a sink and a pipeline.
const one = head + `
source "numbers" "a" { token = "t1" }
sink "lines" "x" {
  path = "x.txt"
}
pipeline "main" {
  from = [source.numbers.a]
  dedup { window = "24h" }
  to = [sink.lines.x]
}
`

// testCatalog installs this program as a plugin.
func testCatalog(ctx context.Context, t *testing.T) *catalog.Catalog {
	t.Helper()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err == nil {
		err = os.Symlink(exe, filepath.Join(dir, catalog.Prefix+"test"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Open(ctx, catalog.Options{Dirs: []string{dir}, Log: zerolog.Nop()})
}

func startRig(ctx context.Context, t *testing.T, text string) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir()}
	return r.start(ctx, t, testCatalog(ctx, t), text)
}

// start runs an engine in the rig's directory until the test ends, or stop.
func (r *rig) start(ctx context.Context, t *testing.T, cat *catalog.Catalog, text string) *rig {
	t.Helper()
	r.write(t, text)
	load := func(context.Context) (*config.Config, *catalog.Catalog, diag.List, error) {
		cfg, diags := config.Load(r.dir, config.Options{Types: cat})
		return cfg, cat, diags, nil
	}
	cfg, _, diags, _ := load(ctx)
	if diags.HasErrors() {
		t.Fatal(diags.Text(cfg.Files))
	}
	ready := make(chan string, 1)
	var err error
	r.Engine, err = New(cfg, cat, Options{
		Log: zerolog.New(&r.log), Version: "0.1.0", Load: load, Ready: func(a, _ net.Addr) { ready <- a.String() },
	})
	if err != nil {
		t.Fatal(err)
	}
	runCtx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(runCtx) }()
	select {
	case r.addr = <-ready:
	case err := <-done:
		t.Fatalf("engine: %v\n%s", err, r.log.String())
	}
	r.dials = 0
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		r.dials++
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	r.client = &http.Client{Transport: &http.Transport{DialContext: dial, MaxConnsPerHost: 1}}
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			r.client.CloseIdleConnections()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("engine: %v\n%s", err, r.log.String())
			}
		})
	}
	t.Cleanup(r.stop)
	r.until(ctx, t, "ready", func() bool { ok, _ := r.Ready(); return ok })
	return r
}

func (r *rig) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// change writes the configuration and has it put to work.
func (r *rig) change(ctx context.Context, t *testing.T, text string, discard ...string) *admin.Applied {
	t.Helper()
	r.write(t, text)
	out, err := r.Apply(ctx, "", discard)
	if err != nil {
		t.Fatalf("apply: %v\n%+v\n%s", err, out, r.log.String())
	}
	return out
}

func (r *rig) until(ctx context.Context, t *testing.T, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: it did not happen\n%s", what, r.log.String())
		}
	}
}

// post sends a number to a source and returns the answer's status.
func (r *rig) post(ctx context.Context, t *testing.T, source, token, body string) int {
	t.Helper()
	url := "http://" + r.addr + "/hooks/" + strings.ReplaceAll(source, ".", "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Token", token)
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func (r *rig) accept(ctx context.Context, t *testing.T, source, token string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if got := r.post(ctx, t, source, token, fmt.Sprint(i)); got != http.StatusOK {
			t.Fatalf("request %d to %s: got %d, want 200\n%s", i, source, got, r.log.String())
		}
	}
}

// lines counts the lines of a sink's file.
func (r *rig) lines(t *testing.T, file string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, l := range strings.Fields(string(data)) {
		out[l]++
	}
	return out
}

// has waits until a sink's file has n different lines, and checks that none is
// there twice.
func (r *rig) has(ctx context.Context, t *testing.T, file string, n int) {
	t.Helper()
	r.until(ctx, t, fmt.Sprintf("%d lines in %s", n, file), func() bool { return len(r.lines(t, file)) >= n })
	for l, times := range r.lines(t, file) {
		if times != 1 {
			t.Errorf("%s: %s is there %d times, want once", file, l, times)
		}
	}
	if got := len(r.lines(t, file)); got != n {
		t.Errorf("%s: got %d lines, want %d", file, got, n)
	}
}

// balanced checks I3 on the journal.
func (r *rig) balanced(t *testing.T) {
	t.Helper()
	a, err := inspect.TakeAccount(r.journal)
	if err != nil || !a.Balanced {
		t.Errorf("account: %v, got problems %v, want none", err, a.Problems())
	}
}

// down takes a sink's destination away, or gives it back.
func (r *rig) down(t *testing.T, file string, down bool) {
	t.Helper()
	name := filepath.Join(r.dir, file+".down")
	err := os.Remove(name)
	if down {
		err = os.WriteFile(name, nil, 0o600)
	}
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}
