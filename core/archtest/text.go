package archtest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxLines is the longest that a file may be.
const maxLines = 500

// sizes finds files that are too long.
func sizes(files []*file) []string {
	var out []string
	for _, f := range files {
		if n := strings.Count(f.text, "\n"); f.isGo() && !f.generated && n > maxLines {
			out = append(out, fmt.Sprintf("%s has %d lines, more than %d: split it by idea", f.path, n, maxLines))
		}
	}
	return out
}

// comments finds packages without exactly one comment of the right form.
func comments(files []*file) []string {
	type pkg struct{ dir, name string }
	has := map[pkg][]*file{}
	for _, f := range files {
		if f.pkg == "" || f.isTest() {
			continue
		}
		p := pkg{f.dir(), f.pkg}
		with := has[p]
		if f.comment != "" {
			with = append(with, f)
		}
		has[p] = with // a package without a comment is one as well
	}
	keys := slices.SortedFunc(maps.Keys(has), func(a, b pkg) int { return strings.Compare(a.dir+a.name, b.dir+b.name) })
	var out []string
	for _, p := range keys {
		begin := "Package " + p.name + " "
		if p.name == "main" {
			begin = "Command "
		}
		switch with := has[p]; {
		case len(with) == 0:
			out = append(out, fmt.Sprintf("%s: package %s has no comment: say what it is, its place, its invariants", p.dir, p.name))
		case len(with) > 1:
			out = append(out, fmt.Sprintf("%s: package %s has comments in %s and %s: keep one", p.dir, p.name, with[0].path, with[1].path))
		case !strings.HasPrefix(with[0].comment, begin):
			out = append(out, fmt.Sprintf("%s: its package comment must begin with %q", with[0].path, begin))
		}
	}
	return out
}

// phrase is what no file may contain. The patterns are written so that they do
// not find themselves.
type phrase struct {
	pattern *regexp.Regexp
	why     string
}

func phrases() []phrase {
	return []phrase{
		{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), "finish it, or leave it out: git and the tracker remember what is left to do"},
		{regexp.MustCompile(`(^|[^\w.:/~-])/(ho` + `me|Use` + `rs|ro` + `ot|wo` + `rk)/\w`), "a path of somebody's machine"},
	}
}

// words finds phrases that no file may contain.
func words(files []*file) []string {
	var out []string
	for _, f := range files {
		if f.generated {
			continue
		}
		for _, p := range phrases() {
			at := p.pattern.FindStringIndex(f.text)
			if at == nil {
				continue
			}
			line := 1 + strings.Count(f.text[:at[1]], "\n")
			out = append(out, fmt.Sprintf("%s:%d: %q: %s", f.path, line, strings.TrimSpace(f.text[at[0]:at[1]]), p.why))
		}
	}
	return out
}
