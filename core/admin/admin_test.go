package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

const (
	token = "5ec4e70000000000000000000000cafe"
	phone = "+447700900123"
)

// fakeCore is a core with a journal, of which everything else is made up.
type fakeCore struct {
	j       *journal.Journal
	mu      sync.Mutex
	reasons []string
	retry   func(ctx context.Context, id uint64) error
	tap     tap.Hub
}

func (c *fakeCore) Tap() *tap.Hub { return &c.tap }

func (c *fakeCore) Journal() *journal.Journal { return c.j }

func (c *fakeCore) Ready() (bool, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.reasons) == 0, c.reasons
}

func (c *fakeCore) Status() Status {
	ok, why := c.Ready()
	return Status{Version: "1.2.3", Receiver: "127.0.0.1:8080", Ready: ok, Reasons: why, Journal: c.j.Metrics(),
		Lanes: []LaneStatus{{Pipeline: "messaging", Source: "twilio.support"}, {Pipeline: "messaging", Source: "twilio.sales"}},
		Sinks: []SinkStatus{{Address: "kafka.stream", Dispatch: []dispatch.Status{{}}}, {Address: "kafka.spare"}},
	}
}

func (c *fakeCore) RetryDeadLetter(ctx context.Context, id uint64) error { return c.retry(ctx, id) }

// setup makes a core with one event and two dead letters.
func setup(t *testing.T) (*fakeCore, *Server, *bytes.Buffer) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: "j", FS: vfs.NewMem(), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	raw, err := j.Log(journal.Raw, "twilio.support")
	if err != nil {
		t.Fatal(err)
	}
	log, err := j.Log(journal.StagedIn, "messaging")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Append([]byte{0x0a, 0}); err != nil { // an empty request, framed
		t.Fatal(err)
	}
	tx := j.Begin()
	e := sdk.Event{ID: sdk.ID{1}, MessageID: "SM1", Channel: sdk.SMS, Type: sdk.Delivered, Recipient: phone, Source: "twilio.support"}
	var b staged.Builder
	b.Reset(e.Source)
	b.Add(&e)
	m := staged.Meta{Note: &staged.Note{Outcome: journal.Filtered, By: "filter"}}
	body, _ := staged.AppendEvent(nil, &e, nil)
	tx.Append(log, []journal.Entry{{Meta: m.Append(nil), Body: body}}, b.Encode())
	for range 2 {
		tx.DeadLetter(&journal.DeadLetter{
			State: journal.DeadOpen, Pipeline: "messaging", Source: e.Source, Code: "malformed", Reason: "from " + phone,
			Row: journal.Row{Scope: journal.ScopePipeline, Name: "messaging", Source: e.Source},
		})
	}
	if err := tx.Commit(journal.Durable); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "patchbay_test"}, func() float64 { return 7 }))
	core := &fakeCore{j: j}
	core.tap.Declare("messaging", []string{"dedup"})
	var logged bytes.Buffer
	return core, New(core, reg, zerolog.New(&logged), token), &logged
}

// ask sends a request straight to the handler.
func ask(s *Server, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:9090"+target, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func trusted(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }

func envelope(t *testing.T, w *httptest.ResponseRecorder) Envelope {
	t.Helper()
	var e Envelope
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	if got, want := w.Header().Get("Content-Type"), "application/json; charset=utf-8"; got != want {
		t.Errorf("Content-Type: got %q, want %q", got, want)
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options: got %q, want nosniff", got)
	}
	return e
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	if w := ask(s, "GET", "/healthz", nil); w.Code != 200 || !envelope(t, w).OK {
		t.Errorf("healthz: got %d %s", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/readyz", nil); w.Code != 200 {
		t.Errorf("readyz: got %d %s", w.Code, w.Body)
	}
	core.reasons = []string{"source twilio.support is not configured yet"}
	w := ask(s, "GET", "/readyz", nil)
	if e := envelope(t, w); w.Code != 503 || e.OK || e.Error.Message != core.reasons[0] || !strings.Contains(string(e.Data), core.reasons[0]) {
		t.Errorf("readyz: got %d %s, want 503 and the reason", w.Code, w.Body)
	}
	if w := ask(s, "GET", "/metrics", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "patchbay_test 7") {
		t.Errorf("metrics: got %d %s", w.Code, w.Body)
	}
}

// Everything that reveals or changes something needs the token, all of it.
func TestToken(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	for _, target := range []string{
		"GET /api/v1/explain?id=SM1", "GET /api/v1/events", "GET /api/v1/dead-letters", "GET /api/v1/dead-letters/1",
		"POST /api/v1/dead-letters/1/retry", "POST /api/v1/dead-letters/1/discard",
	} {
		method, path, _ := strings.Cut(target, " ")
		for name, header := range map[string]string{
			"none": "", "empty": "Bearer ", "wrong": "Bearer " + strings.Repeat("0", 32), "part": "Bearer " + token[:31],
			"more": "Bearer " + token + "0", "no scheme": token, "basic": "Basic " + token, "lower": "bearer " + token,
		} {
			w := ask(s, method, path, func(r *http.Request) {
				if header != "" {
					r.Header.Set("Authorization", header)
				}
			})
			if e := envelope(t, w); w.Code != 401 || e.OK || len(e.Data) > 0 {
				t.Errorf("%s, %s: got %d %s, want 401", target, name, w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), token) {
				t.Errorf("%s: the answer shows the token", target)
			}
		}
	}
	for _, path := range []string{"/api/v1/status", "/api/v1/account"} {
		if w := ask(s, "GET", path, nil); w.Code != 200 || !envelope(t, w).OK {
			t.Errorf("%s without a token: got %d %s, want 200", path, w.Code, w.Body)
		}
	}
	if d, err := s.core.Journal().DeadLetter(1); err != nil || d.State != journal.DeadOpen {
		t.Errorf("dead letter 1: got %+v, %v, want it untouched", d, err)
	}
}

func TestEmptyTokenPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("got a server that lets everybody in")
		}
	}()
	New(nil, prometheus.NewRegistry(), zerolog.Nop(), "")
}

// A name that somebody else gave to a loopback address is refused.
func TestHost(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	for host, want := range map[string]int{
		"127.0.0.1:9090": 200, "127.0.0.1": 200, "localhost:9090": 200, "LOCALHOST": 200, "[::1]:9090": 200, "[::1]": 200,
		"127.8.9.10:1": 200, "evil.example": 421, "evil.example:9090": 421, "127.0.0.1.evil.example": 421,
		"localhost.evil.example:9090": 421, "192.0.2.7:9090": 421, "0.0.0.0:9090": 421, "[::]:9090": 421, "": 421,
		"127.0.0.1:9090:1": 421, "2130706433": 421,
	} {
		for _, path := range []string{"/healthz", "/metrics", "/api/v1/explain?id=SM1"} {
			w := ask(s, "GET", path, func(r *http.Request) { r.Host = host; trusted(r) })
			if w.Code != want {
				t.Errorf("%q %s: got %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

func TestNoCrossOrigin(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	for _, method := range []string{"GET", "OPTIONS"} {
		w := ask(s, method, "/api/v1/status", func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Access-Control-Request-Method", "GET")
		})
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: got header %s", method, name)
			}
		}
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	_, s, logged := setup(t)
	for _, c := range []struct {
		target string
		status int
		want   string // in the body
	}{
		{"/api/v1/status", 200, `"version":"1.2.3"`},
		{"/api/v1/account", 200, `"balanced":`},
		{"/api/v1/explain?id=SM1", 200, `"recipient":"+44******123"`},
		{"/api/v1/explain?id=SM1&reveal=true", 200, `"recipient":"` + phone + `"`},
		{"/api/v1/explain?id=SM9", 404, `"code":"not_found"`},
		{"/api/v1/explain", 400, "id must be given"},
		{"/api/v1/explain?id=SM1&reveal=maybe", 400, "reveal must be true or false"},
		{"/api/v1/explain?id=%zz", 400, "the query cannot be read"},
		{"/api/v1/explain?id=" + strings.Repeat("x", 9000), 404, "not_found"},
		{"/api/v1/events", 200, `"message_id":"SM1"`},
		{"/api/v1/events?type=opened", 200, `"events":[]`},
		{"/api/v1/events?where=" + url.QueryEscape(`event.channel == "sms"`), 200, `"message_id":"SM1"`},
		{"/api/v1/events?where=" + url.QueryEscape(`event.chanel == "sms"`), 400, `where must be a condition: unknown field`},
		{"/api/v1/events?where=x(", 400, "where must be a condition"},
		{"/api/v1/events?limit=0", 400, "limit must be a number from 1 to 5000"},
		{"/api/v1/events?limit=5001", 400, "limit must be"},
		{"/api/v1/events?limit=-1", 400, "limit must be"},
		{"/api/v1/events?limit=99999999999999999999", 400, "limit must be"},
		{"/api/v1/events?since=yesterday", 400, "since must be a time"},
		{"/api/v1/events?since=2030-01-01T00:00:00Z", 200, `"events":[]`},
		{"/api/v1/dead-letters", 200, "from +44******123"},
		{"/api/v1/dead-letters?limit=1", 200, `"truncated":true`},
		{"/api/v1/dead-letters/1", 200, `"id":1`},
		{"/api/v1/dead-letters/9", 404, "no dead letter has the id 9"},
		{"/api/v1/dead-letters/x", 400, "id is a number"},
		{"/api/v1/dead-letters/-1", 400, "id is a number"},
		{"/api/v1/nothing", 404, "there is nothing here"},
		{"/", 404, "there is nothing here"},
	} {
		w := ask(s, "GET", c.target, trusted)
		e := envelope(t, w)
		if w.Code != c.status || e.OK != (c.status == 200) || !strings.Contains(w.Body.String(), strings.ReplaceAll(c.want, "&", `\u0026`)) {
			t.Errorf("%.80s: got %d %.300s, want %d with %q", c.target, w.Code, w.Body, c.status, c.want)
		}
	}
	if got := strings.Count(logged.String(), "personal data revealed"); got != 1 {
		t.Errorf("logged %d reveals, want 1:\n%s", got, logged)
	}
	if strings.Contains(logged.String(), phone) || strings.Contains(logged.String(), token) {
		t.Errorf("the log shows too much:\n%s", logged)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	_, s, _ := setup(t)
	for _, target := range []string{"GET /api/v1/dead-letters/1/discard", "DELETE /api/v1/dead-letters/1", "POST /api/v1/events", "PUT /healthz"} {
		method, path, _ := strings.Cut(target, " ")
		if w := ask(s, method, path, trusted); w.Code != 404 && w.Code != 405 {
			t.Errorf("%s: got %d, want a refusal", target, w.Code)
		}
	}
	w := ask(s, "POST", "/api/v1/dead-letters/1/discard", func(r *http.Request) { trusted(r); r.ContentLength = maxBody + 1 })
	if w.Code != 413 {
		t.Errorf("a large body: got %d, want 413", w.Code)
	}
}

func TestDiscard(t *testing.T) { // I3
	t.Parallel()
	core, s, logged := setup(t)
	if w := ask(s, "POST", "/api/v1/dead-letters/1/discard", trusted); w.Code != 200 {
		t.Fatalf("got %d %s, want 200", w.Code, w.Body)
	}
	if w := ask(s, "POST", "/api/v1/dead-letters/1/discard", trusted); w.Code != 409 {
		t.Errorf("again: got %d %s, want 409", w.Code, w.Body)
	}
	if w := ask(s, "POST", "/api/v1/dead-letters/9/discard", trusted); w.Code != 404 {
		t.Errorf("unknown: got %d %s, want 404", w.Code, w.Body)
	}
	if d, err := core.j.DeadLetter(1); err != nil || d.State != journal.DeadDiscarded {
		t.Errorf("got %+v, %v, want it discarded", d, err)
	}
	if got := strings.Count(logged.String(), "dead letter discarded"); got != 1 {
		t.Errorf("logged %d times, want 1", got)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	for name, c := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"done":           {nil, 200, `"ok":true`},
		"refused again":  {fmt.Errorf("%w: malformed: %s", dispatch.ErrStillRejected, phone), 422, "refused again: malformed: +44******123"},
		"cannot be done": {errors.New("engine: sink x is not part of it any more"), 502, "not part of it any more"},
		"too long":       {context.DeadlineExceeded, 504, "it took too long"},
	} {
		core.retry = func(_ context.Context, id uint64) error {
			if id != 1 {
				t.Errorf("%s: got id %d, want 1", name, id)
			}
			return c.err
		}
		w := ask(s, "POST", "/api/v1/dead-letters/1/retry", trusted)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %s, want %d with %q", name, w.Code, w.Body, c.status, c.want)
		}
	}
	if w := ask(s, "POST", "/api/v1/dead-letters/9/retry", trusted); w.Code != 404 {
		t.Errorf("unknown: got %d, want 404", w.Code)
	}
}

// Two changes of one dead letter at a time would be counted twice (I3).
func TestOneChangeAtATime(t *testing.T) {
	t.Parallel()
	core, s, _ := setup(t)
	in, out := make(chan struct{}), make(chan struct{})
	core.retry = func(context.Context, uint64) error { close(in); <-out; return nil }
	done := make(chan int)
	go func() { done <- ask(s, "POST", "/api/v1/dead-letters/1/retry", trusted).Code }()
	<-in
	for _, verb := range []string{"retry", "discard"} {
		if w := ask(s, "POST", "/api/v1/dead-letters/1/"+verb, trusted); w.Code != 409 {
			t.Errorf("%s meanwhile: got %d %s, want 409", verb, w.Code, w.Body)
		}
	}
	if w := ask(s, "POST", "/api/v1/dead-letters/2/discard", trusted); w.Code != 200 {
		t.Errorf("another one: got %d %s, want 200", w.Code, w.Body)
	}
	close(out)
	if got := <-done; got != 200 {
		t.Errorf("the first: got %d, want 200", got)
	}
	if w := ask(s, "POST", "/api/v1/dead-letters/1/discard", trusted); w.Code != 200 {
		t.Errorf("afterwards: got %d %s, want 200", w.Code, w.Body)
	}
}

// A damaged journal is an error for the log, not for whoever asks.
func TestInternalErrorsStayInside(t *testing.T) {
	t.Parallel()
	core, s, logged := setup(t)
	log, err := core.j.Log(journal.StagedIn, "messaging")
	if err != nil {
		t.Fatal(err)
	}
	tx := core.j.Begin()
	tx.Append(log, []journal.Entry{{Meta: []byte("x"), Body: []byte("x")}}, []byte("no summary"))
	if err := tx.Commit(journal.Durable); err != nil {
		t.Fatal(err)
	}
	w := ask(s, "GET", "/api/v1/explain?id=SM1", trusted)
	if e := envelope(t, w); w.Code != 500 || strings.Contains(e.Error.Message, "summary") {
		t.Errorf("got %d %s, want 500 without details", w.Code, w.Body)
	}
	if !strings.Contains(logged.String(), "corrupt") {
		t.Errorf("the log does not say why:\n%s", logged)
	}
}
