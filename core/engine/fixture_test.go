package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/lab"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/receiver"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/stage/normalize"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
)

// fixture is a provider's real request, as kept outside this repository.
type fixture struct {
	Request struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	Secret struct {
		AuthToken string `json:"auth_token"`
		PublicKey string `json:"public_key_der_b64"`
	}
	Valid  *bool // nil: the source shows no signature
	Expect struct {
		Events []struct {
			Type      string    `json:"event_type"`
			Message   string    `json:"vendor_message_id"`
			Recipient string    `json:"recipient"`
			Time      time.Time `json:"event_timestamp"`
			Code      string    `json:"status_code"`
			Reason    string    `json:"error_reason"`
			Bounce    string    `json:"bounce_class"`
			URL       string    `json:"url"`
		}
	}
}

// fixtures finds the folder beside the repository; empty if it is not there.
func fixtures(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "fixtures", path, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Logf("no fixtures of %s beside this checkout: the project's own cases speak alone", path)
	}
	return files
}

// TestFixtures sends every fixture through the real receiver, with the scheme and
// the answers that the real plugin declares, and what was stored through the
// real Parse and the bundled mapping table.
func TestFixtures(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the plugins")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	bin := t.TempDir()
	if _, err := lab.Build(ctx, bin); err != nil {
		t.Fatal(err)
	}
	cat := catalog.Open(ctx, catalog.Options{Dirs: []string{bin}, Log: zerolog.Nop()})
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for typ, folder := range map[string]string{"twilio": "sms/twilio", "sendgrid": "email/sendgrid"} {
		for _, file := range fixtures(t, folder) {
			t.Run(typ+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var f fixture
				if err := json.Unmarshal(data, &f); err != nil {
					t.Fatal(err)
				}
				spec := pluginhost.Spec{Address: typ, Log: zerolog.Nop()}
				if !cat.Launch("source", typ, &spec) {
					t.Fatalf("no plugin serves %s", typ)
				}
				err = pluginhost.Ask(ctx, spec, func(ctx context.Context, c *sdk.Client) error {
					through(ctx, t, j, c, typ, &f)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// arguments are the source's arguments for the fixture. A fixture without a
// signature is signed here, with a key of our own.
func (f *fixture) arguments(t *testing.T, typ string) map[string]string {
	t.Helper()
	if typ == "twilio" {
		return map[string]string{"auth_token": f.Secret.AuthToken}
	}
	key := f.Secret.PublicKey
	if f.Valid == nil {
		sg, err := lab.NewSendGrid()
		if err != nil {
			t.Fatal(err)
		}
		if key, err = sg.PublicKey(); err != nil {
			t.Fatal(err)
		}
		sig, err := sg.Sign("1600112502", []byte(f.Request.Body))
		if err != nil {
			t.Fatal(err)
		}
		f.Request.Headers["X-Twilio-Email-Event-Webhook-Timestamp"] = "1600112502"
		f.Request.Headers["X-Twilio-Email-Event-Webhook-Signature"] = sig
	}
	return map[string]string{"public_key": key}
}

func through(ctx context.Context, t *testing.T, j *journal.Journal, c *sdk.Client, typ string, f *fixture) {
	t.Helper()
	cfg, err := json.Marshal(f.arguments(t, typ))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := c.ConfigureSource(ctx, &wire.ConfigureRequest{Type: typ, Name: "fixture", ConfigJson: cfg})
	if err != nil || len(conf.Diagnostics) > 0 {
		t.Fatalf("configure: %v %v", conf.GetDiagnostics(), err)
	}
	raw, err := j.Log(journal.Raw, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(f.Request.URL)
	if err != nil {
		t.Fatal(err)
	}
	public, _, _ := strings.Cut(f.Request.URL, "?")
	r := receiver.New(receiver.Options{Journal: j, Log: zerolog.Nop()})
	err = r.SetEndpoints([]receiver.Config{{
		Source: t.Name(), Path: u.Path, PublicURL: public, MaxBody: 1 << 20, Auth: conf.Auth, Endpoint: conf.Endpoint, Log: raw,
	}})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(f.Request.Method, "http://inside"+u.Path, strings.NewReader(f.Request.Body))
	_, req.URL.RawQuery, _ = strings.Cut(f.Request.URL, "?")
	for k, v := range f.Request.Headers {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)

	want := f.Valid == nil || *f.Valid
	if accepted := w.Code >= 200 && w.Code < 300; accepted != want {
		t.Fatalf("accepted: got %v (%d), want %v", accepted, w.Code, want)
	}
	if stored := raw.Tail() == 1; stored != want {
		t.Fatalf("stored: got %v, want %v (I1: nothing of a stranger's request)", stored, want)
	}
	if want {
		checkEvents(ctx, t, c, raw, typ, f)
	}
}

func checkEvents(ctx context.Context, t *testing.T, c *sdk.Client, raw *journal.Log, typ string, f *fixture) {
	t.Helper()
	entries, err := raw.Read(0, 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := c.Parse(ctx, journal.Runs(entries), 1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := configs.FS.ReadFile("mapping/" + typ + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	table, err := normalize.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := &stage.Batch{}
	for i := range parsed.Events {
		parsed.Events[i].Provider = typ
		b.Items = append(b.Items, stage.Item{Event: &parsed.Events[i]})
	}
	if err := normalize.New(map[string]*normalize.Table{typ: table}).Apply(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i, x := range f.Expect.Events {
		found := false
		for k := range parsed.Events {
			e := &parsed.Events[k]
			same := func(want, got string) bool { return want == "" || want == got }
			found = found || same(x.Type, e.Type.String()) && same(x.Message, e.MessageID) && same(x.Recipient, e.Recipient) &&
				same(x.Code, e.StatusCode) && same(x.Reason, e.ErrorReason) && same(x.Bounce, e.Attr(sdk.AttrBounceClass)) &&
				same(x.URL, e.Attr(sdk.AttrURL)) && (x.Time.IsZero() || x.Time.Equal(e.Time))
		}
		if !found {
			t.Errorf("event %d: got %+v, want one like %+v", i, parsed.Events, x)
		}
	}
}
