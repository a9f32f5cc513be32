package receiver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// TestStoredThenAnswered proves I1: what is answered with a 2xx is stored, byte
// for byte, under the reference that the answer names.
func TestStoredThenAnswered(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	body := "a=1\x00\xff\r\n\r\nb"
	status, h, _ := b.raw(post(body, "X-Provider: p", "X-Many: 1", "X-Many: 2", "Content-Type: text/odd"))
	if status != 200 || h.Get("Patchbay-Delivery") != "test.s/0" {
		t.Fatalf("got %d, %v, want 200 and test.s/0", status, h)
	}
	got := b.stored()
	if len(got) != 1 {
		t.Fatalf("stored: got %d, want 1", len(got))
	}
	d := got[0]
	if string(d.Body) != body || !d.Authenticated || d.Method != "POST" || d.URL != "https://hooks.example.com"+path ||
		d.Remote != "127.0.0.1" || d.Header("Content-Type") != "text/odd" || d.Header("Host") != "h" {
		t.Errorf("stored: got %+v", d)
	}
	many := ""
	for _, f := range d.Headers {
		if f.Name == "X-Many" {
			many += f.Value
		}
	}
	if many != "12" {
		t.Errorf("repeated header: got %q, want both values in order", many)
	}
}

// TestSecretsAreNotStored proves I14.
func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	inQuery := &wire.Auth{Scheme: &wire.Auth_Token{Token: &wire.Token{Location: "{query.token}", Values: []string{secret}}}}
	query := func(q string) string {
		return "POST " + path + "?" + q + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nb"
	}
	for name, c := range map[string]struct {
		auth    *wire.Auth
		request string
	}{
		"header":       {tokenAuth(), post("b")},
		"others":       {tokenAuth(), post("b", "Authorization: Bearer "+secret, "Proxy-Authorization: "+secret, "Cookie: "+secret)},
		"query":        {inQuery, query("a=1&token=" + secret + "&b=2")},
		"escaped name": {inQuery, query("tok%65n=" + secret)},
		"twice":        {inQuery, query("token=" + secret + "&token=" + secret)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{}, func(cfg *Config) { cfg.Auth, cfg.Quarantine = c.auth, true })
			if status, _, _ := b.raw(c.request); status != 200 {
				t.Fatalf("got %d, want 200", status)
			}
			es, err := b.log.Read(0, 1, 1<<20)
			if err != nil || len(es) != 1 {
				t.Fatalf("read: %d, %v", len(es), err)
			}
			if bytes.Contains(es[0].Body, []byte(secret)) {
				t.Errorf("I14: the secret is stored: %q", es[0].Body)
			}
		})
	}
}

// TestQuarantine: what is not authentic is stored, marked, and acknowledged.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, func(c *Config) { c.Quarantine = true })
	if status, _, _ := b.raw(strings.Replace(post("odd"), secret, "wrong", 1)); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
	if got := b.stored(); len(got) != 1 || got[0].Authenticated {
		t.Errorf("stored: got %+v, want one that is not authenticated", got)
	}
}

// TestHandshakes answers what proves the URL to a provider.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	handshakes := []*wire.Handshake{
		{Method: "GET", When: map[string]string{"{query.mode}": "subscribe", "{query.challenge}": "*"},
			Secret: "{query.verify}", SecretValues: []string{"v3rify"}, Answer: &wire.Answer{Body: "{query.challenge}"}},
		{Method: "HEAD", Answer: &wire.Answer{Status: 204}},
		{Method: "POST", Authenticated: true, When: map[string]string{"{header.X-Kind}": "ping"}, Answer: &wire.Answer{Body: "pong"}},
	}
	b := newBed(t, Options{}, func(c *Config) { c.Endpoint = &wire.Endpoint{Handshakes: handshakes} })
	get := func(query string) string { return "GET " + path + "?" + query + " HTTP/1.1\r\nHost: h\r\n\r\n" }
	for name, c := range map[string]struct {
		request string
		status  int
		body    string
	}{
		"challenge":           {get("mode=subscribe&verify=v3rify&challenge=%3Cb%3E1"), 200, "<b>1"},
		"wrong secret":        {get("mode=subscribe&verify=x&challenge=1"), 403, ""},
		"no challenge":        {get("mode=subscribe&verify=v3rify&challenge="), 405, ""},
		"another mode":        {get("mode=other"), 405, ""},
		"head":                {"HEAD " + path + " HTTP/1.1\r\nHost: h\r\n\r\n", 204, ""},
		"ping":                {post("", "X-Kind: ping"), 200, "pong"},
		"ping, not authentic": {strings.Replace(post("", "X-Kind: ping"), secret, "x", 1), 401, ""},
	} {
		conn := b.dial()
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Fatal(err)
		}
		status, h, body := answerOf(conn, strings.Fields(c.request)[0])
		if status != c.status || body != c.body {
			t.Errorf("%s: got %d %q, want %d %q", name, status, body, c.status, c.body)
		}
		if body != "" && !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: a reflected text has the type %q", name, h.Get("Content-Type"))
		}
	}
	if n := len(b.stored()); n != 0 {
		t.Errorf("stored: got %d handshakes, want none", n)
	}
}

// fullFS is a disk that is nearly full.
type fullFS struct {
	vfs.FS
	free atomic.Uint64
}

func (fs *fullFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: fs.free.Load()}, nil
}

// TestPressure proves I12: what cannot be stored now is answered so that the
// provider tries again, in the provider's own way.
func TestPressure(t *testing.T) {
	t.Parallel()
	disk := &fullFS{FS: vfs.NewMem()}
	b := newBedOn(t, disk, Options{}, func(c *Config) {
		c.Endpoint = &wire.Endpoint{Pressure: &wire.Answer{Status: 429, RetryAfterMs: 1500}}
	})
	if status, h, _ := b.raw(post("x")); status != 429 || h.Get("Retry-After") != "2" || h.Get("Patchbay-Delivery") != "" {
		t.Errorf("full disk: got %d, %v, want 429 and 2", status, h)
	}
	disk.free.Store(1 << 40)
	status, deadline := 0, time.Now().Add(10*time.Second) // the disk is looked at once a second
	for status != 200 && time.Now().Before(deadline) {
		status, _, _ = b.raw(post("x"))
	}
	if status != 200 {
		t.Errorf("room again: got %d, want 200", status)
	}
}

// TestNotReady: before its plugin was configured a source asks for patience.
func TestNotReady(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, func(c *Config) { c.Auth = nil })
	if status, h, _ := b.raw(post("x")); status != 503 || h.Get("Retry-After") != "1" {
		t.Errorf("got %d, %v, want 503 and 1", status, h)
	}
}

// TestNo2xxWithoutTheJournal proves I1 and I11: no journal, no 2xx.
func TestNo2xxWithoutTheJournal(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	if err := b.j.Close(); err != nil {
		t.Fatal(err)
	}
	if status, h, _ := b.raw(post("x")); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("got %d, %v, want 503", status, h)
	}
}

// TestVerifier: a scheme that only the plugin knows is asked of it, and its
// silence is no answer.
func TestVerifier(t *testing.T) {
	t.Parallel()
	var ok bool
	var fails error
	b := newBed(t, Options{}, func(c *Config) {
		c.Auth = &wire.Auth{Scheme: &wire.Auth_Verifier{Verifier: &wire.Verifier{}}}
		c.Verify = func(context.Context, []byte) (bool, error) { return ok, fails }
	})
	for _, c := range []struct {
		ok   bool
		err  error
		want int
	}{{true, nil, 200}, {false, nil, 401}, {true, errors.New("gone"), 503}} {
		ok, fails = c.ok, c.err
		if status, _, _ := b.raw(post("x")); status != c.want {
			t.Errorf("verifier says %v, %v: got %d, want %d", c.ok, c.err, status, c.want)
		}
	}
	if got := b.stored(); len(got) != 1 || !got[0].Authenticated {
		t.Errorf("stored: got %+v, want the genuine one", got)
	}
}

// TestOpenSource: a source that authenticates nothing stores without the mark.
func TestOpenSource(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, func(c *Config) { c.Auth = noAuth() })
	if status, _, _ := b.raw(post("x")); status != 200 || len(b.stored()) != 1 || b.stored()[0].Authenticated {
		t.Errorf("got %d, %+v", status, b.stored())
	}
}

// TestRefusedAreCounted: what stores nothing is in the ledger all the same, with
// its reason, and by the next acknowledgement at the latest (I3).
func TestRefusedAreCounted(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, func(c *Config) {
		c.Endpoint = &wire.Endpoint{Handshakes: []*wire.Handshake{{Method: "GET", Secret: "{query.v}", SecretValues: []string{"x"}}}}
	})
	for range 3 {
		b.raw(strings.Replace(post("x"), secret, "no", 1))
	}
	b.raw(strings.Replace(post("x"), "X-Token: "+secret+"\r\n", "", 1))
	b.raw("GET " + path + "?v=y HTTP/1.1\r\nHost: h\r\n\r\n")
	if status, _, _ := b.raw(post("x")); status != 200 {
		t.Fatalf("got %d, want 200", status)
	}
	b.wantRefused(map[string]int64{"bad_credentials": 3, "missing_credentials": 1, "bad_handshake": 1})
}

// TestDraining: a request in hand at the end is finished, a later one refused.
func TestDraining(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	c := b.dial()
	request := post("in hand")
	if _, err := io.WriteString(c, request[:len(request)-3]); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := b.raw(post("before")); status != 200 {
		t.Fatalf("before: got %d", status)
	}
	for b.r.inFlight.Load() == 0 { // the request in hand has reached its handler
		if status, _, _ := b.raw(post("before")); status != 200 {
			t.Fatalf("before: got %d", status)
		}
	}
	b.stop()
	if _, err := io.WriteString(c, request[len(request)-3:]); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := answerOf(c, "POST"); status != 200 {
		t.Errorf("in hand at the end: got %d, want 200", status)
	}
	if err := <-b.done; err != nil {
		t.Errorf("run: %v", err)
	}
	b.done <- nil
	if last := b.stored(); string(last[len(last)-1].Body) != "in hand" {
		t.Errorf("stored last: got %q, want the one in hand", last[len(last)-1].Body)
	}
}

// TestSetEndpoints: an invalid set leaves the old one in place (I15).
func TestSetEndpoints(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	good := Config{Source: "a", Path: "/a", Auth: noAuth(), Log: b.log, MaxBody: 10}
	for name, cs := range map[string][]Config{
		"same path":      {good, good},
		"no scheme":      {good, {Source: "b", Path: "/b", Auth: &wire.Auth{}, Log: b.log}},
		"no verifier":    {{Source: "b", Path: "/b", Auth: &wire.Auth{Scheme: &wire.Auth_Verifier{}}, Log: b.log}},
		"bad handshake":  {{Source: "b", Path: "/b", Auth: noAuth(), Log: b.log, Endpoint: &wire.Endpoint{Handshakes: []*wire.Handshake{{When: map[string]string{"{nonsense": "x"}}}}}},
		"secret without": {{Source: "b", Path: "/b", Auth: noAuth(), Log: b.log, Endpoint: &wire.Endpoint{Handshakes: []*wire.Handshake{{Secret: "{query.a}"}}}}},
	} {
		if err := b.r.SetEndpoints(cs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if status, _, _ := b.raw(post("x")); status != 200 {
		t.Errorf("I15: the old endpoint: got %d, want 200", status)
	}
}

func FuzzRedactQuery(f *testing.F) {
	f.Add("https://h/p?token=SECRETSECRET&a=1")
	f.Add("https://h/p?tok%65n=SECRETSECRET;token=SECRETSECRET")
	f.Add("?token")
	f.Fuzz(func(t *testing.T, address string) {
		out := redactQuery(address, []string{"token"})
		if again := redactQuery(out, []string{"token"}); again != out {
			t.Errorf("%q: not stable: %q, then %q", address, out, again)
		}
		if redactQuery(address, nil) != address {
			t.Errorf("%q was changed without names", address)
		}
	})
}
