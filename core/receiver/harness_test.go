package receiver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	path   = "/in/test"
	secret = "s3cr3t-t0k3n"
)

// bed is a receiver on a real listener with one source.
type bed struct {
	t    *testing.T
	r    *Receiver
	j    *journal.Journal
	log  *journal.Log
	addr string
	stop context.CancelFunc
	done chan error
}

func tokenAuth() *wire.Auth {
	return &wire.Auth{Scheme: &wire.Auth_Token{Token: &wire.Token{Location: "{header.X-Token}", Values: []string{secret}}}}
}

func noAuth() *wire.Auth { return &wire.Auth{Scheme: &wire.Auth_None{None: &wire.NoAuth{}}} }

func newBed(t *testing.T, o Options, change func(*Config)) *bed {
	t.Helper()
	return newBedOn(t, vfs.NewMem(), o, change)
}

func newBedOn(t *testing.T, fs vfs.FS, o Options, change func(*Config)) *bed {
	t.Helper()
	j, err := journal.Open(journal.Options{
		Dir: "j", FS: fs, Log: zerolog.Nop(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20, MinFree: 1 << 20, Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	b := &bed{t: t, j: j, done: make(chan error, 1)}
	if b.log, err = j.Log(journal.Raw, "test.s"); err != nil {
		t.Fatalf("log: %v", err)
	}
	o.Journal, o.Log = j, zerolog.Nop()
	b.r = New(o)
	c := Config{Source: "test.s", Path: path, PublicURL: "https://hooks.example.com" + path, MaxBody: 4 << 10, Auth: tokenAuth(), Log: b.log}
	if change != nil {
		change(&c)
	}
	if err := b.r.SetEndpoints([]Config{c}); err != nil {
		t.Fatalf("endpoints: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	b.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	b.stop = cancel
	go func() { b.done <- b.r.Run(ctx, l, 5*time.Second) }()
	t.Cleanup(b.end)
	return b
}

func (b *bed) end() {
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Errorf("run: %v", err)
	}
	b.done <- nil
	if err := b.j.Close(); err != nil && !errors.Is(err, journal.ErrClosed) {
		b.t.Errorf("close: %v", err)
	}
}

// dial opens a connection that gives up after a while.
func (b *bed) dial() net.Conn {
	b.t.Helper()
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatalf("dial: %v", err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// raw sends bytes as they are and returns the first answer; status 0 means that
// the connection was closed without one.
func (b *bed) raw(request string) (status int, header http.Header, body string) {
	b.t.Helper()
	c := b.dial()
	if _, err := io.WriteString(c, request); err != nil {
		return 0, nil, ""
	}
	return answerOf(c, "POST")
}

func answerOf(c net.Conn, method string) (int, http.Header, string) {
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return 0, nil, ""
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(body)
}

// post is a well-formed request with extra header lines.
func post(body string, lines ...string) string {
	head := append([]string{"POST " + path + " HTTP/1.1", "Host: h", "X-Token: " + secret, fmt.Sprintf("Content-Length: %d", len(body))}, lines...)
	return strings.Join(head, "\r\n") + "\r\n\r\n" + body
}

// stored are the requests in the journal.
func (b *bed) stored() (out []sdk.Delivery) {
	b.t.Helper()
	if b.log.Tail() == 0 {
		return nil
	}
	es, err := b.log.Read(0, 1000, 1<<20)
	if err != nil {
		b.t.Fatalf("read: %v", err)
	}
	for _, e := range es {
		inner, err := staged.Unframe(e.Body)
		if err != nil {
			b.t.Fatalf("entry %d: %v", e.Offset, err)
		}
		var d sdk.Delivery
		if err := d.UnmarshalWire(inner); err != nil {
			b.t.Fatalf("entry %d: %v", e.Offset, err)
		}
		out = append(out, d)
	}
	return out
}

// wantRefused holds the ledger's refused requests, by reason, against want.
func (b *bed) wantRefused(want map[string]int64) {
	b.t.Helper()
	got := map[string]int64{}
	for _, c := range b.j.Ledger() {
		if c.Outcome == journal.Refused {
			got[c.Source] = c.N
		}
	}
	if !maps.Equal(got, want) {
		b.t.Errorf("refused: got %v, want %v", got, want)
	}
}
