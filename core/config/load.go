package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// Load reads the configuration in dir. It reports all mistakes at once, sorted
// by place. The Config is never nil: if the list has errors it is only good for
// rendering them.
func Load(dir string, opts Options) (*Config, diag.List) {
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	l := &loader{
		opts:        opts,
		cfg:         &Config{Dir: dir, Files: map[string][]byte{}, Ranges: map[string]hcl.Range{}},
		broken:      map[string]bool{},
		variables:   map[string]*variable{},
		secretIndex: map[string]int{},
		sources:     map[string]*Source{},
		sinks:       map[string]*Sink{},
		lookups:     map[string]*Lookup{},
		pipelines:   map[string]hcl.Range{},
		used:        map[string]bool{},
		headers:     map[string]hcl.Range{},
		blanks:      map[string][]hcl.Range{},
	}
	blocks := l.read()
	l.loadVariables(blocks["variable"])
	l.loadSettings(blocks)
	l.loadSources(blocks["source"])
	l.loadSinks(blocks["sink"])
	l.loadLookups(blocks["lookup"])
	l.loadPipelines(blocks["pipeline"])
	l.loadTests(blocks["test"])
	l.checkUse()
	l.finish()
	return l.cfg, l.diags
}

// loader is one run of Load. What is found wrong is appended to diags; every
// step goes on with as much as it could understand.
type loader struct {
	opts  Options
	cfg   *Config
	diags diag.List

	broken map[string]bool // files with syntax errors

	variables map[string]*variable
	varObject cty.Value // all variables, as expressions see them

	secrets     []string // byte-exact, by index in the placeholders
	secretIndex map[string]int
	secretsGone bool // a secret of the block being read is missing

	sources   map[string]*Source
	sinks     map[string]*Sink
	lookups   map[string]*Lookup
	pipelines map[string]hcl.Range
	used      map[string]bool      // references: "sink.kafka.stream"
	headers   map[string]hcl.Range // of the blocks that can be referred to, by the same key

	blanks map[string][]hcl.Range // secrets in clear text, by file
}

// The kinds of blocks at the top level.
func topLevel() []string {
	return []string{"patchbay", "variable", "receiver", "admin", "journal", "source", "sink", "lookup", "pipeline", "test"}
}

// read parses all files and returns their top-level blocks by type.
func (l *loader) read() map[string][]*hclsyntax.Block {
	out := map[string][]*hclsyntax.Block{}
	for _, name := range l.list() {
		f := l.parse(name)
		if f == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.Attributes)) {
			a := f.Attributes[name]
			l.suggest(diag.Error, diag.UnknownArgument, a.NameRange, "", "argument outside of any block",
				"At the top level of a file there are only blocks.", diag.Suggest(name, topLevel()))
		}
		for _, b := range f.Blocks {
			if strings.HasSuffix(f.SrcRange.Filename, testSuffix) && b.Type != "test" {
				l.report(diag.UnknownBlock, b.TypeRange, "", "block "+quote(b.Type)+" in a file of tests",
					"Files whose names end in "+testSuffix+" hold test blocks alone, and nothing that runs.")
				continue
			}
			if !slices.Contains(topLevel(), b.Type) {
				l.suggest(diag.Error, diag.UnknownBlock, b.TypeRange, "", "unknown block "+quote(b.Type),
					"At the top level there are the blocks "+list(topLevel())+".", diag.Suggest(b.Type, topLevel()))
				continue
			}
			out[b.Type] = append(out[b.Type], b)
		}
	}
	return out
}

// report adds an error.
func (l *loader) report(code diag.Code, rng hcl.Range, context, summary, detail string) {
	l.suggest(diag.Error, code, rng, context, summary, detail, "")
}

// warn adds a warning.
func (l *loader) warn(code diag.Code, rng hcl.Range, context, summary, detail string) {
	l.suggest(diag.Warning, code, rng, context, summary, detail, "")
}

func (l *loader) suggest(sev diag.Severity, code diag.Code, rng hcl.Range, context, summary, detail, suggestion string) {
	l.diags = append(l.diags, diag.Diagnostic{
		Severity: sev, Code: code, Subject: &rng, Context: context, Summary: summary, Detail: detail, Suggestion: suggestion,
	})
}

// name checks the number of labels and that the last of them is a good name.
func (l *loader) name(b *hclsyntax.Block, labels int, example string) bool {
	if len(b.Labels) != labels {
		l.report(diag.WrongLabels, b.DefRange(), b.Type, b.Type+" needs "+plural(labels, "label"), "Write "+example+".")
		return false
	}
	ok := true
	for i, label := range b.Labels {
		if !validName(label) {
			ok = false
			l.report(diag.WrongLabels, b.LabelRanges[i], b.Type, "unusable name "+quote(label),
				"A name starts with a letter and has up to 63 letters, digits, _ and -.")
		}
	}
	return ok
}

// unique reports a second block of the same name.
func (l *loader) unique(key string, b *hclsyntax.Block) bool {
	first, ok := l.headers[key]
	if !ok {
		l.headers[key] = b.DefRange()
		return true
	}
	remedy := "Give one of them another name."
	if len(b.Labels) == 0 {
		remedy = "There can be one: put their arguments together."
	}
	l.report(diag.DuplicateName, b.DefRange(), blockContext(b), "duplicate "+key,
		"The first is on "+first.Filename+" line "+itoa(first.Start.Line)+". "+remedy)
	return false
}

// checkUse warns about blocks that no pipeline refers to.
func (l *loader) checkUse() {
	for key, rng := range l.headers {
		if l.used[key] {
			continue
		}
		kind, address, _ := cutReference(key)
		detail := "It does nothing."
		switch kind {
		case "source":
			detail = "Its requests would be stored and never processed. Name it in a pipeline's from."
		case "sink":
			detail = "It receives nothing. Name it in a pipeline's or a route's to."
		case "lookup":
			detail = "It is never read. Name it in a pipeline's enrich."
		default:
			continue
		}
		l.warn(diag.Unused, rng, "", kind+" "+quote(address)+" is in no pipeline", detail)
	}
	if len(l.pipelines) == 0 && len(l.cfg.Files) > 0 {
		l.diags = append(l.diags, diag.Diagnostic{
			Severity: diag.Warning, Code: diag.Empty, Summary: "no pipeline is configured",
			Detail: "Without a pipeline nothing is processed or delivered.",
		})
	}
}

// finish sorts what was found and prepares what the caller needs to show it.
func (l *loader) finish() {
	if len(l.broken) > 0 {
		// What a broken file contains is only half known, so what seems wrong
		// because of it isn't said until its syntax is mended.
		l.diags = slices.DeleteFunc(l.diags, func(d diag.Diagnostic) bool {
			half := d.Code == diag.UnknownReference || d.Code == diag.Unused || d.Code == diag.Empty
			inBroken := d.Subject != nil && l.broken[d.Subject.Filename]
			return half || inBroken && d.Code != diag.Syntax && d.Code != diag.BadEncoding && d.Code != diag.TooDeep && d.Code != diag.DuplicateName
		})
	}
	l.diags.Sort()
	l.diags = slices.CompactFunc(l.diags, func(a, b diag.Diagnostic) bool {
		return a.Subject != nil && b.Subject != nil && *a.Subject == *b.Subject && a.Code == b.Code && a.Summary == b.Summary
	})
	l.blankOut()
	for _, s := range l.secrets {
		// Blanking out a text this short would ruin every other line of a log,
		// and protect nothing.
		if len(s) >= 4 && !slices.Contains(l.cfg.Secrets, s) {
			l.cfg.Secrets = append(l.cfg.Secrets, s)
		}
	}
	slices.SortFunc(l.cfg.Secrets, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

// blankOut removes secrets in clear text from the sources kept for snippets.
func (l *loader) blankOut() {
	for name, ranges := range l.blanks {
		src := slices.Clone(l.cfg.Files[name])
		for _, r := range ranges {
			for i := r.Start.Byte; i < r.End.Byte && i < len(src); i++ {
				if src[i] != '\n' {
					src[i] = '*'
				}
			}
		}
		l.cfg.Files[name] = src
	}
}

// display is the name of a file of the directory as it appears in diagnostics.
func (l *loader) display(name string) string { return filepath.Join(l.cfg.Dir, name) }
