package receiver

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
)

// discard is a ResponseWriter that keeps the status alone.
type discard struct {
	h      http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(s int)           { d.status = s }

// BenchmarkAcknowledge is what one signed Twilio request costs beyond net/http:
// limits, authentication, encoding, and its share of a group commit with 64
// others.
func BenchmarkAcknowledge(b *testing.B) {
	j, err := journal.Open(journal.Options{Dir: b.TempDir(), Log: zerolog.Nop()})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	raw, err := j.Log(journal.Raw, "twilio.load")
	if err != nil {
		b.Fatal(err)
	}
	const url = "https://hooks.example.com/hooks/twilio/load"
	r := New(Options{Journal: j, Log: zerolog.Nop()})
	err = r.SetEndpoints([]Config{{
		Source: "twilio.load", Path: "/hooks/twilio/load", PublicURL: url, MaxBody: 1 << 20, Log: raw,
		Auth: sdk.WireAuth(sdk.Signature{
			Algorithm: sdk.AlgHMAC, Hash: sdk.SHA1, Keys: [][]byte{[]byte("token")}, Location: "{header.X-Twilio-Signature}",
			Encoding: sdk.Base64, Signed: "{url}{form.sorted}", TryPorts: true, BodyDigest: "{query.bodySHA256}",
		}),
	}})
	if err != nil {
		b.Fatal(err)
	}
	tw := lab.NewTwilio("token", url)
	request := tw.AppendStatus(nil, "127.0.0.1", "/hooks/twilio/load", lab.SID(1, 1), "delivered")
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := &discard{h: http.Header{}}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
		if err != nil {
			b.Error(err)
			return
		}
		req.RemoteAddr = "127.0.0.1:4711"
		body := append([]byte(nil), request[len(request)-int(req.ContentLength):]...)
		rd := bytes.NewReader(body)
		req.Body = nopCloser{rd}
		for pb.Next() {
			rd.Reset(body)
			clear(w.h)
			r.ServeHTTP(w, req)
			if w.status != http.StatusOK {
				b.Errorf("status: got %d, want 200", w.status)
				return
			}
		}
	})
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
