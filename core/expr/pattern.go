package expr

import (
	"fmt"
	"net/netip"
	"regexp"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/diag"
)

func compileMatches(c *compiler, rng hcl.Range, args []node) node {
	fs, ok := wantTexts(c, args[:1])
	if !ok {
		return node{bad: true}
	}
	if !args[1].constant || args[1].kind != kindString {
		return c.bad(args[1].rng, diag.WrongArguments, "the regular expression must be a constant",
			`Write matches(text, "expression"); it is compiled when the configuration is loaded.`)
	}
	re, err := regexp.Compile(args[1].lit.s)
	if err != nil {
		return c.bad(args[1].rng, diag.InvalidPattern, "invalid regular expression", err.Error()+".")
	}
	f := fs[0]
	return fold(truth(rng, func(e *Env) bool {
		s, ok := f(e)
		return ok && re.MatchString(s)
	}), args...)
}

func compileCIDRMatch(c *compiler, rng hcl.Range, args []node) node {
	fs, ok := wantTexts(c, args[:1])
	if !ok {
		return node{bad: true}
	}
	networks := []node{args[1]}
	if args[1].kind == kindList {
		networks = args[1].list
	}
	var prefixes []netip.Prefix
	for _, n := range networks {
		if !n.constant || n.kind != kindString {
			ok = false
			c.bad(n.rng, diag.WrongArguments, "the network must be a constant", `Write cidrmatch(address, "10.0.0.0/8").`)
			continue
		}
		p, err := netip.ParsePrefix(n.lit.s)
		if err != nil {
			ok = false
			c.bad(n.rng, diag.InvalidPattern, fmt.Sprintf("%q is not a network", n.lit.s), `Write it as "10.0.0.0/8" or "2001:db8::/32".`)
			continue
		}
		prefixes = append(prefixes, p.Masked())
	}
	if !ok {
		return node{bad: true}
	}
	f := fs[0]
	return fold(truth(rng, func(e *Env) bool {
		s, ok := f(e)
		if !ok {
			return false
		}
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return false
		}
		// An IPv4 address written as IPv6 is the same host.
		addr = addr.Unmap().WithZone("")
		for _, p := range prefixes {
			if p.Contains(addr) {
				return true
			}
		}
		return false
	}), args[0])
}
