package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/certificate"
	"github.com/patchbay-io/patchbay/core/diag"
)

// The headers in which proxies tell whom they speak for.
const (
	xForwardedFor = "X-Forwarded-For"
	forwarded     = "Forwarded"
)

// defaultTLSReload is how often the certificate's files are looked at.
const defaultTLSReload = time.Minute

// network reads who may reach the receiver, and how.
func (l *loader) network(r *Receiver, b *body) {
	r.TLS = l.tls(b)
	r.Allow = b.allow()
	r.TrustedProxies, _ = b.networks("trusted_proxies")
	for i, p := range r.TrustedProxies {
		if p.Bits() == 0 {
			b.report(diag.OutOfRange, b.element("trusted_proxies", i), "every address would be a trusted proxy",
				"Anybody could claim any address then. Write the addresses of your proxies, and of nothing else.")
		}
	}
	r.ForwardedHeader = b.word("forwarded_header", xForwardedFor, forwarded)
	if a := b.syn.Attributes["forwarded_header"]; a != nil && b.syn.Attributes["trusted_proxies"] == nil {
		b.report(diag.MissingArgument, a.NameRange, `"forwarded_header" without "trusted_proxies"`,
			`The header is believed from proxies alone: write trusted_proxies = ["10.0.0.0/8"].`)
	}
}

// access reads who may reach one source. The receiver has been read before.
func (l *loader) access(s *Source, b *body) {
	s.Allow = b.allow()
	s.MaxRate = int(b.bounded("max_rate", b.count("max_rate", 0, 1), maxRate))
	tls := l.cfg.Receiver.TLS
	s.ClientCertificate = tls != nil && tls.ClientCAFile != ""
	if v, rng, ok := b.value("client_certificate", cty.Bool, "true or false"); ok {
		if v.True() && !s.ClientCertificate {
			b.report(diag.MissingArgument, rng, "no client could show a certificate",
				`Write client_ca_file in the tls block of receiver { ... }: the authorities that sign clients' certificates.`)
		}
		s.ClientCertificate = s.ClientCertificate && v.True()
	}
}

// allow reads who is let in. A list that is written and empty is refused: does it
// let everybody in, or nobody?
func (b *body) allow() []netip.Prefix {
	list, ok := b.networks("allow")
	if ok && len(list) == 0 {
		b.report(diag.InvalidValue, b.syn.Attributes["allow"].Expr.Range(), `"allow" is empty`, "Leave it out to let everybody in.")
	}
	return list
}

// maxRate is beyond what a receiver can store.
const maxRate = 1_000_000

// maxNetworks bounds a list that is walked for every request.
const maxNetworks = 1000

// networks reads a list of networks and addresses. False means that it isn't
// written, or that something about it has been reported.
func (b *body) networks(name string) ([]netip.Prefix, bool) {
	v, rng, ok := b.value(name, cty.List(cty.String), `a list of networks such as ["203.0.113.0/24"]`)
	if !ok {
		return nil, false
	}
	if n := v.LengthInt(); n > maxNetworks {
		b.report(diag.OutOfRange, rng, fmt.Sprintf("%q has %d networks", name, n), fmt.Sprintf("At most %d. Write larger networks.", maxNetworks))
		return nil, false
	}
	var out []netip.Prefix
	i := 0
	for it := v.ElementIterator(); it.Next(); i++ {
		_, item := it.Element()
		if item.IsNull() {
			b.report(diag.WrongType, b.element(name, i), "null where a network is expected", `Write it as "203.0.113.0/24", or leave it out.`)
			continue
		}
		p, problem := parseNetwork(item.AsString())
		if problem != "" {
			b.report(diag.InvalidValue, b.element(name, i), quote(item.AsString())+" is not a network", problem)
			continue
		}
		out = append(out, p)
	}
	return out, len(out) == i
}

// element is where an element of a list is written.
func (b *body) element(name string, i int) hcl.Range {
	e := b.syn.Attributes[name].Expr
	if t, ok := e.(*hclsyntax.TupleConsExpr); ok && i < len(t.Exprs) {
		return t.Exprs[i].Range()
	}
	return e.Range()
}

// parseNetwork reads "203.0.113.0/24" or a single address; else it says what to
// write.
func parseNetwork(s string) (netip.Prefix, string) {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return netip.Prefix{}, "Networks have no zones: leave out what follows the percent sign."
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, `Write it as "203.0.113.0/24", "2001:db8::/32" or a single address.`
	}
	if p.Addr().Is4In6() && p.Bits() < 96 {
		return netip.Prefix{}, "It is wider than all of IPv4. Write IPv4 networks as such."
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Sprintf("It has bits beyond the length of the network. Write %q for the network, or %q for the address.", p.Masked(), p.Addr())
	}
	if a := p.Addr(); a.Is4In6() {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96), ""
	}
	return p, ""
}

// tls reads the listener's certificate, nil if there is none.
func (l *loader) tls(b *body) *TLS {
	var out *TLS
	for _, block := range b.takeBlocks("tls") {
		if out != nil {
			b.report(diag.DuplicateName, block.DefRange(), `duplicate block "tls"`, "There can be one.")
			continue
		}
		n := l.body(block, b.context+", tls")
		if len(block.Labels) > 0 {
			n.report(diag.WrongLabels, block.LabelRanges[0], "tls has no labels", "Write tls { ... }.")
		}
		out = &TLS{}
		at := map[certificate.Which]hcl.Range{}
		out.CertFile, at[certificate.Cert] = n.file("cert_file", `Write cert_file = "PATH": the certificate, then its intermediates, as PEM.`)
		out.KeyFile, at[certificate.Key] = n.file("key_file", `Write key_file = "PATH": the certificate's private key, as PEM.`)
		out.ClientCAFile, at[certificate.ClientCA] = n.file("client_ca_file", "")
		out.MinVersion = n.word("min_version", "1.2", "1.3")
		out.Reload = n.duration("reload", defaultTLSReload)
		n.done()
		if out.CertFile != "" && out.KeyFile != "" {
			l.checkCertificate(out, n, at)
		}
	}
	return out
}

// file is the path of a file of the machine's; required says what to write if
// it isn't there, and is empty if it need not be.
func (b *body) file(name, required string) (string, hcl.Range) {
	if required != "" && b.syn.Attributes[name] == nil {
		b.require(name, required)
		return "", hcl.Range{}
	}
	s, rng := b.text(name, "")
	if rng.Empty() {
		return "", rng
	}
	if s == "" {
		b.report(diag.InvalidValue, rng, quote(name)+" is empty", "Write the path of a file.")
		return "", rng
	}
	return b.l.absolute(s), rng
}

// checkCertificate reads the files as the receiver will.
func (l *loader) checkCertificate(t *TLS, b *body, at map[certificate.Which]hcl.Range) {
	if info, err := os.Stat(t.KeyFile); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		l.warn(diag.ExposedSecret, at[certificate.Key], b.context, "the key's file may be read by others", "Restrict it to patchbay's user: chmod 600.")
	}
	set, err := certificate.Read(certificate.Files{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile})
	var p *certificate.Problem
	if errors.As(err, &p) {
		severity := diag.Error
		if p.Missing && !l.opts.RequireSecrets {
			severity = diag.Warning
		}
		l.suggest(severity, diag.BadCertificate, at[p.Which], b.context, "can't use "+p.Error(), advice(p), "")
		return
	}
	if l.opts.Now == nil {
		return
	}
	if text := set.Warning(l.opts.Now()); text != "" {
		l.warn(diag.CertificateEnd, at[certificate.Cert], b.context, text, "Providers refuse to send to it once it has ended. Renew it; patchbay reads the files again by itself.")
	}
}

// advice says what to do about a file.
func advice(p *certificate.Problem) string {
	if p.Missing {
		return "The receiver can't start without it. Relative paths are relative to the configuration's directory."
	}
	return "patchbay help " + string(diag.BadCertificate) + " says what each file should contain."
}
