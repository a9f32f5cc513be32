package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/mod/semver"

	"github.com/patchbay-io/patchbay/core/diag"
)

// comparisons are what may stand before a version. One that begins with another
// comes before it, so that the first that fits is the one meant.
func comparisons() []string { return []string{">=", "<=", "!=", "~>", ">", "<", "="} }

// comparison is one part of a constraint: "~> 0.1".
type comparison struct {
	op      string
	parts   []string // as many of major, minor, patch as were written
	version string   // all three, and the pre-release, as semver wants it
}

// constraint is what required_version says. A version must satisfy all of it.
type constraint []comparison

// parseConstraint reads a list of comparisons parted by commas.
func parseConstraint(text string) (constraint, bool) {
	var out constraint
	for item := range strings.SplitSeq(text, ",") {
		c := comparison{op: "="}
		item = strings.TrimSpace(item)
		if i := slices.IndexFunc(comparisons(), func(op string) bool { return strings.HasPrefix(item, op) }); i >= 0 {
			c.op = comparisons()[i]
			item = strings.TrimSpace(item[len(c.op):])
		}
		release, pre, dashed := strings.Cut(item, "-")
		c.parts = strings.Split(release, ".")
		if len(c.parts) > 3 {
			return nil, false
		}
		c.version = canonical(c.parts)
		if dashed {
			c.version += "-" + pre
		}
		// Build metadata says nothing about what a version can do.
		if !semver.IsValid(c.version) || semver.Build(c.version) != "" {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

// canonical fills up what was left out: 0.1 is 0.1.0.
func canonical(parts []string) string {
	full := append(slices.Clone(parts), "0", "0")[:3]
	return "v" + strings.Join(full, ".")
}

// allows says whether version, "0.1.0" or "0.2.0-rc.1", satisfies everything.
// A pre-release comes before its release: 0.2.0-rc.1 is below 0.2.
func (c constraint) allows(version string) bool {
	return !slices.ContainsFunc(c, func(one comparison) bool { return !one.allows("v" + version) })
}

func (c comparison) allows(version string) bool {
	order := semver.Compare(version, c.version)
	switch c.op {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	case "~>":
		return order >= 0 && c.sameButLast(version)
	}
	return order == 0
}

// sameButLast says whether version differs from the written parts in nothing
// before the last of them: ~> 0.1 allows any 0.x, ~> 0.1.2 any 0.1.x.
func (c comparison) sameButLast(version string) bool {
	release, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	fixed := c.parts[:len(c.parts)-1]
	have := strings.Split(release, ".")
	return len(have) >= len(fixed) && slices.Equal(have[:len(fixed)], fixed)
}

// requireVersion checks what is written in required_version, then whether the
// running patchbay satisfies it, and returns the constraint if it can be read.
func (l *loader) requireVersion(b *body) string {
	text, rng := b.text("required_version", "")
	if rng == (hcl.Range{}) {
		return ""
	}
	c, ok := parseConstraint(text)
	if !ok {
		b.report(diag.InvalidValue, rng, quote(text)+" is not a version constraint", `Write it as "~> 0.1" or ">= 0.1.2, < 1.0".`)
		return ""
	}
	if l.opts.Version != "" && !c.allows(l.opts.Version) {
		b.report(diag.WrongVersion, rng, "this is patchbay "+l.opts.Version+", but the configuration requires "+quote(text),
			"Install a patchbay that satisfies it, or change required_version if the configuration is right for this one.")
	}
	return text
}
