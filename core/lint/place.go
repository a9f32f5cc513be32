package lint

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
)

// listeners looks at who can reach what listens.
func (l *linter) listeners() {
	if listen := l.cfg.Receiver.Listen; !loopback(listen) && open(&l.cfg.Receiver) {
		l.warn(diag.OpenReceiver, l.setting("receiver", "listen"), "receiver",
			fmt.Sprintf("the receiver listens on %q without TLS", listen),
			"Messages and credentials pass in the clear, and whoever reaches the port can try. Listen on 127.0.0.1 behind a proxy that terminates TLS, or write a tls block.")
	}
	if listen := l.cfg.Admin.Listen; !loopback(listen) {
		l.warn(diag.OpenAdmin, l.setting("admin", "listen"), "admin",
			fmt.Sprintf("the admin listener faces the network on %q", listen),
			"Metrics are shown to whoever reaches it, and only a token protects the rest. Listen on 127.0.0.1.")
	}
	if _, written := l.cfg.Ranges["receiver.public_url"]; written && plain(l.cfg.Receiver.PublicURL) {
		l.warn(diag.PlainURL, l.setting("receiver", "public_url"), "receiver", "providers would send without encryption",
			"Everybody on the way could read messages and addresses. Write an https URL.")
	}
}

// open reports whether a listener neither encrypts nor says who may send.
func open(r *config.Receiver) bool {
	return r.TLS == nil && len(r.Allow) == 0 && len(r.TrustedProxies) == 0
}

// loopback reports whether only this machine reaches an address.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && local(host)
}

func local(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// plain reports whether a public URL crosses a network unencrypted.
func plain(public string) bool {
	u, err := url.Parse(public)
	return err == nil && u.Scheme == "http" && !local(u.Hostname())
}

// temporary are the directories that systems empty.
func temporary() []string {
	return []string{"/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run"}
}

// storage looks at what is kept and for how long.
func (l *linter) storage() {
	if rng, written := l.cfg.Ranges["patchbay.data_dir"]; written {
		for _, dir := range temporary() {
			if !within(l.cfg.DataDir, dir) || l.besideConfiguration() {
				continue
			}
			l.warn(diag.TemporaryData, rng, "patchbay", fmt.Sprintf("the data directory lies in %s, which systems empty", dir),
				"Acknowledged requests would be gone with it. Write a directory on a lasting disk, for instance /var/lib/patchbay.")
			break
		}
	}
	longest, why := time.Duration(0), ""
	for _, p := range l.cfg.Pipelines {
		for _, s := range p.Stages {
			if s.Dedup != nil && s.Dedup.Window > longest {
				longest, why = s.Dedup.Window, fmt.Sprintf("the dedup window of pipeline %q, %s", p.Name, hours(s.Dedup.Window))
			}
		}
	}
	for _, s := range l.cfg.Sources {
		if h := horizon(s); h > longest {
			longest, why = h, fmt.Sprintf("the %s for which %s repeats requests", hours(h), s.Type)
		}
	}
	if retain := l.cfg.Journal.Retain; retain < longest {
		l.warn(diag.RetainTooShort, l.setting("journal", "retain"), "journal", "requests are forgotten before their repetitions stop",
			fmt.Sprintf("They are kept for %s, shorter than %s: explain could not show what a duplicate repeats. Write retain = %q or more.",
				hours(retain), why, hours(longest)))
	}
}

// besideConfiguration reports whether the data lies below the configuration, as
// it does by default: where that is temporary, so is all of it, on purpose.
func (l *linter) besideConfiguration() bool {
	dir, err := filepath.Abs(l.cfg.Dir)
	return err == nil && within(l.cfg.DataDir, dir)
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// horizon is how long a source's provider repeats requests; zero if unknown.
func horizon(s *config.Source) time.Duration {
	return time.Duration(s.Info.GetSource().GetRetryHorizonMs()) * time.Millisecond
}

// hours writes a duration without its zeros.
func hours(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
