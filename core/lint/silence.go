package lint

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// marker begins a comment that silences a finding.
const marker = "patchbay:ignore"

var ignorePattern = regexp.MustCompile(`^(PB\d{4})\s+(\S.*)$`)

// silenceable reports whether a comment may silence findings of a code: those
// that say the same on every machine.
func silenceable(code diag.Code) bool {
	switch code {
	case diag.Unused, diag.ProbableTypo, diag.WindowTooShort, diag.Deprecated, diag.ClearSecret:
		return true
	case diag.BadIgnore, diag.UnusedIgnore:
		return false
	}
	return strings.HasPrefix(string(code), "PB25")
}

// ignore is one comment that silences.
type ignore struct {
	code diag.Code
	rng  hcl.Range
	line int // where the findings stand
	used bool
}

// Silence takes out what comments in the files silence, and adds what is wrong
// with those comments. complete says that all findings are there, so that a
// comment which silences nothing can be reported.
func Silence(files map[string][]byte, found diag.List, complete bool) diag.List {
	var ignores []*ignore
	var out diag.List
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !bytes.Contains(files[name], []byte(marker)) {
			continue
		}
		more, wrong := ignoresIn(files[name], name)
		ignores, out = append(ignores, more...), append(out, wrong...)
	}
	for _, d := range found {
		if !silenced(ignores, d) {
			out = append(out, d)
		}
	}
	for _, ig := range ignores {
		if complete && !ig.used {
			out = append(out, diag.Diagnostic{
				Severity: diag.Warning, Code: diag.UnusedIgnore, Subject: &ig.rng, Summary: fmt.Sprintf("no %s is found here", ig.code),
				Detail: "The comment silences nothing, and would hide a later finding. Remove it.",
			})
		}
	}
	out.Sort()
	return out
}

func silenced(ignores []*ignore, d diag.Diagnostic) bool {
	if d.Severity == diag.Error || d.Subject == nil {
		return false
	}
	hit := false
	for _, ig := range ignores {
		if ig.code == d.Code && ig.rng.Filename == d.Subject.Filename && ig.line == d.Subject.Start.Line {
			ig.used, hit = true, true
		}
	}
	return hit
}

// ignoresIn finds the comments of a file that silence, and those that try to.
func ignoresIn(src []byte, name string) (good []*ignore, wrong diag.List) {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos) // read before, so it is sound
	codeOn := 0                                                 // the last line with something other than a comment
	var waiting []*ignore                                       // comments above the line that they are about
	for _, t := range tokens {
		line := t.Range.Start.Line
		if t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenEOF {
			continue
		}
		if t.Type != hclsyntax.TokenComment {
			for _, ig := range waiting {
				ig.line = line
			}
			waiting, codeOn = nil, t.Range.End.Line
			continue
		}
		rest, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimLeft(string(t.Bytes), "#/* ")), marker)
		if !ok {
			continue
		}
		rng := t.Range
		rng.End = hcl.Pos{Line: line, Column: rng.Start.Column + len(bytes.TrimRight(t.Bytes, "\r\n")), Byte: rng.Start.Byte + len(bytes.TrimRight(t.Bytes, "\r\n"))}
		ig, problem := parseIgnore(strings.TrimSpace(strings.TrimSuffix(rest, "*/")), rng)
		if problem != nil {
			wrong = append(wrong, *problem)
			continue
		}
		good = append(good, ig)
		if ig.line = line; codeOn != line {
			waiting = append(waiting, ig)
		}
	}
	return good, wrong
}

func parseIgnore(text string, rng hcl.Range) (*ignore, *diag.Diagnostic) {
	bad := func(summary, detail string) (*ignore, *diag.Diagnostic) {
		return nil, &diag.Diagnostic{Severity: diag.Warning, Code: diag.BadIgnore, Subject: &rng, Summary: summary, Detail: detail}
	}
	m := ignorePattern.FindStringSubmatch(text)
	if m == nil {
		return bad("the comment silences nothing", "Write a code and the reason: # "+marker+" PB2508 only monitoring reaches this port.")
	}
	code := diag.Code(m[1])
	if _, ok := diag.Explain(code); !ok {
		return bad(fmt.Sprintf("there is no code %s", code), "patchbay help codes lists them.")
	}
	if !silenceable(code) {
		return bad(fmt.Sprintf("%s can't be silenced", code), "Only warnings about what is written can be, not errors nor what depends on the machine. Mend it instead.")
	}
	return &ignore{code: code, rng: rng}, nil
}
