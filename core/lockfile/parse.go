package lockfile

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/release"
)

// The most that a lock may hold. Both are far beyond any use.
const (
	maxBytes = 1 << 20
	maxDepth = 4
)

// Read reads the lock at path. Without a file it returns nil and no
// diagnostics. The source is for their snippets.
func Read(path string) (f *File, src []byte, diags diag.List) {
	file, err := os.Open(path)
	if missing(err) {
		return nil, nil, nil
	}
	if err == nil {
		defer file.Close()
		src, err = io.ReadAll(io.LimitReader(file, maxBytes+1))
	}
	if err != nil {
		return nil, nil, diag.List{{
			Code: diag.LockInvalid, Summary: "the lock file can't be read", Detail: err.Error() + ".",
			Subject: &hcl.Range{Filename: path, Start: hcl.InitialPos, End: hcl.InitialPos},
		}}
	}
	f, diags = Parse(src, path)
	return f, src, diags
}

// Parse reads a lock from text. filename is for the diagnostics; the File is
// nil if there are any.
func Parse(src []byte, filename string) (*File, diag.List) {
	p := &parser{filename: filename}
	if p.precheck(src) {
		file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
		for _, d := range diags {
			p.report(*d.Subject, strings.ToLower(d.Summary[:1])+d.Summary[1:], "Take the file from version control, or lock again.")
		}
		if !diags.HasErrors() {
			p.file(file.Body.(*hclsyntax.Body))
		}
	}
	if len(p.diags) > 0 {
		p.diags.Sort()
		return nil, p.diags
	}
	p.out.sort()
	return &p.out, nil
}

type parser struct {
	filename string
	out      File
	diags    diag.List
}

func (p *parser) report(rng hcl.Range, summary, detail string) {
	p.diags = append(p.diags, diag.Diagnostic{Code: diag.LockInvalid, Subject: &rng, Summary: summary, Detail: detail})
}

// precheck refuses what no lock contains before it is parsed: the parser
// recurses, and its stack must not be as deep as a hostile file is long (I12).
func (p *parser) precheck(src []byte) bool {
	at := hcl.Pos{Line: 1, Column: 1}
	var s scanner
	for i, c := range src {
		why := s.next(c)
		if len(src) > maxBytes {
			why = "the lock file is too large"
		}
		if why != "" {
			at.Byte = i
			end := at
			end.Byte, end.Column = i+1, at.Column+1
			p.report(hcl.Range{Filename: p.filename, Start: at, End: end}, why, "It is written by patchbay plugin lock; take it from version control.")
			return false
		}
		if at.Column++; c == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
	}
	return true
}

// scanner follows a lock file's text byte by byte.
type scanner struct {
	depth               int
	comment, quoted, eq bool
}

// next returns what is wrong with the next byte, empty if nothing is.
func (s *scanner) next(c byte) string {
	eq := s.eq
	s.eq = false
	switch {
	case c == '\n':
		s.comment = false
	case s.comment:
	case c == '"':
		s.quoted = !s.quoted
	case c == '#' && !s.quoted:
		s.comment = true
	case s.quoted && strings.IndexByte(" .:/+-_", c) >= 0, letterOrDigit(c):
	case s.quoted:
		return "a lock file has no such character in a text"
	case c == '{' || c == '[':
		if s.depth++; s.depth > maxDepth {
			return "the lock file is nested too deep"
		}
	case c == '}' || c == ']':
		s.depth--
	case c == '=' && !eq:
		s.eq = true // a second one would make it an operator
	case strings.IndexByte(" \t\r_,", c) >= 0:
	default:
		return "a lock file has no such character"
	}
	return ""
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *parser) file(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		p.report(a.NameRange, fmt.Sprintf("unknown argument %q", a.Name), "A lock file has plugin blocks alone.")
	}
	names := map[string]hcl.Range{}
	for _, b := range body.Blocks {
		if b.Type != "plugin" || len(b.Labels) != 1 {
			p.report(b.TypeRange, fmt.Sprintf("unknown block %q", b.Type), `A lock file has blocks plugin "ADDRESS" { ... } alone.`)
			continue
		}
		plugin := p.plugin(b)
		if !release.ValidAddress(plugin.Address) {
			p.report(b.LabelRanges[0], fmt.Sprintf("%q is not the address of a plugin", plugin.Address), "It is HOST/NAME or HOST/NAMESPACE/NAME in lower case.")
			continue
		}
		if first, twice := names[plugin.Name()]; twice {
			p.report(b.LabelRanges[0], fmt.Sprintf("two plugins of the name %q", plugin.Name()),
				fmt.Sprintf("The first is on line %d. A name stands for one plugin.", first.Start.Line))
			continue
		}
		names[plugin.Name()] = b.LabelRanges[0]
		p.out.Plugins = append(p.out.Plugins, plugin)
	}
}

var (
	platformPattern = regexp.MustCompile(`^[a-z0-9]+_[a-z0-9]+$`)
	hashPattern     = regexp.MustCompile(`^s256:[0-9a-f]{64}$`)
	typePattern     = regexp.MustCompile(`^(source|sink)\.[A-Za-z][A-Za-z0-9_-]*$`)
)

func (p *parser) plugin(b *hclsyntax.Block) *Plugin {
	out := &Plugin{Address: b.Labels[0]}
	for _, nested := range b.Body.Blocks {
		p.report(nested.TypeRange, fmt.Sprintf("unknown block %q", nested.Type), "A plugin has arguments alone.")
	}
	for _, name := range []string{"version", "protocol", "types", "hashes"} {
		if b.Body.Attributes[name] == nil {
			p.report(b.DefRange(), fmt.Sprintf("missing argument %q", name), "A plugin has version, protocol, types and hashes.")
		}
	}
	for name, a := range b.Body.Attributes {
		switch name {
		case "version":
			if v, ok := p.text(a.Expr); ok {
				if out.Version = v; !release.ValidVersion(v) {
					p.report(a.Expr.Range(), fmt.Sprintf("%q is not a version", v), `A version is "1.0.3".`)
				}
			}
		case "protocol":
			v, diags := a.Expr.Value(nil)
			if n, ok := small(v); !diags.HasErrors() && ok {
				out.Protocol = n
			} else {
				p.report(a.Expr.Range(), "the protocol is not a version", "It is a number from 1 up.")
			}
		case "types":
			out.Types = p.types(a.Expr)
		case "hashes":
			out.Hashes = p.hashes(a.Expr)
		default:
			p.report(a.NameRange, fmt.Sprintf("unknown argument %q", name), "A plugin has version, protocol, types and hashes.")
		}
	}
	return out
}

func small(v cty.Value) (int, bool) {
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.Number {
		return 0, false
	}
	n, _ := v.AsBigFloat().Int64()
	return int(n), v.AsBigFloat().IsInt() && n >= 1 && n <= 1000
}

func (p *parser) text(e hclsyntax.Expression) (string, bool) {
	v, diags := e.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		p.report(e.Range(), "this must be text", "Write it in quotes.")
		return "", false
	}
	return v.AsString(), true
}

func (p *parser) types(e hclsyntax.Expression) []string {
	tuple, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		p.report(e.Range(), "types is not a list", `It is a list such as ["source.twilio"].`)
		return nil
	}
	var out []string
	for _, item := range tuple.Exprs {
		t, ok := p.text(item)
		switch {
		case !ok:
		case !typePattern.MatchString(t) || slices.Contains(out, t):
			p.report(item.Range(), fmt.Sprintf("%q is not a type, or stands there twice", t), `A type is "source.NAME" or "sink.NAME".`)
		default:
			out = append(out, t)
		}
	}
	return out
}

func (p *parser) hashes(e hclsyntax.Expression) map[string]string {
	object, ok := e.(*hclsyntax.ObjectConsExpr)
	if !ok || len(object.Items) == 0 {
		p.report(e.Range(), "hashes has no entries", "It has one for each platform: linux_amd64 = \"s256:...\".")
		return nil
	}
	out := map[string]string{}
	for _, item := range object.Items {
		platform := hcl.ExprAsKeyword(item.KeyExpr)
		_, twice := out[platform]
		if !platformPattern.MatchString(platform) || twice {
			p.report(item.KeyExpr.Range(), fmt.Sprintf("%q is not a platform, or stands there twice", platform), "A platform is OS_ARCH, for instance linux_amd64.")
			continue
		}
		hash, ok := p.text(item.ValueExpr)
		if ok && !hashPattern.MatchString(hash) {
			p.report(item.ValueExpr.Range(), "this is not a hash", "A hash is s256: and the 64 hexadecimal digits of a SHA-256.")
		}
		out[platform] = strings.TrimPrefix(hash, scheme)
	}
	return out
}
