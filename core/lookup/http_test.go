package lookup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
)

// web1 is a lookup of a service with these fields.
func web1(t *testing.T, url string, set func(*config.Lookup)) *web {
	t.Helper()
	c := &config.Lookup{
		Address: "http.crm", Type: config.LookupHTTP, Columns: []string{"tier", "city"},
		Remote: &config.Remote{TTL: time.Minute, NegativeTTL: time.Minute, MaxEntries: 10, Timeout: 5 * time.Second, MaxConnections: 2},
		HTTP: &config.LookupInWeb{URL: url, NotFound: []int{404}, Headers: []config.Header{{Name: "Authorization", Value: "Bearer hunter2"}}, Fields: []config.LookupField{
			{Column: "tier", Path: config.Path{{Name: "data"}, {Name: "tier"}}},
			{Column: "city", Path: config.Path{{Name: "addresses"}, {Index: 0}, {Name: "city"}}},
		}},
	}
	if set != nil {
		set(c)
	}
	w := openHTTP(c)
	t.Cleanup(func() { _ = w.close() })
	return w
}

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestHTTPAnswers: what each answer means.
func TestHTTPAnswers(t *testing.T) {
	t.Parallel()
	const (
		found   = "found"
		missing = "missing"
		refused = "refused"
		outage  = "outage"
	)
	for name, c := range map[string]struct {
		status int
		header string // Retry-After
		body   string
		want   string
		row    string
		wait   time.Duration
	}{
		"row":             {200, "", `{"data":{"tier":"gold"},"addresses":[{"city":"Oslo"}]}`, found, "gold,Oslo", 0},
		"plain values":    {200, "", `{"data":{"tier":1.50},"addresses":[{"city":true}]}`, found, "1.50,true", 0},
		"null":            {200, "", `{"data":{"tier":null},"addresses":[]}`, found, ",", 0},
		"other shape":     {200, "", `{"data":[1],"addresses":{"city":"x"}}`, found, ",", 0},
		"list":            {200, "", `{"data":{"tier":["x"]}}`, refused, "", 0},
		"not JSON":        {200, "", `<html>`, refused, "", 0},
		"two documents":   {200, "", `{}{}`, refused, "", 0},
		"not UTF-8":       {200, "", "{\"data\":\"\xff\"}", refused, "", 0},
		"too large":       {200, "", `{"x":"` + strings.Repeat("x", maxAnswer) + `"}`, refused, "", 0},
		"no content":      {204, "", "", missing, "", 0},
		"not found":       {404, "", "", missing, "", 0},
		"bad request":     {400, "", "", refused, "", 0},
		"gone":            {410, "", "", refused, "", 0},
		"unauthorized":    {401, "", "", outage, "", 0},
		"forbidden":       {403, "", "", outage, "", 0},
		"throttled":       {429, "17", "", outage, "", 17 * time.Second},
		"unavailable":     {503, "", "", outage, "", 0},
		"unavailable for": {503, "Thu, 15 Jan 2026 08:01:00 GMT", "", outage, "", time.Minute},
		"odd Retry-After": {503, "soon", "", outage, "", 0},
		"leads elsewhere": {302, "", "", outage, "", 0},
		"partial":         {206, "", "{}", outage, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer hunter2" {
					t.Errorf("got %s with %q", r.Method, r.Header.Get("Authorization"))
				}
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			w := web1(t, s.URL+"/{key}", nil)
			w.now = func() time.Time { return time.Date(2026, 1, 15, 8, 0, 0, 0, time.UTC) }
			row, err := w.fetch(context.Background(), "k")
			got := outage
			var about *refusal
			switch {
			case errors.As(err, &about):
				got = refused
			case err == nil && row == nil:
				got = missing
			case err == nil:
				got = found
				if text := strings.Join(row.Values, ","); text != c.row {
					t.Errorf("row: got %s, want %s", text, c.row)
				}
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
			var told *later
			if errors.As(err, &told); c.wait > 0 && (told == nil || told.wait != c.wait) {
				t.Errorf("wait: got %v, want %s", err, c.wait)
			}
		})
	}
}

// TestHTTPKeyStays: a key is somebody else's text and never leaves its place in
// the URL.
func TestHTTPKeyStays(t *testing.T) {
	t.Parallel()
	var path, query string
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
		fmt.Fprint(w, "{}")
	})
	w := web1(t, s.URL+"/api/{key}/x?by={key}&all=1", nil)
	for key, want := range map[string]string{
		"+44 77":         "/api/+44%2077/x?by=%2B44+77&all=1",
		"../../admin":    "/api/..%2F..%2Fadmin/x?by=..%2F..%2Fadmin&all=1",
		"a?b=c#d":        "/api/a%3Fb=c%23d/x?by=a%3Fb%3Dc%23d&all=1",
		"a&all=2":        "/api/a&all=2/x?by=a%26all%3D2&all=1",
		"{key}":          "/api/%7Bkey%7D/x?by=%7Bkey%7D&all=1",
		"é\r\nX: y":      "/api/%C3%A9%0D%0AX:%20y/x?by=%C3%A9%0D%0AX%3A+y&all=1",
		"@evil.example/": "/api/@evil.example%2F/x?by=%40evil.example%2F&all=1",
	} {
		if _, err := w.fetch(context.Background(), key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if got := path + "?" + query; got != want {
			t.Errorf("%q: asked for %s, want %s", key, got, want)
		}
	}
	for _, key := range []string{".", ".."} {
		path = "nobody"
		var about *refusal
		if _, err := w.fetch(context.Background(), key); !errors.As(err, &about) || path != "nobody" {
			t.Errorf("%q: got %v and asked for %s, want a refusal", key, err, path)
		}
	}
}

// TestHTTPRedirects: credentials go to the configured host alone.
func TestHTTPRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := server(t, func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") })
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			fmt.Fprint(w, `{"data":{"tier":"gold"}}`)
		}
	})
	w := web1(t, s.URL+"/{key}", nil)
	for key, ok := range map[string]bool{"away": false, "loop": false, "near": true} {
		if row, err := w.fetch(context.Background(), key); (err == nil && row != nil) != ok {
			t.Errorf("%s: got %v, %v, want a row: %v", key, row, err, ok)
		}
	}
}

// TestHTTPVerifies: a certificate that nobody vouches for is refused, and errors
// hold no key (I14).
func TestHTTPVerifies(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	_, err := web1(t, s.URL+"/{key}", nil).fetch(context.Background(), "personal")
	if err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "personal") {
		t.Errorf("got %v, want a complaint about the certificate without the key", err)
	}
}
