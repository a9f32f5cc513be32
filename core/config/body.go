package config

import (
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/patchbay-io/patchbay/core/diag"
)

// body reads one block. Its methods take an argument's name, report what is
// wrong with it, and return the default then; done reports what nobody took.
type body struct {
	l       *loader // in the scope of the block
	syn     *hclsyntax.Body
	header  hcl.Range
	context string
	args    []string // the arguments asked for
	blocks  []string // the nested blocks asked for
}

// body opens a block. What a dynamic block became is read in a scope of its own.
func (l *loader) body(b *hclsyntax.Block, context string) *body {
	if own := l.own[b]; own != nil {
		l, context = own.loader, context+own.note
	}
	return &body{l: l, syn: l.undynamic(b.Body, context), header: b.DefRange(), context: context}
}

func (b *body) report(code diag.Code, rng hcl.Range, summary, detail string) {
	b.l.report(code, rng, b.context, summary, detail)
}

// take returns an argument, nil if it isn't written.
func (b *body) take(name string) *hclsyntax.Attribute {
	b.args = append(b.args, name)
	return b.syn.Attributes[name]
}

// takeBlocks returns the nested blocks of a type.
func (b *body) takeBlocks(name string) []*hclsyntax.Block {
	b.blocks = append(b.blocks, name)
	var out []*hclsyntax.Block
	for _, nested := range b.syn.Blocks {
		if nested.Type == name {
			out = append(out, nested)
		}
	}
	return out
}

// require is take for what must be there.
func (b *body) require(name, detail string) *hclsyntax.Attribute {
	a := b.take(name)
	if a == nil {
		b.report(diag.MissingArgument, b.header, "missing argument "+quote(name), detail)
	}
	return a
}

// eval evaluates an argument to a value without references. False means that
// what is wrong with it has been reported.
func (b *body) eval(a *hclsyntax.Attribute) (cty.Value, bool) { return b.l.eval(a.Expr, b.context) }

// value evaluates an argument as a plain value of type want. False means that
// it isn't written, or that what is wrong with it has been reported.
func (b *body) value(name string, want cty.Type, article string) (cty.Value, hcl.Range, bool) {
	a := b.take(name)
	if a == nil {
		return cty.NilVal, hcl.Range{}, false
	}
	return b.convert(a, want, article)
}

// convert is value for an argument that has been taken.
func (b *body) convert(a *hclsyntax.Attribute, want cty.Type, article string) (cty.Value, hcl.Range, bool) {
	v, ok := b.eval(a)
	if !ok {
		return cty.NilVal, hcl.Range{}, false
	}
	rng := a.Expr.Range()
	if v.ContainsMarked() {
		b.report(diag.SecretMisused, rng, "a secret where it would be visible", "Only plugins' arguments, the key of redact and a lookup's dsn and headers can be secrets.")
		return cty.NilVal, hcl.Range{}, false
	}
	if v.IsNull() {
		return cty.NilVal, hcl.Range{}, false // as if it weren't written
	}
	v, err := convert.Convert(v, want)
	if err != nil || v.IsNull() {
		b.report(diag.WrongType, rng, quote(a.Name)+" must be "+article, "")
		return cty.NilVal, hcl.Range{}, false
	}
	return v, rng, true
}

// text returns a string and where it is written; the default is written
// nowhere, so its range is empty.
func (b *body) text(name, def string) (string, hcl.Range) { return b.textAs("a string", name, def) }

func (b *body) textAs(article, name, def string) (string, hcl.Range) {
	v, rng, ok := b.value(name, cty.String, article)
	if !ok {
		return def, hcl.Range{}
	}
	return v.AsString(), rng
}

// textOf is text for an argument that has been taken.
func (b *body) textOf(a *hclsyntax.Attribute) (string, bool) {
	v, _, ok := b.convert(a, cty.String, "a string")
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

func (b *body) flag(name string) bool {
	v, _, ok := b.value(name, cty.Bool, "true or false")
	return ok && v.True()
}

// word is text that must be one of a set; the first is the default.
func (b *body) word(name string, words ...string) string {
	s, rng := b.text(name, words[0])
	if !slices.Contains(words, s) {
		b.l.suggest(diag.Error, diag.UnknownWord, rng, b.context, fmt.Sprintf("unknown %s %s", name, quote(s)),
			"It is one of "+list(words)+".", diag.Suggest(s, words))
		return words[0]
	}
	return s
}

// count is a whole number from least up.
func (b *body) count(name string, def, least int64) int64 {
	v, rng, ok := b.value(name, cty.Number, "a number")
	if !ok {
		return def
	}
	n, acc := v.AsBigFloat().Int64()
	switch {
	case acc != big.Exact:
		b.report(diag.InvalidValue, rng, quote(name)+" must be a whole number", "")
		return def
	case n < least:
		b.report(diag.OutOfRange, rng, quote(name)+" is too small", fmt.Sprintf("At least %d.", least))
		return def
	}
	return n
}

// duration is a positive duration.
func (b *body) duration(name string, def time.Duration) time.Duration {
	s, rng := b.textAs(`a duration such as "30s"`, name, "")
	if rng.Empty() {
		return def
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		b.report(diag.InvalidValue, rng, quote(s)+" is not a duration", `Write it as "90s", "15m" or "168h".`)
		return def
	case d <= 0:
		b.report(diag.OutOfRange, rng, quote(name)+" must be longer than zero", "")
		return def
	}
	return d
}

// size is a number of bytes from least up.
func (b *body) size(name string, def, least int64) int64 {
	s, rng := b.textAs(`a size such as "1MiB"`, name, "")
	if rng.Empty() {
		return def
	}
	n, ok := parseSize(s)
	switch {
	case !ok:
		b.report(diag.InvalidValue, rng, quote(s)+" is not a size", `Write it as "512KiB", "1MiB" or "2GiB", or as a number of bytes.`)
		return def
	case n < least:
		b.report(diag.OutOfRange, rng, quote(name)+" is too small", fmt.Sprintf("At least %d bytes.", least))
		return def
	}
	return n
}

// parseSize reads "1048576", "1MiB" and the like.
func parseSize(s string) (int64, bool) {
	digits := strings.TrimRight(s, "KMGTiB ")
	factor := int64(1)
	switch strings.TrimSpace(s[len(digits):]) {
	case "", "B":
	case "KB":
		factor = 1e3
	case "MB":
		factor = 1e6
	case "GB":
		factor = 1e9
	case "TB":
		factor = 1e12
	case "KiB":
		factor = 1 << 10
	case "MiB":
		factor = 1 << 20
	case "GiB":
		factor = 1 << 30
	case "TiB":
		factor = 1 << 40
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, false
	}
	return n * factor, true
}

// listen is an address to listen on.
func (b *body) listen(def string) (string, hcl.Range) {
	s, rng := b.text("listen", def)
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		b.report(diag.InvalidValue, rng, quote(s)+" is not an address to listen on", `Write host and port, for instance "127.0.0.1:8080" or ":8080".`)
		return def, rng
	}
	return s, rng
}

// publicURL is a URL that providers call; empty if it isn't written.
func (b *body) publicURL() string {
	s, rng := b.text("public_url", "")
	if rng.Empty() {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		b.report(diag.InvalidValue, rng, quote(s)+" is not a public URL",
			`Write scheme and host, for instance "https://hooks.example.com", without user, query and fragment.`)
		return ""
	}
	return s
}

// freePort reports whether the system chooses the port of an address.
func freePort(listen string) bool {
	_, port, err := net.SplitHostPort(listen)
	return err == nil && port == "0"
}

// bounded reports a number above most.
func (b *body) bounded(name string, n, most int64) int64 {
	if n > most {
		b.report(diag.OutOfRange, b.syn.Attributes[name].Expr.Range(), quote(name)+" is too large", fmt.Sprintf("At most %d.", most))
		return most
	}
	return n
}
