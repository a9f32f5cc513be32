package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// sources looks at each source by itself.
func (l *linter) sources() {
	var header hcl.Range
	for _, s := range l.cfg.Sources {
		if s.Ranges[""] == header {
			continue // another instance of the same block
		}
		header = s.Ranges[""]
		if s.OnAuthFailure == config.Quarantine && l.cfg.Journal.MaxDisk == 0 {
			l.warn(diag.OpenQuarantine, header, s.Context(), "strangers can fill the disk",
				"What fails authentication is kept, without bound, and once the disk is full genuine requests are refused. Write max_disk in the journal block, or leave on_auth_failure out.")
		}
		inherited := l.cfg.Receiver.PublicURL != "" && strings.HasPrefix(s.PublicURL, l.cfg.Receiver.PublicURL)
		if !inherited && plain(s.PublicURL) {
			l.warn(diag.PlainURL, header, s.Context(), "the provider would send without encryption",
				"Everybody on the way could read messages and addresses. Write an https URL.")
		}
	}
}

// sinks looks at each sink by itself.
func (l *linter) sinks() {
	var header hcl.Range
	for _, s := range l.cfg.Sinks {
		if s.Ranges[""] == header {
			continue // another instance of the same block
		}
		header = s.Ranges[""]
		l.durability(s)
		if s.Info == nil || keyed(s) {
			continue
		}
		l.add(diag.Note, diag.NotByKey, s.Ranges[""], s.Context(), fmt.Sprintf("sink %q may get an event twice", s.Address),
			"After a lost answer it is written again, since the sink does not write by key. Readers should count distinct event_id.")
	}
}

// keyed reports whether a repeated write has no second effect.
func keyed(s *config.Sink) bool {
	switch sdk.Idempotency(s.Info.GetSink().GetIdempotency()) {
	case sdk.Keyed, sdk.Atomic:
		return true
	}
	return false
}

// weakness is an argument of a bundled sink that trades safety for speed. It is
// said here, and not by the plugin, because it's no mistake in itself.
type weakness struct {
	typ, path   string
	values      []string
	consequence string
	remedy      string
}

func weaknesses() []weakness {
	return []weakness{
		{"sqlite", "synchronous", []string{"normal", "off"}, "a power failure loses the last events that were counted as delivered", `Write synchronous = "full", or leave it out.`},
		{"kafka", "acks", []string{"one", "none", "0", "1"}, "a broker that fails loses events that were counted as delivered", `Write acks = "all", or leave it out.`},
		{"kafka", "create_topic.replication_factor", []string{"1"}, "the topic is kept on one broker alone, and lost with it", "Write replication_factor = 3, or leave it to the brokers."},
	}
}

// durability looks for arguments that let a sink confirm too early. Defaults are
// not looked at: only what somebody wrote is reported.
func (l *linter) durability(s *config.Sink) {
	var args map[string]any
	if err := json.Unmarshal(s.ConfigJSON, &args); err != nil {
		return // a block without arguments, or one with errors
	}
	for _, w := range weaknesses() {
		rng, written := s.Ranges[w.path]
		if w.typ != s.Type || !written {
			continue
		}
		value := fmt.Sprint(at(args, w.path))
		for _, weak := range w.values {
			if value == weak {
				l.warn(diag.WeakDurability, rng, s.Context(), w.consequence, w.remedy)
			}
		}
	}
}

// at follows a path such as "create_topic.replication_factor".
func at(args map[string]any, path string) any {
	name, rest, more := strings.Cut(path, ".")
	if !more {
		return args[name]
	}
	sub, _ := args[name].(map[string]any)
	return at(sub, rest)
}

// Authentication returns what follows from how a source's requests are
// authenticated, as its plugin declared it.

func Authentication(cfg *config.Config, s *config.Source, a *wire.Auth) diag.List {
	l := &linter{cfg: cfg}
	header := s.Ranges[""]
	if (a == nil || a.GetNone() != nil) && !s.ClientCertificate && len(s.Allow) == 0 && len(cfg.Receiver.Allow) == 0 {
		l.warn(diag.NoAuthentication, header, s.Context(), "anybody who knows the path can send events",
			fmt.Sprintf("Requests to %s are not authenticated, so what they report may be invented. List the provider's networks in allow, or use its signature or password.", s.Path))
	}
	if s.PublicURL == "" && signsURL(a) {
		sev := diag.Warning
		if loopback(cfg.Receiver.Listen) {
			sev = diag.Note // for trying things out nothing is missing
		}
		l.add(sev, diag.UnknownURL, header, s.Context(), "the provider signs a URL that patchbay does not know",
			fmt.Sprintf("Genuine requests are refused unless the provider calls %s://%s%s itself. Write public_url in the receiver block.",
				cfg.Receiver.Scheme(), cfg.Receiver.Listen, s.Path))
	}
	return l.out
}

// signsURL reports whether a scheme's signature covers the URL.
func signsURL(a *wire.Auth) bool {
	for _, list := range []*wire.AuthList{a.GetAnyOf(), a.GetAllOf()} {
		for _, scheme := range list.GetSchemes() {
			if signsURL(scheme) {
				return true
			}
		}
	}
	for _, claim := range a.GetJwt().GetClaims() {
		if strings.Contains(claim, "{url") {
			return true
		}
	}
	return strings.Contains(a.GetSignature().GetSigned(), "{url")
}

// context names a pipeline, or one of its stages, in findings.
func context(p *config.Pipeline, s *config.Stage) string {
	c := fmt.Sprintf("pipeline %q", p.Name)
	switch {
	case s == nil:
		return c
	case s.Label != "":
		return fmt.Sprintf("%s, %s %q", c, s.Kind, s.Label)
	}
	return c + ", stage " + s.Kind
}
