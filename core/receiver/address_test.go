package receiver

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

const proxy = "10.0.0.1:4711"

// TestOrigin walks chains of proxies (section 5 of the fault model: client IP).
func TestOrigin(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8", "2001:db8:1::/48")
	for name, c := range map[string]struct {
		remote  string
		header  string
		lines   []string
		want    string
		unclear bool // and with it unknown to lists
	}{
		"no header":                   {proxy, XForwardedFor, nil, "10.0.0.1", false},
		"a stranger's header":         {"203.0.113.9:1", XForwardedFor, []string{"198.51.100.1"}, "203.0.113.9", false},
		"one proxy":                   {proxy, XForwardedFor, []string{"203.0.113.9"}, "203.0.113.9", false},
		"two proxies":                 {proxy, XForwardedFor, []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9", false},
		"two proxies, two lines":      {proxy, XForwardedFor, []string{"203.0.113.9", "10.0.0.2"}, "203.0.113.9", false},
		"forged by the client":        {proxy, XForwardedFor, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9", false},
		"forged as a proxy":           {proxy, XForwardedFor, []string{"10.0.0.7, 203.0.113.9, 10.0.0.2"}, "203.0.113.9", false},
		"forged in a line of its own": {proxy, XForwardedFor, []string{"10.0.0.7", "203.0.113.9"}, "203.0.113.9", false},
		"garbage by the client":       {proxy, XForwardedFor, []string{"\x00;drop, , 203.0.113.9"}, "203.0.113.9", false},
		"all of them proxies":         {proxy, XForwardedFor, []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3", false},
		"with a port":                 {proxy, XForwardedFor, []string{"203.0.113.9:61234"}, "203.0.113.9", false},
		"IPv6":                        {proxy, XForwardedFor, []string{"2001:db8:2::5"}, "2001:db8:2::5", false},
		"IPv6 in brackets":            {proxy, XForwardedFor, []string{"[2001:db8:2::5]"}, "2001:db8:2::5", false},
		"IPv6 with a port":            {proxy, XForwardedFor, []string{"[2001:db8:2::5]:443"}, "2001:db8:2::5", false},
		"IPv6 proxy":                  {"[2001:db8:1::9]:1", XForwardedFor, []string{"203.0.113.9"}, "203.0.113.9", false},
		"IPv4 mapped, as a proxy":     {"[::ffff:10.0.0.1]:1", XForwardedFor, []string{"203.0.113.9"}, "203.0.113.9", false},
		"IPv4 mapped, as a client":    {proxy, XForwardedFor, []string{"::ffff:203.0.113.9"}, "203.0.113.9", false},
		"IPv4 mapped, as a hop":       {proxy, XForwardedFor, []string{"203.0.113.9, ::ffff:10.0.0.2"}, "203.0.113.9", false},
		"zone of the connection":      {"[fe80::1%eth0]:1", XForwardedFor, []string{"203.0.113.9"}, "fe80::1%eth0", false},
		"zone in the header":          {proxy, XForwardedFor, []string{"fe80::1%eth0"}, "10.0.0.1", true},
		"garbage by the proxy":        {proxy, XForwardedFor, []string{"203.0.113.9, unknown"}, "10.0.0.1", true},
		"garbage behind a proxy":      {proxy, XForwardedFor, []string{"x, 10.0.0.2"}, "10.0.0.2", true},
		"empty":                       {proxy, XForwardedFor, []string{""}, "10.0.0.1", true},
		"ends with a comma":           {proxy, XForwardedFor, []string{"203.0.113.9,"}, "10.0.0.1", true},
		"leading zeros":               {proxy, XForwardedFor, []string{"203.0.113.009"}, "10.0.0.1", true},
		"a number":                    {proxy, XForwardedFor, []string{"3405803785"}, "10.0.0.1", true},
		"IPv4 in brackets":            {proxy, XForwardedFor, []string{"[203.0.113.9]"}, "10.0.0.1", true},
		"nowhere":                     {proxy, XForwardedFor, []string{"0.0.0.0"}, "10.0.0.1", true},
		"10,000 proxies":              {proxy, XForwardedFor, []string{strings.Repeat("10.0.0.2,", 10000) + "10.0.0.2"}, "10.0.0.2", true},
		"10,000 strangers":            {proxy, XForwardedFor, []string{strings.Repeat("1.1.1.1,", 10000) + "203.0.113.9"}, "203.0.113.9", false},
		"the other header":            {proxy, Forwarded, nil, "10.0.0.1", false},
		"no address of a connection":  {"@", XForwardedFor, []string{"203.0.113.9"}, "@", true},

		"RFC 7239":                 {proxy, Forwarded, []string{"for=203.0.113.9;proto=https;by=10.0.0.1"}, "203.0.113.9", false},
		"RFC 7239, chain":          {proxy, Forwarded, []string{`for=198.51.100.1, for=203.0.113.9;host="a,b;c", for=10.0.0.2`}, "203.0.113.9", false},
		"RFC 7239, two lines":      {proxy, Forwarded, []string{`for="`, "for=203.0.113.9"}, "203.0.113.9", false},
		"RFC 7239, IPv6":           {proxy, Forwarded, []string{`For="[2001:db8:2::5]:4711"`}, "2001:db8:2::5", false},
		"RFC 7239, quoted IPv4":    {proxy, Forwarded, []string{`proto=http; for="203.0.113.9:80"`}, "203.0.113.9", false},
		"RFC 7239, not quoted":     {proxy, Forwarded, []string{"for=203.0.113.9:80"}, "203.0.113.9", false},
		"RFC 7239, an open quote":  {proxy, Forwarded, []string{`for=10.0.0.9;x=", for=203.0.113.9`}, "10.0.0.1", true},
		"RFC 7239, a stolen quote": {proxy, Forwarded, []string{`for=10.0.0.9;x=", for="[2001:db8:2::5]"`}, "10.0.0.1", true},
		"RFC 7239, an escape":      {proxy, Forwarded, []string{`for=10.0.0.9;x="\", for="[2001:db8:2::5]"`}, "10.0.0.1", true},
		"RFC 7239, hidden":         {proxy, Forwarded, []string{"for=_hidden"}, "10.0.0.1", true},
		"RFC 7239, unknown":        {proxy, Forwarded, []string{"for=unknown, for=10.0.0.2"}, "10.0.0.2", true},
		"RFC 7239, without for":    {proxy, Forwarded, []string{"by=10.0.0.1;proto=https"}, "10.0.0.1", true},
		"RFC 7239, for twice":      {proxy, Forwarded, []string{"for=203.0.113.9;for=203.0.113.8"}, "10.0.0.1", true},
		"RFC 7239, empty":          {proxy, Forwarded, []string{""}, "10.0.0.1", true},
		"RFC 7239, no value":       {proxy, Forwarded, []string{"for="}, "10.0.0.1", true},
		"RFC 7239, no equals":      {proxy, Forwarded, []string{"203.0.113.9"}, "10.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{c.header: c.lines}
			if c.header == Forwarded {
				h[XForwardedFor] = []string{"198.51.100.66"} // set by the client
			}
			p := Proxies{Trusted: trusted, Header: c.header}
			o := p.origin(c.remote, h)
			known := o.addr.IsValid()
			if o.text != c.want || known == c.unclear || o.unclear != (c.unclear && c.remote != "@") {
				t.Errorf("got %q, known %t, unclear %t, want %q, unclear %t", o.text, known, o.unclear, c.want, c.unclear)
			}
		})
	}
}

// TestAllow holds origins against lists.
func TestAllow(t *testing.T) {
	t.Parallel()
	behind := Proxies{Trusted: prefixes("127.0.0.0/8"), Header: XForwardedFor}
	list := prefixes("203.0.113.0/24", "2001:db8::/32")
	for name, c := range map[string]struct {
		allow   []netip.Prefix
		proxies Proxies
		header  string
		want    int
		reason  string
	}{
		"no list":                       {nil, Proxies{}, "", 200, ""},
		"in the list":                   {prefixes("127.0.0.0/8"), Proxies{}, "", 200, ""},
		"not in the list":               {list, Proxies{}, "", 403, addressNotAllowed},
		"claims to be in it":            {list, Proxies{}, "203.0.113.9", 403, addressNotAllowed},
		"behind a proxy, in the list":   {list, behind, "203.0.113.9", 200, ""},
		"behind a proxy, not in it":     {list, behind, "198.51.100.1", 403, addressNotAllowed},
		"behind a proxy, forged":        {list, behind, "203.0.113.9, 198.51.100.1", 403, addressNotAllowed},
		"behind a proxy, IPv6":          {list, behind, "[2001:db8::7]:1", 200, ""},
		"behind a proxy, unclear":       {list, behind, "what", 403, addressUnknown},
		"unclear, proxies are allowed":  {prefixes("127.0.0.0/8"), behind, "what", 403, addressUnknown},
		"unclear, without a list":       {nil, behind, "what", 200, ""},
		"the proxy itself, not allowed": {list, behind, "", 403, addressNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{}, func(cfg *Config) { cfg.Allow, cfg.Proxies = c.allow, c.proxies })
			var lines []string
			if c.header != "" {
				lines = []string{"X-Forwarded-For: " + c.header}
			}
			status, _, body := b.raw(post("x", lines...))
			if status != c.want || body != "" {
				t.Errorf("got %d %q, want %d", status, body, c.want)
			}
			if got := len(b.stored()); got != 0 && c.want != 200 {
				t.Errorf("stored: got %d, want none", got)
			}
			if c.want == 200 {
				if got, want := b.stored()[0].Remote, b.r.origin(t, lines); got != want {
					t.Errorf("remote: got %q, want %q", got, want)
				}
				return
			}
			b.end()
			b.wantRefused(map[string]int64{c.reason: 1})
		})
	}
}

// origin is what the only endpoint makes of a request from loopback.
func (r *Receiver) origin(t *testing.T, lines []string) string {
	t.Helper()
	h := http.Header{}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		h.Add(name, value)
	}
	e := (*r.endpoints.Load())[path]
	o := e.Proxies.origin("127.0.0.1:1", h)
	return o.text
}

// TestAllowBeforeTheBody: a stranger's body is neither awaited nor read.
func TestAllowBeforeTheBody(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{}, func(c *Config) { c.Allow = prefixes("203.0.113.0/24") })
	head, _, _ := strings.Cut(post(strings.Repeat("x", 4000)), "\r\n\r\n")
	c := b.dial()
	if _, err := io.WriteString(c, head+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
		t.Errorf("got %q, %v, want 403 at once, and the end of the connection", answer, err)
	}
	if got := b.r.inFlight.Load(); got != 0 {
		t.Errorf("in flight: got %d, want 0", got)
	}
}

// FuzzForwarded: whatever a client writes in front of what a proxy adds, or into
// lines of its own, the outcome is the client's address or none, never another.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{
		"", "10.0.0.9", "for=10.0.0.9", `for=10.0.0.9;x="`, `for="10.0.0.9`, `x="\`, "for=10.0.0.9,", `for=10.0.0.9;x="\\", `, "a=b;", "[", "10.0.0.9, 10.0.0.8:1",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	const client, client6 = "203.0.113.9", "2001:db8:2::5"
	p := Proxies{Trusted: prefixes("10.0.0.0/8"), Header: XForwardedFor}
	rfc := Proxies{Trusted: p.Trusted, Header: Forwarded}
	f.Fuzz(func(t *testing.T, written string, ownLine bool) {
		added := func(s string) []string {
			if ownLine {
				return []string{written, s}
			}
			return []string{written + ", " + s}
		}
		if o := p.origin(proxy, http.Header{XForwardedFor: added(client)}); o.addr.String() != client || o.unclear {
			t.Errorf("%q: got %+v, want %s", written, o, client)
		}
		for s, want := range map[string]string{
			"for=" + client: client, `for="` + client + `:80";proto=https`: client, `proto=https;for="[` + client6 + `]"`: client6,
		} {
			o := rfc.origin(proxy, http.Header{Forwarded: added(s)})
			if o.addr.String() != want && !o.unclear {
				t.Errorf("%q before %s: got %+v, want %s or nothing", written, s, o, want)
			}
			if ownLine && o.unclear {
				t.Errorf("%q in a line of its own: got %+v, want %s", written, o, want)
			}
		}
	})
}
