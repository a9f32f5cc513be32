package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/inspect"
)

// serve runs s on a loopback listener and writes the file that leads there.
func serve(t *testing.T, s *Server, tok string) (dir string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l, time.Second) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return writeFile(t, File{Addr: l.Addr().String(), Token: tok, PID: os.Getpid()})
}

func writeFile(t *testing.T, f File) (dir string) {
	t.Helper()
	dir = t.TempDir()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestClient(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	ctx := context.Background()
	c, err := Connect(ctx, serve(t, s, token))
	if err != nil {
		t.Fatal(err)
	}
	var story inspect.Story
	if err := c.Get(ctx, "explain", url.Values{"id": {"SM1"}}, &story); err != nil || len(story.Requests) != 1 {
		t.Errorf("explain: got %+v, %v", story, err)
	}
	var refused *Error
	if err := c.Get(ctx, "explain", url.Values{"id": {"SM9"}}, &story); !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("unknown id: got %v, want a 404", err)
	}
	var d inspect.DeadLetterInfo
	if err := c.Post(ctx, "dead-letters/2/discard", &d); err != nil || d.State != "discarded" {
		t.Errorf("discard: got %+v, %v", d, err)
	}
	other, err := Connect(ctx, serve(t, s, "another token"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Get(ctx, "events", nil, new(Events)); !errors.As(err, &refused) || refused.Code != "unauthorized" {
		t.Errorf("wrong token: got %v, want unauthorized", err)
	}
}

func TestConnectNowhere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	if _, err := Connect(ctx, t.TempDir()); !errors.Is(err, ErrNoCore) {
		t.Errorf("no file: got %v, want ErrNoCore", err)
	}
	// A port that nobody listens on any more.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	if _, err := Connect(ctx, writeFile(t, File{Addr: gone})); !errors.Is(err, ErrNoCore) {
		t.Errorf("stale file: got %v, want ErrNoCore", err)
	}
	// Somebody else listens there now: the token is not for them.
	var seen http.Header
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		_, _ = io.WriteString(w, "hello")
	}))
	defer stranger.Close()
	if _, err := Connect(ctx, writeFile(t, File{Addr: strings.TrimPrefix(stranger.URL, "http://"), Token: token})); !errors.Is(err, ErrNoCore) {
		t.Errorf("stranger: got %v, want ErrNoCore", err)
	}
	if seen.Get("Authorization") != "" {
		t.Error("the stranger was given the token")
	}
	for _, addr := range []string{"192.0.2.7:80", "evil.example:80", "", "127.0.0.1"} {
		if _, err := Connect(ctx, writeFile(t, File{Addr: addr, Token: token})); err == nil || errors.Is(err, ErrNoCore) {
			t.Errorf("%q: got %v, want a refusal to connect", addr, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(ctx, dir); err == nil || errors.Is(err, ErrNoCore) {
		t.Errorf("a file that is none: got %v, want an error", err)
	}
}

// Run ends what is still being answered when its grace is over.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	in := make(chan struct{})
	core.retry = func(ctx context.Context, _ uint64) error { close(in); <-ctx.Done(); return ctx.Err() }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l, time.Millisecond) }()
	c, err := Connect(ctx, writeFile(t, File{Addr: l.Addr().String(), Token: token}))
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() { asked <- c.Post(context.Background(), "dead-letters/1/retry", new(inspect.DeadLetterInfo)) }()
	<-in
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if err := <-asked; err == nil {
		t.Error("the request in hand: got an answer, want an error")
	}
}
