package receiver

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

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

// TestBusy: with four requests in hand for each processor, what can wait should,
// and no longer once they are answered. A client that has not sent its body yet
// is no request in hand.
func TestBusy(t *testing.T) {
	t.Parallel()
	var held sync.RWMutex // while it is locked no sync ends
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
			held.RLock()
			defer held.RUnlock()
		}
		return nil
	}))
	b := newBedOn(t, fs, Options{Processors: 2, BodyTimeout: 10 * time.Second}, nil)
	if _, err := io.WriteString(b.dial(), post("slow")[:40]); err != nil {
		t.Fatal(err)
	}
	held.Lock()
	var conns []net.Conn
	for n := range int64(10) {
		deadline := time.Now().Add(5 * time.Second)
		for b.r.active.Load() != n {
			if time.Now().After(deadline) {
				held.Unlock()
				t.Fatalf("requests in hand: got %d, want %d", b.r.active.Load(), n)
			}
			runtime.Gosched()
		}
		if got, want := b.r.Busy(), n >= 8; got != want {
			t.Errorf("busy with %d in hand on 2 processors: got %v, want %v", n, got, want)
		}
		c := b.dial()
		conns = append(conns, c)
		if _, err := io.WriteString(c, post("body")); err != nil {
			t.Error(err)
		}
	}
	held.Unlock()
	for _, c := range conns {
		if status, _, _ := answerOf(c, "POST"); status != 200 {
			t.Errorf("got %d, want 200", status)
		}
	}
	if b.r.Busy() {
		t.Errorf("busy with %d in hand after all were answered", b.r.active.Load())
	}
}
