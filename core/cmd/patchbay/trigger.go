package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/trigger"
	"github.com/spf13/cobra"
)

type triggerFlags struct {
	place
	to, url, key          string
	clientCert, clientKey string
	set                   []string
	count                 int
}

// sendTimeout is how long one request may take.
const sendTimeout = 30 * time.Second

// maxCount bounds how many requests one command sends, one after the other.
const maxCount = 100_000

func (a *app) triggerCommand() *cobra.Command {
	var f triggerFlags
	cmd := &cobra.Command{
		Use:   "trigger TYPE KIND",
		Short: "Send a request as a provider would",
		Long: `Trigger makes a realistic request of a provider, signs it with the secret of the
configured source, sends it to the receiver, and says how to follow it.

  twilio    ` + strings.Join(trigger.Kinds("twilio"), ", ") + `
  sendgrid  ` + strings.Join(trigger.Kinds("sendgrid"), ", ") + `

SendGrid signs with a private key that it keeps to itself. To try it out, make a
key pair of your own, configure the public half as the source's public_key, and
give the private half with --private-key:

  openssl ecparam -name prime256v1 -genkey -noout -out key.pem
  openssl ec -in key.pem -pubout`,
		Example: `  patchbay trigger twilio delivered
  patchbay trigger twilio failed --set To=+447700900123 --set ErrorCode=30003 --to source.twilio.support
  patchbay trigger sendgrid open --private-key key.pem --count 100`,
		Args:              exactly("TYPE", "KIND"),
		ValidArgsFunction: words(triggerWords),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.trigger(cmd.Context(), &f, args[0], args[1]) },
	}
	f.place.flags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.to, "to", "", "the source to send to, e.g. source.twilio.support; needed if there are several of the type")
	fs.StringArrayVar(&f.set, "set", nil, "FIELD=VALUE to put into the request; may be repeated")
	fs.IntVar(&f.count, "count", 1, "how many requests to send")
	fs.StringVar(&f.url, "url", "", "where to send to instead of the receiver, e.g. the public URL")
	fs.StringVar(&f.clientCert, "client-cert", "", "file with a client certificate, for sources that want one")
	fs.StringVar(&f.clientKey, "client-key", "", "file with the client certificate's key")
	fs.StringVar(&f.key, "private-key", "", "file with the private key, for SendGrid")
	return cmd
}

func (a *app) trigger(ctx context.Context, f *triggerFlags, typ, kind string) error {
	if err := checkTrigger(f, typ, kind); err != nil {
		return err
	}
	cfg, diags := a.load(f.dir, config.Options{})
	if diags.HasErrors() {
		return &problem{exit: exitInvalid, code: "configuration", err: errors.New("the configuration has errors"), diags: diags}
	}
	src, err := chooseSource(cfg, typ, strings.TrimPrefix(f.to, "source."))
	if err != nil {
		return err
	}
	spec, err := a.spec(f, cfg, src, kind)
	if err != nil {
		return err
	}
	target, err := a.target(ctx, f, cfg, src)
	if err != nil {
		return err
	}
	client, err := a.client(f, cfg)
	if err != nil {
		return err
	}
	return a.send(ctx, f, spec, client, target)
}

func checkTrigger(f *triggerFlags, typ, kind string) error {
	kinds := trigger.Kinds(typ)
	if kinds == nil {
		return unknownWord("trigger", typ, trigger.Types())
	}
	if !slices.Contains(kinds, kind) {
		return unknownWord(typ, kind, kinds)
	}
	if f.count < 1 || f.count > maxCount {
		return usage("--count must be from 1 to %d", maxCount)
	}
	if f.url != "" {
		u, err := url.Parse(f.url)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return usage("--url must be a URL such as https://hooks.example.com/hooks/twilio/support")
		}
	}
	return nil
}

// chooseSource finds the source that is meant.
func chooseSource(cfg *config.Config, typ, address string) (*config.Source, error) {
	var of []*config.Source
	var addresses []string
	for _, s := range cfg.Sources {
		if s.Type == typ {
			of = append(of, s)
			addresses = append(addresses, "source."+s.Address)
		}
		if s.Address == address {
			if s.Type != typ {
				return nil, usage("source.%s is of type %s, not %s", address, s.Type, typ)
			}
			return s, nil
		}
	}
	switch {
	case len(of) == 0:
		return nil, usage("no source of type %s is configured in %s", typ, cfg.Dir)
	case address != "":
		if s := diag.Suggest("source."+address, addresses); s != "" {
			return nil, usage("no source.%s is configured; did you mean %s?", address, s)
		}
		return nil, usage("no source.%s is configured; there is %s", address, strings.Join(addresses, ", "))
	case len(of) > 1:
		return nil, usage("there are several sources of type %s: choose one with --to: %s", typ, strings.Join(addresses, ", "))
	}
	return of[0], nil
}

// spec takes what a request needs from the configuration.
func (a *app) spec(f *triggerFlags, cfg *config.Config, src *config.Source, kind string) (*trigger.Spec, error) {
	var args struct {
		AuthToken string          `json:"auth_token"`
		PublicKey json.RawMessage `json:"public_key"`
	}
	if err := json.Unmarshal(src.ConfigJSON, &args); err != nil {
		return nil, usage("the arguments of source.%s are not what %s needs", src.Address, src.Type)
	}
	s := &trigger.Spec{Type: src.Type, Kind: kind, URL: src.PublicURL, Secret: args.AuthToken, Now: a.now()}
	if s.URL == "" {
		s.URL = cfg.Receiver.Scheme() + "://" + cfg.Receiver.Listen + src.Path
	}
	if src.MissingSecrets {
		return nil, usage("a secret of source.%s is not set here, so its requests cannot be signed", src.Address)
	}
	for _, text := range f.set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usage("--set %q: write FIELD=VALUE", text)
		}
		s.Set = append(s.Set, trigger.Field{Name: name, Value: value})
	}
	if f.key != "" {
		data, err := os.ReadFile(f.key)
		if err != nil {
			return nil, usage("the private key cannot be read: %v", err)
		}
		if s.Key, err = trigger.ParseKey(data); err != nil {
			return nil, err
		}
		if !matches(s.Key, args.PublicKey) {
			a.note("warning: source.%s has another public_key than the one that belongs to %s; it will refuse the request", src.Address, f.key)
		}
	}
	return s, nil
}

// matches reports whether one of the configured public keys, in base64 of DER or
// in PEM, belongs to the private one.
func matches(key *ecdsa.PrivateKey, configured json.RawMessage) bool {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return false
	}
	text := strings.NewReplacer(`\n`, "", `\r`, "", " ", "").Replace(string(configured))
	return strings.Contains(text, base64.StdEncoding.EncodeToString(der))
}

// target is where the request goes: not over the network unless asked, whatever
// URL it is signed for.
func (a *app) target(ctx context.Context, f *triggerFlags, cfg *config.Config, src *config.Source) (string, error) {
	if f.url != "" {
		return f.url, nil
	}
	addr, dir := cfg.Receiver.Listen, cfg.DataDir
	if f.dataDir != "" {
		dir = f.dataDir
	}
	c, err := admin.Connect(ctx, dir)
	if err != nil && !errors.Is(err, admin.ErrNoCore) {
		return "", err
	}
	if err == nil {
		var s admin.Status
		if err := c.Get(ctx, "status", nil, &s); err != nil {
			return "", err
		}
		addr = s.Receiver
	}
	target := cfg.Receiver.Scheme() + "://" + addr + src.Path
	if u, err := url.Parse(src.PublicURL); err == nil && u.RawQuery != "" {
		target += "?" + u.RawQuery
	}
	return target, nil
}

// sent is one request and its answer.
type sent struct {
	*trigger.Result
	MessageID string `json:"message_id"`
}

func (a *app) send(ctx context.Context, f *triggerFlags, s *trigger.Spec, client *http.Client, target string) error {
	defer client.CloseIdleConnections()
	results := []sent{}
	refused := 0
	for range f.count {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails, says crypto/rand
		s.ID, s.Now = hex.EncodeToString(id[:]), a.now()
		req, err := trigger.New(*s)
		if err != nil {
			return err
		}
		r, err := trigger.Send(ctx, client, req, target, a.now)
		if err != nil {
			return unreachable("%v; is a core running? patchbay status says", err)
		}
		results = append(results, sent{r, req.MessageID})
		if r.Status < 200 || r.Status > 299 {
			refused++
		}
	}
	if refused > 0 {
		last := results[len(results)-1]
		if !a.json {
			a.sentText(results)
		}
		return &problem{
			exit: exitInvalid, code: "refused", data: results,
			err: fmt.Errorf("%d of %d requests were refused, the last with %d %s: %s", refused, f.count, last.Status,
				http.StatusText(last.Status), refusal(last.Status)),
		}
	}
	return a.answer(results, nil, func() error {
		a.sentText(results)
		fmt.Fprintf(a.stdout, "Follow it: patchbay explain %s%s\n", printable(results[0].MessageID), f.place.arguments())
		return nil
	})
}

// refusal guesses at the reason of a status for a person.
func refusal(status int) string {
	switch status {
	case http.StatusForbidden:
		return "the signature was not accepted, this machine's address is not in the source's allow, or it wants a client certificate; patchbay account says which"
	case http.StatusTooManyRequests:
		return "the source's max_rate is reached, or the core cannot store anything now; see patchbay status"
	case http.StatusUnauthorized:
		return "the signature was not accepted; it is made with the configured secret for the configured public_url"
	case http.StatusNotFound:
		return "no source listens on that path"
	case http.StatusServiceUnavailable:
		return "the core cannot store anything now, or the source's plugin is not ready; see patchbay status"
	}
	return "see the core's log"
}

func (a *app) sentText(results []sent) {
	for i := range results[:min(len(results), sampleSize)] {
		r := &results[i]
		word := "refused"
		if r.Status >= 200 && r.Status <= 299 {
			word = "accepted"
		}
		line := fmt.Sprintf("%d %s in %.1f ms", r.Status, word, float64(r.Latency.Microseconds())/1000)
		if r.Delivery != "" {
			line += "  request " + printable(r.Delivery)
		}
		fmt.Fprintf(a.stdout, "%s  message %s\n", line, printable(r.MessageID))
	}
	if n := len(results); n > sampleSize {
		fmt.Fprintf(a.stdout, "... and %d more\n", n-sampleSize)
	}
}
