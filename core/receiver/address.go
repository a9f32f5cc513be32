package receiver

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// The headers in which proxies tell whom they speak for.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Proxies are those whose word about a client's address is taken. The zero value
// trusts nobody: the connection's other end is the client.
type Proxies struct {
	Trusted []netip.Prefix
	// Header is the one header that all of them set: XForwardedFor or Forwarded.
	// The other one is never looked at, because a client could send it.
	Header string
}

// origin is where a request comes from.
type origin struct {
	text string     // for the record
	addr netip.Addr // invalid: it cannot be told
	// unclear says that a trusted proxy sent a header that cannot be understood.
	unclear bool
}

// maxHops is how many proxies in a row are believed.
const maxHops = 32

// origin finds the client: the connection's other end, or else what the last
// trusted proxy in the chain says of its own other end. Addresses are read from
// the right, where our own proxies write, and what stands to the left of the
// first stranger is that stranger's word and not looked at.
//
// An address that cannot be told is in no list, so whoever manages to confuse a
// proxy's header is refused where a list exists.
func (p *Proxies) origin(remote string, h http.Header) origin {
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return origin{text: remote}
	}
	o := origin{addr: plain(peer.Addr())}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		o.text = host
	}
	if !among(p.Trusted, o.addr) {
		return o
	}
	return p.behind(o, h)
}

// behind finds whom the trusted proxy o speaks for.
func (p *Proxies) behind(o origin, h http.Header) origin {
	read := readForwarded
	if p.Header == XForwardedFor {
		read = readXForwardedFor
	}
	hops := 0
	lines := h[p.Header]
	for i := len(lines) - 1; i >= 0; i-- {
		more := read(lines[i], func(a netip.Addr, ok bool) bool {
			hops++
			if !ok || hops > maxHops {
				o.addr, o.unclear = netip.Addr{}, true
				return false
			}
			o.addr, o.text = a, a.String()
			return among(p.Trusted, a)
		})
		if !more {
			break
		}
	}
	return o
}

// plain takes away what makes one address look like two.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func among(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// readXForwardedFor calls each for the line's addresses from the right, until it
// returns false. What stands further to the left is not even parsed.
func readXForwardedFor(line string, each func(netip.Addr, bool) bool) bool {
	for more := true; more; {
		node := line
		i := strings.LastIndexByte(line, ',')
		if more = i >= 0; more {
			line, node = line[:i], line[i+1:]
		}
		if !each(parseNode(strings.Trim(node, " \t"))) {
			return false
		}
	}
	return true
}

// readForwarded is the same for the form of RFC 7239. Quoting makes it readable
// from the left alone, so a stranger could leave a quote open and swallow what
// the proxy adds to his line; the line is then malformed as a whole, and says
// nothing. What follows a closing quote must end the value: that is what keeps a
// stranger from closing the proxy's quote instead of his own.
func readForwarded(line string, each func(netip.Addr, bool) bool) bool {
	nodes, ok := forwardedNodes(line)
	if !ok {
		return each(netip.Addr{}, false)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		if !each(parseNode(nodes[i])) {
			return false
		}
	}
	return true
}

// forwardedNodes returns the "for" of each element, "" where there is none.
func forwardedNodes(s string) ([]string, bool) {
	var nodes []string
	node, seen := "", false
	for {
		s = strings.TrimLeft(s, " \t")
		name, rest := token(s)
		if name != "" {
			value, tail, ok := pairValue(rest)
			if !ok {
				return nil, false
			}
			rest = tail
			if strings.EqualFold(name, "for") {
				if seen {
					return nil, false
				}
				node, seen = value, true
			}
		}
		s = strings.TrimLeft(rest, " \t")
		end := s == ""
		if end || s[0] == ',' {
			nodes = append(nodes, node)
			node, seen = "", false
		} else if s[0] != ';' {
			return nil, false
		}
		if end {
			return nodes, true
		}
		s = s[1:]
	}
}

// token cuts the longest token off.
func token(s string) (name, rest string) {
	i := 0
	for i < len(s) && tokenByte(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// tokenByte reports whether c may stand in a token, or in an address that should
// have been quoted.
func tokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("!#$%&'*+-.^_`|~:[]", c) >= 0
}

// pairValue reads "=value" or "=\"value\"". A value with an escape is no address,
// and is returned as it is written.
func pairValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '=' {
		return "", "", false
	}
	s = s[1:]
	if s == "" || s[0] != '"' {
		value, rest = token(s)
		return value, rest, value != ""
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", "", false
}

// parseNode reads an address with or without port and brackets. A zone means
// nothing on another machine than its own.
func parseNode(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		if ap, portErr := netip.ParseAddrPort(s); portErr == nil {
			a, err = ap.Addr(), nil
		} else if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
			a, err = netip.ParseAddr(s[1 : len(s)-1])
			if err == nil && a.Is4() {
				return netip.Addr{}, false
			}
		}
	}
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
