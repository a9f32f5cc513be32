package sendgrid

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// fixture is a captured request with what must come of it. A key that is absent
// claims nothing.
type fixture struct {
	Request struct {
		Body string `json:"body"`
	} `json:"request"`
	Expect struct {
		Events *[]map[string]any `json:"events"`
	} `json:"expect"`
}

// mapped returns the event type and bounce class that the mapping table of the
// repository gives an event: the row with its reason, or else that of the word.
func mapped(t *testing.T, e *sdk.Event) (typ, class string) {
	t.Helper()
	f, err := os.Open("../../../../configs/mapping/sendgrid.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		byReason := row[2] != "" && strings.EqualFold(row[2], e.ErrorReason)
		if strings.EqualFold(row[0], e.ProviderStatus) && (byReason || (row[2] == "" && typ == "")) {
			typ, class = row[3], row[4]
			if byReason {
				break
			}
		}
	}
	if set := e.Attr(sdk.AttrBounceClass); set != "" {
		class = set
	}
	return typ, class
}

// claim returns what the event says under a fixture's key.
func claim(t *testing.T, e *sdk.Event, key string) any {
	t.Helper()
	typ, class := mapped(t, e)
	switch key {
	case "event_type":
		return typ
	case "bounce_class":
		return class
	case "event_id", "vendor_event_id":
		id, _, _ := strings.Cut(e.ProviderID, "|")
		return id
	case "vendor_message_id":
		return e.MessageID
	case "recipient":
		return e.Recipient
	case "event_timestamp":
		return e.Time.Format(time.RFC3339Nano)
	case "status_code":
		return e.StatusCode
	case "error_reason":
		return e.ErrorReason
	case "url":
		return e.Attr(sdk.AttrURL)
	case "machine_open":
		return e.Attr(sdk.AttrMachine) == "true"
	}
	t.Errorf("the fixture's key %q is not known", key)
	return nil
}

// TestSharedFixtures reads requests of public sources that lie beside the
// repository.
func TestSharedFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../../shared/fixtures/email/sendgrid/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Log("the shared fixtures are absent")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var fx fixture
		if err := json.Unmarshal(data, &fx); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got := parse(t, fx.Request.Body)
		if fx.Expect.Events == nil {
			continue // about its signature alone
		}
		name, want := filepath.Base(file), *fx.Expect.Events
		if len(got) != len(want) {
			t.Errorf("%s: %d events, want %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			for key, w := range want[i] {
				if g := claim(t, got[i], key); g != w {
					t.Errorf("%s, event %d: %s is %q, want %q", name, i, key, g, w)
				}
			}
		}
	}
}
