package config

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// KeyMark stands for the key in the URL of a lookup.
const KeyMark = "{key}"

// LookupInWeb is what a lookup asks a web service.
type LookupInWeb struct {
	URL      string // with KeyMark in its path or query
	Headers  []Header
	Fields   []LookupField
	NotFound []int // statuses that say that there is nothing under the key
}

// Header is a header of a request. Its value may be a secret.
type Header struct{ Name, Value string }

// LookupField says where in an answer a column is.
type LookupField struct {
	Column string
	Path   Path
}

func (l *loader) lookupHTTP(lk *Lookup, b *body) {
	w := &LookupInWeb{NotFound: []int{http.StatusNotFound}}
	lk.HTTP = w
	var secret bool
	w.Headers, secret = l.lookupHeaders(b)
	w.URL = l.lookupURL(b, secret)
	l.lookupFields(lk, b)
	l.lookupNotFound(w, b)
	lk.Remote = l.remote(b)
	b.done()
}

// lookupURL reads the URL; secret says that a secret travels with the request.
func (l *loader) lookupURL(b *body, secret bool) string {
	const usage = `Write url = "https://crm.example/api/accounts/{key}", with {key} in the path or the query.`
	if b.require("url", usage) == nil {
		return ""
	}
	s, rng := b.text("url", "")
	if rng.Empty() {
		return ""
	}
	// The key is somebody else's text: it must never choose whom we ask.
	const mark = "patchbaykey"
	u, err := url.Parse(strings.ReplaceAll(s, KeyMark, mark))
	if strings.Contains(s, "@") && (err != nil || u.User != nil) {
		l.blankLiteral(b.syn.Attributes["url"].Expr) // there may be a password in it
		b.report(diag.InvalidValue, rng, "the URL has a user in it", `Write headers = { Authorization = secret("env:NAME") } instead.`)
		return ""
	}
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "":
		b.report(diag.InvalidValue, rng, quote(s)+" is not a URL that can be asked", usage)
	case strings.Contains(u.Host, mark):
		b.report(diag.InvalidValue, rng, "the key would choose the host", usage)
	case !strings.Contains(s, KeyMark):
		b.report(diag.InvalidValue, rng, "the URL does not use the key", usage)
	default:
		if u.Scheme == "http" && secret && !loopback(u.Hostname()) {
			l.warn(diag.Unencrypted, rng, b.context, "a secret would travel unencrypted", "Write https.")
		}
		return s
	}
	return ""
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// headerPattern is what a header may be called.
var headerPattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")

// ownHeaders belong to the request itself.
func ownHeaders() []string {
	return []string{"Connection", "Content-Length", "Host", "Transfer-Encoding", "Accept-Encoding", "Upgrade", "Te", "Trailer"}
}

// secretHeaders carry credentials wherever they are used.
func secretHeaders() []string {
	return []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key", "X-Auth-Token"}
}

// lookupHeaders reads the headers; secret says that one of them is a credential.
func (l *loader) lookupHeaders(b *body) (out []Header, secret bool) {
	a := b.take("headers")
	if a == nil {
		return nil, false
	}
	pairs, diags := hcl.ExprMap(a.Expr)
	if diags.HasErrors() {
		b.report(diag.WrongType, a.Expr.Range(), `"headers" must be a map of strings`, `Write headers = { Authorization = secret("env:NAME") }.`)
		return nil, false
	}
	for _, pair := range pairs {
		key, _ := pair.Key.(hclsyntax.Expression)
		value, _ := pair.Value.(hclsyntax.Expression)
		name, ok := literalKey(key)
		if !ok || value == nil {
			b.report(diag.UnsupportedSyntax, pair.Key.Range(), "a name must be written out", "Names of headers can't be computed.")
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !headerPattern.MatchString(name):
			b.report(diag.InvalidValue, pair.Key.Range(), quote(name)+" is not a name for a header", "")
			continue
		case slices.Contains(ownHeaders(), canonical):
			b.report(diag.InvalidValue, pair.Key.Range(), quote(name)+" can't be set", "It belongs to the request itself.")
			continue
		case slices.ContainsFunc(out, func(h Header) bool { return h.Name == canonical }):
			b.report(diag.DuplicateName, pair.Key.Range(), "the header "+quote(name)+" twice", "Name it once.")
			continue
		}
		credential := slices.Contains(secretHeaders(), canonical)
		s, ok := b.secretAt(value, "a header", credential)
		secret = secret || credential || s.marked
		if !ok {
			continue
		}
		if strings.ContainsFunc(s.text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			b.report(diag.InvalidValue, pair.Value.Range(), "a header can't hold a line break or another control character", "")
			continue
		}
		out = append(out, Header{canonical, s.text})
	}
	return out, secret
}

// lookupFields reads where in an answer the columns are.
func (l *loader) lookupFields(lk *Lookup, b *body) {
	const usage = `Write what to take from the answer, for instance fields = { tier = "data.tier" }.`
	a := b.require("fields", usage)
	if a == nil {
		return
	}
	pairs, diags := hcl.ExprMap(a.Expr)
	if diags.HasErrors() || len(pairs) == 0 {
		b.report(diag.WrongType, a.Expr.Range(), `"fields" must name what to take`, usage)
		return
	}
	for _, pair := range pairs {
		key, _ := pair.Key.(hclsyntax.Expression)
		value, _ := pair.Value.(hclsyntax.Expression)
		name, ok := literalKey(key)
		if !ok || value == nil {
			b.report(diag.UnsupportedSyntax, pair.Key.Range(), "a name must be written out", "Names of columns can't be computed.")
			continue
		}
		s, ok := b.secretAt(value, "a field", false)
		if ok && s.marked {
			b.report(diag.SecretMisused, pair.Value.Range(), "a secret where it would be visible", `Write where the value is, for instance "data.tier".`)
			continue
		}
		text := s.text
		if !ok || !b.column(name, lk.Columns, key) {
			continue
		}
		path, ok := parsePath(text)
		if !ok || slices.ContainsFunc(path, func(s PathStep) bool { return s.Any }) {
			b.report(diag.InvalidValue, pair.Value.Range(), quote(text)+" is not a place in a JSON document",
				`Write "data.tier", "accounts[0].tier" or "[\"a.name\"]".`)
			continue
		}
		lk.Columns = append(lk.Columns, name)
		lk.HTTP.Fields = append(lk.HTTP.Fields, LookupField{Column: name, Path: path})
	}
}

// lookupNotFound reads the statuses that say that there is nothing.
func (l *loader) lookupNotFound(w *LookupInWeb, b *body) {
	v, rng, ok := b.value("not_found", cty.List(cty.Number), "a list of numbers")
	if !ok {
		return
	}
	w.NotFound = nil
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		var n int64
		if !item.IsNull() {
			n, _ = item.AsBigFloat().Int64()
		}
		if n < 400 || n > 499 || slices.Contains([]int64{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}, n) {
			b.report(diag.OutOfRange, rng, `"not_found" holds what does not say that there is nothing`,
				"It holds statuses from 400 to 499, but not 401, 403 and 429: those are about us, not about the key.")
			return
		}
		w.NotFound = append(w.NotFound, int(n))
	}
}
