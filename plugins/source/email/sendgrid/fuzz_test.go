package sendgrid

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
)

// FuzzParse: whatever the body, nothing panics, nothing vanishes (I3), events
// come with exactly the bytes of an element, and the same body gives the same
// events (I8).
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		f.Fatalf("no captured requests (%v)", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		c, err := sdktest.ParseCase(data)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.Delivery.Body)
	}
	f.Add([]byte(`[{"event":"\u006fpen","timestamp":1.,"category":[[]]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in := []sdk.Delivery{{Body: bytes.Clone(body)}}
		var out, again sdk.Batch
		source := New() // the same: nothing of the first may show in the second
		for _, b := range []*sdk.Batch{&out, &again} {
			if err := source.Parse(t.Context(), in, b); err != nil {
				t.Fatalf("Parse: %v", err)
			}
		}
		if !bytes.Equal(in[0].Body, body) {
			t.Fatal("the body was changed")
		}
		if got, want := wireOf(again.Events()), wireOf(out.Events()); !bytes.Equal(got, want) {
			t.Fatalf("the second time: got %q, want %q", got, want)
		}
		checkEvents(t, body, &out)
	})
}

func wireOf(events []*sdk.Event) (b []byte) {
	for _, e := range events {
		b = e.AppendWire(b)
	}
	return b
}

// checkEvents holds the events against encoding/json.
func checkEvents(t *testing.T, body []byte, out *sdk.Batch) {
	var elements []json.RawMessage
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &elements)
	if err != nil && strings.Contains(err.Error(), "max depth") { // encoding/json gives up at 10000
		return
	}
	if _, rejected := out.Rejected(0); rejected {
		if len(out.Events()) != 0 {
			t.Fatalf("a rejected request gave %d events", len(out.Events()))
		}
		if err == nil && elements != nil { // null unmarshals into a nil slice
			t.Fatal("a JSON array was rejected")
		}
		return
	}
	if len(out.Events()) > len(elements) {
		t.Fatalf("%d events of %d elements (%v)", len(out.Events()), len(elements), err)
	}
	end := 0
	for _, e := range out.Events() {
		if e.PayloadOffset < end || e.PayloadLength < len(`{"event":0}`) {
			t.Fatalf("payload at %d of %d bytes begins before %d, or is too short", e.PayloadOffset, e.PayloadLength, end)
		}
		end = e.PayloadOffset + e.PayloadLength
		payload := body[e.PayloadOffset:end]
		i := slices.IndexFunc(elements, func(el json.RawMessage) bool { return bytes.Equal(el, payload) })
		if i < 0 {
			t.Fatalf("payload %q is no element", payload)
		}
		elements = elements[i+1:]
		checkEvent(t, payload, e)
	}
}

func checkEvent(t *testing.T, payload []byte, e *sdk.Event) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(payload, &members); err != nil {
		t.Fatalf("payload %q: %v", payload, err)
	}
	word := ""
	if err := json.Unmarshal(members["event"], &word); err == nil && e.ProviderStatus != word {
		t.Fatalf("payload %q: word %q, want %q", payload, e.ProviderStatus, word)
	}
	if e.Type != sdk.Unspecified || e.Channel != sdk.Email || e.ProviderStatus == "" {
		t.Fatalf("payload %q: %+v", payload, e)
	}
	for _, s := range []string{e.ProviderID, e.MessageID, e.Recipient, e.ErrorReason, e.StatusCode, e.CampaignID} {
		if !utf8.ValidString(s) {
			t.Fatalf("payload %q: %q is not UTF-8", payload, s)
		}
	}
	for _, a := range e.Attributes {
		if !utf8.ValidString(a.Name) || !utf8.ValidString(a.Value) || a.Value == "" {
			t.Fatalf("payload %q: attribute %q", payload, a)
		}
	}
}
