package lab

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/auth"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testURL = "https://hooks.example.com/hooks/x"

// parse reads a request as a server would.
func parse(t *testing.T, raw []byte) *auth.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	url := testURL
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	return &auth.Request{Method: r.Method, URL: url, Header: r.Header, Body: body}
}

// Requests are signed as the sources demand it, and forgeries are not.
func TestSignatures(t *testing.T) {
	t.Parallel()
	s, err := NewSendGrid()
	if err != nil {
		t.Fatal(err)
	}
	der, err := s.der()
	if err != nil {
		t.Fatal(err)
	}
	const stamp = "{header.X-Twilio-Email-Event-Webhook-Timestamp}"
	twilio := sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: [][]byte{[]byte("token")}, Encoding: sdk.Base64,
		Location: "{header.X-Twilio-Signature}", Signed: "{url}{form.sorted}",
	}
	sendgrid := sdk.Signature{
		Algorithm: sdk.AlgECDSA, Hash: sdk.SHA256, Keys: [][]byte{der}, Encoding: sdk.Base64, Time: stamp,
		Location: "{header.X-Twilio-Email-Event-Webhook-Signature}", Signed: stamp + "{body}",
	}
	array, err := s.Request("h", "/hooks/x", s.Array(1, 5, 40))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{"MessageSid": "SM1", "Body": "a & b = c?", "To": "+15558675310"}
	tests := []struct {
		name   string
		scheme sdk.Auth
		raw    []byte
		want   bool
	}{
		{"status", twilio, NewTwilio("token", testURL).AppendStatus(nil, "h", "/hooks/x", "SM1", "sent"), true},
		{"form", twilio, NewTwilio("token", testURL).Request("h", "/hooks/x", "", fields), true},
		{"form with a query", twilio, NewTwilio("token", testURL).Request("h", "/hooks/x", "campaign_id=a", fields), true},
		{"form of a stranger", twilio, NewTwilio("guess", testURL).Request("h", "/hooks/x", "", fields), false},
		{"array", sendgrid, array, true},
		{"changed array", sendgrid, bytes.Replace(array, []byte("delivered"), []byte("delivereD"), 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := auth.Compile(sdk.WireAuth(tt.scheme))
			if err != nil {
				t.Fatal(err)
			}
			if got := v.Verify(parse(t, tt.raw), time.Unix(1795000000, 0)); got.OK != tt.want {
				t.Errorf("got %+v, want %v", got, tt.want)
			}
		})
	}
}

// SendGridFact names what Array writes, and no event twice.
func TestSendGridFact(t *testing.T) {
	t.Parallel()
	s, err := NewSendGrid()
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Event   string
		Message string `json:"sg_message_id"`
	}
	const first, n = 3, 200
	if err := json.Unmarshal(s.Array(7, first, n), &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != n {
		t.Fatalf("got %d events, want %d", len(events), n)
	}
	seen := map[[2]string]bool{}
	for i, e := range events {
		message, word := SendGridFact(7, first+i)
		if e.Message != message || e.Event != word {
			t.Errorf("event %d: got %s %s, want %s %s", i, e.Message, e.Event, message, word)
		}
		seen[[2]string{message, word}] = true
	}
	if len(seen) != n {
		t.Errorf("got %d different events, want %d", len(seen), n)
	}
}

// What the core answers is what a lab reads: both change together or not at all.
func TestAnswers(t *testing.T) {
	t.Parallel()
	fill := func(answer, into any) {
		t.Helper()
		data, err := json.Marshal(map[string]any{"ok": true, "data": answer})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	var s Status
	fill(admin.Status{
		Receiver: "127.0.0.1:1", Lanes: []admin.LaneStatus{{Backlog: 2}, {Backlog: 3}},
		Sinks: []admin.SinkStatus{{Dispatch: []dispatch.Status{{Backlog: 5}, {Backlog: 7}}}},
	}, &s)
	if s.Waiting() != 17 || s.Data.Receiver != "127.0.0.1:1" {
		t.Errorf("got %d waiting at %q, want 17 at 127.0.0.1:1", s.Waiting(), s.Data.Receiver)
	}
	var a struct{ Data Account }
	fill(inspect.Account{
		Balanced: true, Sources: []inspect.SourceAccount{{Source: "a", Stored: 1, Refused: 2}, {Stored: 100, Problem: "p1"}},
		Lanes:     []inspect.LaneAccount{{Backlog: 3, Staged: 4, Duplicate: 5, Filtered: 6, Ignored: 7, DeadLettered: 8, Problem: "p2"}},
		Pipelines: []inspect.PipelineAccount{{Problem: "p3"}},
		Sinks: []inspect.SinkAccount{{
			Sink: "b", Addressed: 9, Delivered: 10, DeadLettered: 11, Waiting: 12, PossiblyTwice: 13, Problem: "p4",
		}},
	}, &a)
	want := Totals{
		Stored: 101, Refused: 2, Backlog: 3, Staged: 4, Duplicate: 5, Filtered: 6, Ignored: 7, DeadLettered: 8,
		Addressed: 9, Delivered: 10, SinkDeadLettered: 11, Waiting: 12, PossiblyTwice: 13,
	}
	if got := a.Data.Totals(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := a.Data.Problems(), []string{"p1", "p2", "p3", "p4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !a.Data.Balanced || a.Data.Sources[0].Source != "a" || a.Data.Sinks[0].Sink != "b" {
		t.Errorf("got %+v", a.Data)
	}
}

func TestFreeAddr(t *testing.T) {
	t.Parallel()
	var err error
	for range 10 { // another lab may look at the same port at this moment
		var addr string
		if addr, err = FreeAddr(); err != nil {
			t.Fatal(err)
		}
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err != nil {
			err = fmt.Errorf("got %s, which is not free: %w", addr, err)
			continue
		}
		defer l.Close()
		if other, err := FreeAddr(); err != nil || other == addr {
			t.Errorf("got %q again, %v, want another", other, err)
		}
		return
	}
	t.Error(err)
}

// A process is left over while it runs in the directory, and only there.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	cat := exec.Command("cat") // it waits for its standard input
	cat.Dir = dir
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	within := func(d string) bool {
		left, err := Leftovers(d)
		if err != nil {
			t.Fatal(err)
		}
		_, found := left[cat.Process.Pid]
		return found
	}
	if !within(dir) || within(elsewhere) {
		t.Errorf("got %v and %v, want it in its directory alone", within(dir), within(elsewhere))
	}
	_ = in.Close()
	if err := cat.Wait(); err != nil {
		t.Fatal(err)
	}
	if within(dir) {
		t.Error("got it after its end")
	}
}

// A file that is no database is damaged, one that is not there has no rows.
func TestFacts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if n, err := OpenFacts(filepath.Join(dir, "none.db")).Count(); n != 0 || err != nil {
		t.Errorf("no file: got %d, %v, want 0", n, err)
	}
	path := filepath.Join(dir, "odd.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a database. "), 256), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := OpenFacts(path).Integrity(); err == nil {
		t.Error("odd file: got no error, want one")
	}
}
