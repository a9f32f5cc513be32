package testrun

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// TestMain is the plugin if it was started under a plugin's name.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), catalog.Prefix) {
		sdk.Serve("test", "0.0.1", sdk.SourceType(acme{}), sdk.SinkType(nowhere{}))
		return
	}
	goleak.VerifyTestMain(m)
}

// installed finds the types of a plugin folder that holds this program.
func installed(t *testing.T) *catalog.Catalog {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, catalog.Prefix+"test")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return catalog.Open(ctx, catalog.Options{Dirs: []string{dir}, Log: zerolog.Nop()})
}

// acme is a source whose requests are lines "id word recipient campaign", signed
// with HMAC in X-Acme-Signature.
type acme struct{}

type acmeConfig struct {
	Secret string `pb:"secret,required,sensitive" doc:"Signs the requests."`
	Region string `pb:"region" doc:"Where the account is." default:"eu"`
}

func (acme) Info() sdk.Info {
	return sdk.Info{Name: "acme", Version: "0.0.1", Summary: "A source to test with.", Channel: sdk.SMS}
}

func (acme) Configure(_ context.Context, c *acmeConfig) (sdk.Auth, error) {
	if len(c.Secret) < 8 {
		return nil, sdk.Problem("secret", "the secret is too short", "Take a longer one.")
	}
	return sdk.Signature{
		Algorithm: sdk.AlgHMAC, Hash: sdk.SHA256, Keys: [][]byte{[]byte(c.Secret)}, Encoding: sdk.Hex,
		Location: "{header.X-Acme-Signature}", Signed: "{url}{body}",
	}, nil
}

func (acme) Parse(ctx context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	for i := range in {
		switch body := string(in[i].Body); body {
		case "ping":
			out.Ignore(i, "ping")
		case "die":
			return errors.New("no idea what this is")
		case "hang":
			<-ctx.Done()
			return ctx.Err()
		default:
			fields := strings.Split(body, " ")
			if len(fields) != 4 {
				out.Reject(i, sdk.Malformed, errors.New("not four words"))
				continue
			}
			e := out.Add(i)
			e.ProviderID, e.MessageID = fields[0]+"|"+fields[1], fields[0]
			e.ProviderStatus, e.Recipient, e.CampaignID = fields[1], fields[2], fields[3]
			e.Channel, e.Direction = sdk.SMS, sdk.Outbound
			if t, err := sdk.ParseEventType(fields[1]); err == nil {
				e.Type = t
			}
			e.SetAttr(sdk.AttrText, "hello "+fields[2])
		}
	}
	return nil
}

// nowhere is a sink that must not be started.
type nowhere struct{}

type nowhereConfig struct{}

func (nowhere) Info() sdk.Info {
	return sdk.Info{Name: "nowhere", Version: "0.0.1", Summary: "A sink to test with.", Sink: sdk.SinkTraits{Idempotency: sdk.Keyed}}
}

func (nowhere) Open(context.Context, *nowhereConfig) error {
	return errors.New("a test started a sink")
}

func (nowhere) Write(context.Context, []sdk.Event, *sdk.Results) error {
	return errors.New("a test wrote to a sink")
}

func (nowhere) Close(context.Context) error { return nil }
