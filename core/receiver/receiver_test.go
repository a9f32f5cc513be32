package receiver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/journal"
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

// TestMalformed sends what is no proper request, or too much of one (F25): it is
// refused, and the journal is untouched.
func TestMalformed(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 4<<10+1)
	for name, c := range map[string]struct {
		request string
		want    int // 0: closed without an answer
	}{
		"too large, announced":       {post(big), 413},
		"too large, chunked":         {post("", "Transfer-Encoding: chunked") + "1001\r\n" + big + "\r\n0\r\n\r\n", 413},
		"announced beyond all":       {"POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\nx", 413},
		"length out of range":        {"POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx", 400},
		"negative length":            {"POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
		"two lengths":                {post("abc", "Content-Length: 2"), 400},
		"bad chunk size":             {"POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400},
		"unknown transfer encoding":  {"POST " + path + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
		"compressed":                 {post("abc", "Content-Encoding: gzip"), 415},
		"header lines":               {post("abc", strings.Split(strings.Repeat("X-A: 1\n", 200), "\n")[:200]...), 431},
		"header bytes":               {post("abc", "X-A: "+strings.Repeat("a", 64<<10)), 431},
		"space before colon":         {post("abc", "X-A : 1"), 400},
		"NUL in header":              {post("abc", "X-A: a\x00b"), 400},
		"no host":                    {"POST " + path + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400},
		"two hosts":                  {post("abc", "Host: other"), 400},
		"other method":               {"PUT " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nContent-Length: 0\r\n\r\n", 405},
		"connect":                    {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 404},
		"other path":                 {strings.Replace(post("abc"), path, path+"/", 1), 404},
		"dots":                       {strings.Replace(post("abc"), path, "/in/../in/test", 1), 404},
		"escaped slash":              {strings.Replace(post("abc"), path, "/in%2ftest", 1), 404},
		"escaped letter":             {strings.Replace(post("abc"), path, "/in/tes%74", 1), 404},
		"query that is no text":      {strings.Replace(post("abc"), path, path+"?a=\xff", 1), 400},
		"not HTTP":                   {"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400},
		"HTTP/3.0":                   {strings.Replace(post("abc"), "HTTP/1.1", "HTTP/3.0", 1), 505},
		"wrong token":                {strings.Replace(post("abc"), secret, "wrong", 1), 401},
		"prefix of the token":        {strings.Replace(post("abc"), secret, secret[:5], 1), 401},
		"no token":                   {strings.Replace(post("abc"), "X-Token: "+secret+"\r\n", "", 1), 401},
		"token in a repeated header": {post("abc", "X-Token: other"), 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{}, nil)
			status, _, body := b.raw(c.request)
			if status != c.want {
				t.Errorf("got %d %q, want %d", status, body, c.want)
			}
			if strings.Contains(body, secret) {
				t.Errorf("I14: the answer quotes the secret: %q", body)
			}
			if n := len(b.stored()); n != 0 {
				t.Errorf("stored: got %d, want none", n)
			}
			if status, _, _ := b.raw(post("after")); status != 200 {
				t.Errorf("a good request afterwards: got %d, want 200", status)
			}
		})
	}
}

// TestAccepted sends what is unusual and proper.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ request, body string }{
		"empty":             {post(""), ""},
		"as large as can":   {post(strings.Repeat("x", 4<<10)), strings.Repeat("x", 4<<10)},
		"same length twice": {post("abc", "Content-Length: 3"), "abc"},
		"chunked": {"POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"2;ext=1\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: t\r\n\r\n", "abc"},
		"length beside chunks": {"POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"3\r\nabc\r\n0\r\n\r\n", "abc"},
		"chunked, as large as can": {"POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"1000\r\n" + strings.Repeat("y", 4<<10) + "\r\n0\r\n\r\n", strings.Repeat("y", 4<<10)},
		"absolute target": {strings.Replace(post("abc"), path, "http://h"+path, 1), "abc"},
		"identity":        {post("abc", "Content-Encoding: identity"), "abc"},
		"lower case name": {strings.Replace(post("abc"), "X-Token", "x-token", 1), "abc"},
		"folded header":   {post("abc", "X-A: 1", " folded"), "abc"},
		"expect":          {post("abc", "Expect: 100-continue"), "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{}, nil)
			conn := b.dial()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			res, err := http.ReadResponse(r, nil)
			if err == nil && res.StatusCode == 100 {
				res, err = http.ReadResponse(r, nil)
			}
			if err != nil || res.StatusCode != 200 {
				t.Fatalf("got %v, %v, want 200", res, err)
			}
			_ = res.Body.Close()
			if got := b.stored(); len(got) != 1 || string(got[0].Body) != c.body {
				t.Errorf("stored: got %d %+v, want one of %q", len(got), got, c.body)
			}
		})
	}
}

// TestPipelined: several requests on one connection are answered in order.
func TestPipelined(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	c := b.dial()
	if _, err := io.WriteString(c, post("1")+strings.Replace(post("2"), secret, "no", 1)+post("3")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for i, want := range []int{200, 401, 200} {
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode != want {
			t.Fatalf("answer %d: got %v, %v, want %d", i, res, err, want)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	if got := b.stored(); len(got) != 2 || string(got[1].Body) != "3" {
		t.Errorf("stored: got %v, want 1 and 3", got)
	}
}

// TestSlow proves I12 (F27): whoever sends too slowly is cut off, others are
// served meanwhile.
func TestSlow(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"nothing":       "",
		"half a header": "POST " + path + " HTTP/1.1\r\nHos",
		"half a body":   "POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nContent-Length: 100\r\n\r\nhalf",
		"half a chunk":  "POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{
				HeaderTimeout: 200 * time.Millisecond, BodyTimeout: 300 * time.Millisecond, IdleTimeout: 200 * time.Millisecond, WriteTimeout: time.Second,
			}, nil)
			c := b.dial()
			if _, err := io.WriteString(c, head); err != nil {
				t.Fatal(err)
			}
			if status, _, _ := b.raw(post("meanwhile")); status != 200 {
				t.Errorf("another client meanwhile: got %d, want 200", status)
			}
			status, _, _ := answerOf(c, "POST") // returns once the server gives up
			if status >= 200 && status < 400 {
				t.Errorf("the slow client: got %d, want a refusal or none", status)
			}
			if n := len(b.stored()); n != 1 {
				t.Errorf("stored: got %d, want the other's only", n)
			}
		})
	}
}

// TestInFlight proves I12: bodies without a length, and lengths that are only
// announced, count as what they really hold.
func TestInFlight(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{MaxInFlight: 300 << 10, BodyTimeout: 5 * time.Second}, func(c *Config) { c.MaxBody = 1 << 20 })
	head := "POST " + path + " HTTP/1.1\r\nHost: h\r\nX-Token: " + secret + "\r\n"
	// Announcing a lot reserves little.
	for range 3 {
		if _, err := io.WriteString(b.dial(), head+"Content-Length: 1000000\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, _ := b.raw(post("small")); status != 200 {
		t.Errorf("beside announcements: got %d, want 200", status)
	}
	// Sending a lot without a length does not get past the limit.
	status, h, _ := b.raw(head + "Transfer-Encoding: chunked\r\n\r\nf0000\r\n" + strings.Repeat("x", 0xf0000) + "\r\n0\r\n\r\n")
	if status != 503 && status != 0 { // 0: cut off while still sending
		t.Errorf("a chunked flood: got %d, want 503", status)
	}
	if status == 503 && h.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if n := len(b.stored()); n != 1 {
		t.Errorf("stored: got %d, want 1", n)
	}
}

// TestEarlyDisconnect: a client that leaves before its answer costs nothing but
// its own request (F28).
func TestEarlyDisconnect(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	for range 20 {
		c := b.dial()
		_, _ = io.WriteString(c, post("left"))
		_ = c.Close()
	}
	if status, _, _ := b.raw(post("stays")); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
	for _, d := range b.stored() {
		if s := string(d.Body); s != "left" && s != "stays" {
			t.Errorf("stored: %q was never sent", s)
		}
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
	if status, _, _ := b.raw(post("x")); status != 200 {
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

// TestRefusedAreCounted: what stores nothing is in the ledger all the same (I3).
func TestRefusedAreCounted(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, nil)
	for range 3 {
		b.raw(strings.Replace(post("x"), secret, "no", 1))
	}
	b.stop()
	if err := <-b.done; err != nil {
		t.Fatal(err)
	}
	b.done <- nil
	for _, c := range b.j.Ledger() {
		if c.Outcome == journal.Refused && c.N != 3 {
			t.Errorf("refused: got %d, want 3", c.N)
		}
	}
	if len(b.j.Ledger()) != 1 {
		t.Errorf("ledger: got %v, want one row", b.j.Ledger())
	}
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
