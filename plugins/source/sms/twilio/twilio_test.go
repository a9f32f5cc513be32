package twilio

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) { sdktest.Source[Config](t, New(), "testdata") }

// parse parses one request with a source that accepts any account.
func parse(t testing.TB, d sdk.Delivery) *sdk.Batch {
	t.Helper()
	var out sdk.Batch
	if err := New().Parse(context.Background(), []sdk.Delivery{d}, &out); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return &out
}

func loadCase(t testing.TB, name string) sdk.Delivery {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := sdktest.ParseCase(data)
	if err != nil {
		t.Fatal(err)
	}
	return c.Delivery
}

func identities(b *sdk.Batch) (ids []string) {
	for _, e := range b.Events() {
		ids = append(ids, e.ProviderID)
	}
	return ids
}

// I8: the same fact has the same identity, on whichever way it came.
func TestIdentityOfAFactIsThatOfTheFact(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"callback-delivered", "stream-delivered"}, {"inbound-stop", "stream-inbound-stop"}} {
		a, b := identities(parse(t, loadCase(t, c[0]))), identities(parse(t, loadCase(t, c[1])))
		if len(a) == 0 || !slices.Equal(a, b) {
			t.Errorf("%s gives %q, %s gives %q", c[0], a, c[1], b)
		}
	}
	post := loadCase(t, "inbound-stop")
	get := sdk.Delivery{Method: "GET", URL: "https://hooks.example.com/?" + string(post.Body)}
	if a, b := identities(parse(t, post)), identities(parse(t, get)); !slices.Equal(a, b) {
		t.Errorf("POST gives %q, GET gives %q", a, b)
	}
}

// No two facts share an identity, whatever their parts contain.
func TestIdentitiesDiffer(t *testing.T) {
	t.Parallel()
	part := rapid.StringOfN(rapid.RuneFrom([]rune("a|%7C25")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(part, 1, 4).Draw(t, "a"), rapid.SliceOfN(part, 1, 4).Draw(t, "b")
		if (join(a...) == join(b...)) != slices.Equal(a, b) {
			t.Errorf("%q and %q give %q and %q", a, b, join(a...), join(b...))
		}
	})
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cfg  Config
		want string // the argument at fault
	}{
		{"good", Config{AuthToken: "12345"}, ""},
		{"rotation", Config{AuthToken: "12345", Previous: []string{"54321"}, AccountSID: "AC1"}, ""},
		{"empty token", Config{}, "auth_token"},
		{"line break", Config{AuthToken: "12345\n"}, "auth_token"},
		{"empty previous token", Config{AuthToken: "12345", Previous: []string{"1", ""}}, "previous_auth_tokens.1"},
		{"a message SID", Config{AuthToken: "12345", AccountSID: "SM1"}, "account_sid"},
	} {
		auth, err := New().Configure(context.Background(), &c.cfg)
		var p *sdk.ConfigProblem
		if c.want != "" {
			if !errors.As(err, &p) || p.Path != c.want || strings.Contains(p.Error(), "12345") {
				t.Errorf("%s: got %v, want a problem at %s", c.name, err, c.want)
			}
			continue
		}
		s, ok := auth.(sdk.Signature)
		if err != nil || !ok || len(s.Keys) != 1+len(c.cfg.Previous) || string(s.Keys[0]) != c.cfg.AuthToken {
			t.Errorf("%s: got %+v, %v", c.name, auth, err)
		}
		if s.BodyDigest == "" || s.Signed != "{url}{form.sorted}" || !s.TryPorts {
			t.Errorf("%s: a JSON body would not be covered: %+v", c.name, s)
		}
	}
}

// A text that is not empty would be sent to the customer as a message.
func TestAnswerIsAnEmptyResponse(t *testing.T) {
	t.Parallel()
	if a := New().Endpoint().Success; a.Status != 200 || a.ContentType != "text/xml" || a.Body != "<Response/>" {
		t.Errorf("the answer is %+v", a)
	}
}

func TestParseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out sdk.Batch
	if err := New().Parse(ctx, make([]sdk.Delivery, 3), &out); !errors.Is(err, context.Canceled) {
		t.Errorf("Parse with a cancelled context: %v", err)
	}
}

// The form parser reads what net/url reads, where that reads a form at all, and
// refuses what it refuses but for semicolons, which are text here.
func TestFormLikeNetURL(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.StringOfN(rapid.RuneFrom([]rune("aB=&%+20zé")), 0, 24, -1).Draw(t, "raw")
		want, err := url.ParseQuery(raw)
		got, gotErr := parseForm(nil, raw, func(string) bool { return false })
		if (err == nil) != (gotErr == nil) {
			t.Fatalf("%q: got %v, net/url says %v", raw, gotErr, err)
		}
		if err != nil {
			return
		}
		seen := url.Values{}
		for _, p := range got {
			seen.Add(p.key, p.value)
		}
		for k, v := range want {
			for i := range v {
				v[i] = strings.ToValidUTF8(v[i], "\uFFFD")
			}
			if !slices.Equal(seen[strings.ToValidUTF8(k, "\uFFFD")], v) {
				t.Fatalf("%q: %q is %q, want %q", raw, k, seen[k], v)
			}
		}
	})
}

// fixture is a request of the shared collection.
type fixture struct {
	Request struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	Valid  *bool
	Expect struct {
		Events []map[string]any
	}
}

// The shared requests test signatures, of calls mostly: none may be lost, and
// what is no message is no event.
func TestSharedFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../../../shared/fixtures/sms/twilio/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Log("the shared fixtures are absent")
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var fx fixture
		if err := json.Unmarshal(data, &fx); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		d := sdk.Delivery{Method: fx.Request.Method, URL: fx.Request.URL, Body: []byte(fx.Request.Body)}
		for k, v := range fx.Request.Headers {
			d.Headers = append(d.Headers, sdk.HeaderField{Name: k, Value: v})
		}
		out := parse(t, d)
		if len(out.Events()) != len(fx.Expect.Events) {
			t.Errorf("%s: %d events, want %d", filepath.Base(f), len(out.Events()), len(fx.Expect.Events))
		}
		if _, rejected := out.Rejected(0); !rejected && len(out.Events()) == 0 {
			t.Errorf("%s: neither an event nor a rejection", filepath.Base(f))
		}
	}
}

// FuzzParse: nothing panics, nothing vanishes, spans lie in the body, and the
// same request gives the same identities.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		d := loadCase(f, strings.TrimSuffix(filepath.Base(name), ".http"))
		f.Add(d.Method, d.URL, d.Header("Content-Type"), d.Body)
	}
	f.Fuzz(func(t *testing.T, method, url, kind string, body []byte) {
		d := sdk.Delivery{Method: method, URL: url, Body: body, Headers: []sdk.HeaderField{{Name: "Content-Type", Value: kind}}}
		first, second := parse(t, d), parse(t, d)
		if a, b := identities(first), identities(second); !slices.Equal(a, b) {
			t.Fatalf("identities %q, then %q", a, b)
		}
		for _, e := range first.Events() {
			if e.PayloadOffset < 0 || e.PayloadLength < 0 || e.PayloadOffset+e.PayloadLength > len(body) {
				t.Fatalf("payload %d+%d of %d bytes", e.PayloadOffset, e.PayloadLength, len(body))
			}
			if e.ProviderID == "" || e.MessageID == "" {
				t.Fatalf("an event without identity: %+v", e)
			}
			seen := map[string]bool{}
			for _, a := range e.Attributes {
				if seen[a.Name] {
					t.Fatalf("the attribute %q is set twice", a.Name)
				}
				seen[a.Name] = true
			}
		}
	})
}

// BenchmarkParse512 parses a batch of callbacks.
func BenchmarkParse512(b *testing.B) {
	d := loadCase(b, "callback-delivered")
	in := make([]sdk.Delivery, 512)
	for i := range in {
		in[i] = d
	}
	s := New()
	b.ReportAllocs()
	for b.Loop() {
		var out sdk.Batch
		if err := s.Parse(context.Background(), in, &out); err != nil || len(out.Events()) != len(in) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(in)), "ns/event")
}

// Every word of the captured requests is in the mapping table that ships with
// the plugin: a word that were not would come out as unmapped.
func TestWordsAreMapped(t *testing.T) {
	t.Parallel()
	table, err := os.Open("../../../../configs/mapping/twilio.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	r := csv.NewReader(table)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, row := range rows[1:] {
		words[fold(row[0])] = true
	}
	cases, _, err := sdktest.LoadCases("testdata")
	if err != nil || len(cases) == 0 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		for _, e := range parse(t, c.Delivery).Events() {
			if !words[fold(e.ProviderStatus)] {
				t.Errorf("%s: the table has no row for %q", c.Name, e.ProviderStatus)
			}
		}
	}
}
