package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/patchbay-io/patchbay/core/diag"
)

// Load reads the configuration in dir. It reports all mistakes at once, sorted
// by place. The Config is never nil: if the list has errors it is only good for
// rendering them.
func Load(dir string, opts Options) (*Config, diag.List) {
	r := newRun(dir, opts)
	if r.root != nil {
		defer r.root.Close()
	}
	r.load()
	return r.cfg, r.diags
}

// run is one run of Load. What is found wrong is appended to diags; every step
// goes on with as much as it could understand.
type run struct {
	opts  Options
	cfg   *Config
	diags diag.List

	root      *os.Root // the configuration's directory; nil if it can't be read
	rootErr   error
	bytesRead int                // of all files
	broken    map[string]bool    // files with syntax errors
	folders   map[string]*folder // that have been read
	outside   map[string]given   // values of variables from outside

	chain       []*thing                                // being evaluated, each because of the one before it
	tooDeep     bool                                    // the chain was too long
	evaluations int                                     // of expressions and things
	work        int                                     // see maxWork
	made        int                                     // see maxInstances
	own         map[*hclsyntax.Block]*ownScope          // scopes of what dynamic blocks became
	callable    map[string]map[string]function.Function // by folder

	execTimeout time.Duration // of a command that prints a secret
	secrets     []string      // byte-exact, by index in the placeholders
	fetched     map[string]fetched

	used      map[string]bool        // references: "sink.kafka.stream"
	addresses map[string]hcl.Range   // of the blocks so far
	paths     map[string]hcl.Range   // of the endpoints so far
	blanks    map[string][]hcl.Range // secrets in clear text, by file
	faulty    map[string]bool        // plugins whose fault has been reported
}

func newRun(dir string, opts Options) *run {
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	r := &run{
		execTimeout: execTimeout, opts: opts, cfg: &Config{Dir: dir, Files: map[string][]byte{}, Ranges: map[string]hcl.Range{}},
		broken: map[string]bool{}, folders: map[string]*folder{}, outside: map[string]given{},
		own: map[*hclsyntax.Block]*ownScope{}, callable: map[string]map[string]function.Function{},
		fetched: map[string]fetched{}, used: map[string]bool{}, addresses: map[string]hcl.Range{}, paths: map[string]hcl.Range{}, blanks: map[string][]hcl.Range{},
	}
	r.root, r.rootErr = os.OpenRoot(dir)
	return r
}

// load reads everything: settings, then what blocks stand for, then what is in
// them. What refers to others comes after them.
func (r *run) load() {
	f := r.readFolder("")
	l := r.enter(&module{folder: f})
	l.checkGiven()
	l.loadSettings(f.blocks)
	all := l.unfold()
	for _, m := range all {
		m.loadSources()
		m.loadSinks()
		m.loadLookups()
	}
	for _, m := range all {
		m.loadPipelines()
	}
	l.loadTests(f.blocks["test"])
	for _, m := range all {
		m.checkVariables()
	}
	l.checkUse(all)
	r.finish()
}

// topLevel lists the kinds of blocks at the top level.
func topLevel() []string {
	return []string{"patchbay", "variable", "locals", "receiver", "admin", "journal", "source", "sink", "lookup", "pipeline", "module", "output", "test"}
}

// folder is a directory's blocks by type, in the order of files and text.
type folder struct {
	dir    string // relative to the configuration's; empty for that itself
	blocks map[string][]*hclsyntax.Block
}

// readFolder parses all files of a directory.
func (r *run) readFolder(dir string) *folder {
	if f := r.folders[dir]; f != nil {
		return f
	}
	out := &folder{dir: dir, blocks: map[string][]*hclsyntax.Block{}}
	r.folders[dir] = out
	for _, name := range r.list(dir) {
		f := r.parse(filepath.Join(dir, name))
		if f == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.Attributes)) {
			a := f.Attributes[name]
			r.suggest(diag.Error, diag.UnknownArgument, a.NameRange, "", "argument outside of any block",
				"At the top level of a file there are only blocks.", diag.Suggest(name, topLevel()))
		}
		for _, b := range f.Blocks {
			if strings.HasSuffix(f.SrcRange.Filename, testSuffix) && b.Type != "test" {
				r.report(diag.UnknownBlock, b.TypeRange, "", "block "+quote(b.Type)+" in a file of tests",
					"Files whose names end in "+testSuffix+" hold test blocks alone, and nothing that runs.")
				continue
			}
			if !slices.Contains(topLevel(), b.Type) {
				r.suggest(diag.Error, diag.UnknownBlock, b.TypeRange, "", "unknown block "+quote(b.Type),
					"At the top level there are the blocks "+list(topLevel())+".", diag.Suggest(b.Type, topLevel()))
				continue
			}
			out.blocks[b.Type] = append(out.blocks[b.Type], b)
		}
	}
	return out
}

// report adds an error.
func (r *run) report(code diag.Code, rng hcl.Range, context, summary, detail string) {
	r.suggest(diag.Error, code, rng, context, summary, detail, "")
}

// warn adds a warning.
func (r *run) warn(code diag.Code, rng hcl.Range, context, summary, detail string) {
	r.suggest(diag.Warning, code, rng, context, summary, detail, "")
}

func (r *run) suggest(sev diag.Severity, code diag.Code, rng hcl.Range, context, summary, detail, suggestion string) {
	r.diags = append(r.diags, diag.Diagnostic{
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
	first, ok := l.mod.headers[key]
	if !ok {
		l.mod.headers[key] = b.DefRange()
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

// checkUse warns about what nothing refers to.
func (l *loader) checkUse(all []*loader) {
	unused := map[hcl.Range][]string{}
	for _, m := range all {
		for _, t := range m.mod.order {
			switch kind, name, _ := strings.Cut(t.name, "."); {
			case kind == "source" || kind == "sink" || kind == "lookup":
				unused[t.rng] = append(unused[t.rng], l.unusedInstances(t, kind)...)
			case kind == "local" && !t.mentioned && t.value.IsWhollyKnown():
				l.warn(diag.Unused, t.rng, "", "local "+quote(name)+" is never used", "Remove it, or refer to it as local."+name+".")
			case kind == "var" && !t.mentioned && t.value.IsWhollyKnown():
				l.warn(diag.Unused, t.rng, "", "variable "+quote(name)+" is never used", "Remove it, or refer to it as var."+name+".")
			}
		}
	}
	for _, m := range all {
		for _, t := range m.mod.order {
			if addresses := unused[t.rng]; len(addresses) > 0 {
				l.warnUnused(t.rng, t.block.Type, addresses)
				delete(unused, t.rng)
			}
		}
	}
	if len(l.cfg.Pipelines) == 0 && len(l.cfg.Files) > 0 {
		l.diags = append(l.diags, diag.Diagnostic{
			Severity: diag.Warning, Code: diag.Empty, Summary: "no pipeline is configured",
			Detail: "Without a pipeline nothing is processed or delivered.",
		})
	}
}

// unusedInstances returns the addresses of a block's instances that nothing
// refers to, or the block's own for all of them.
func (l *loader) unusedInstances(t *thing, kind string) []string {
	if l.used[t.full()] {
		return nil
	}
	var out []string
	for _, in := range t.instances {
		if address := addressOf(in.made); !l.used[kind+"."+address] && !l.used[t.full()+in.suffix()] {
			out = append(out, address)
		}
	}
	if len(out) == len(t.instances) && len(out) > 1 {
		return []string{strings.TrimSuffix(out[0], t.instances[0].suffix())}
	}
	return out
}

// warnUnused warns about the blocks that are written at a place.
func (l *loader) warnUnused(rng hcl.Range, kind string, addresses []string) {
	detail := "Its requests would be stored and never processed. Name it in a pipeline's from."
	switch kind {
	case "sink":
		detail = "It receives nothing. Name it in a pipeline's or a route's to."
	case "lookup":
		detail = "It is never read. Name it in a pipeline's enrich."
	}
	summary := kind + " " + quote(addresses[0]) + " is in no pipeline"
	if n := len(addresses); n > 1 {
		summary = fmt.Sprintf("%s %s and %d more are in no pipeline", kind, quote(addresses[0]), n-1)
	}
	l.warn(diag.Unused, rng, "", summary, detail)
}

// finish sorts what was found and prepares what the caller needs to show it.
func (r *run) finish() {
	if len(r.broken) > 0 || r.work > maxWork {
		// What a broken file contains is only half known, so what seems wrong
		// because of it isn't said until its syntax is mended. The same holds
		// where evaluation was given up.
		r.diags = slices.DeleteFunc(r.diags, func(d diag.Diagnostic) bool {
			half := d.Code == diag.UnknownReference || d.Code == diag.Unused || d.Code == diag.Empty
			inBroken := d.Subject != nil && r.broken[d.Subject.Filename]
			return half || inBroken && d.Code != diag.Syntax && d.Code != diag.BadEncoding && d.Code != diag.TooDeep && d.Code != diag.DuplicateName
		})
	}
	r.diags.Sort()
	r.diags = unrepeated(r.diags)
	r.blankOut()
	for _, s := range r.secrets {
		// Blanking out a text this short would ruin every other line of a log,
		// and protect nothing.
		if len(s) >= 4 && !slices.Contains(r.cfg.Secrets, s) {
			r.cfg.Secrets = append(r.cfg.Secrets, s)
		}
	}
	slices.SortFunc(r.cfg.Secrets, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

// blankOut removes secrets in clear text from the sources kept for snippets.
func (r *run) blankOut() {
	for name, ranges := range r.blanks {
		src := slices.Clone(r.cfg.Files[name])
		for _, r := range ranges {
			for i := r.Start.Byte; i < r.End.Byte && i < len(src); i++ {
				if src[i] != '\n' {
					src[i] = '*'
				}
			}
		}
		r.cfg.Files[name] = src
	}
}

// display is the name of a file of the directory as it appears in diagnostics.
func (r *run) display(name string) string { return filepath.Join(r.cfg.Dir, name) }

var noted = regexp.MustCompile(`\.key "[^"]*"\)`)

// unrepeated keeps the first of the findings that differ in nothing but the
// instance, and says in it how many there are: the same mistake in all instances
// of a block is one.
func unrepeated(sorted diag.List) diag.List {
	var out diag.List
	var contexts map[string]bool
	for _, d := range sorted {
		if n := len(out); n > 0 && same(out[n-1], d) {
			contexts[d.Context] = true
			continue
		}
		tellHowMany(out, len(contexts)-1)
		out, contexts = append(out, d), map[string]bool{d.Context: true}
	}
	tellHowMany(out, len(contexts)-1)
	return out
}

func same(a, b diag.Diagnostic) bool {
	return a.Subject != nil && b.Subject != nil && *a.Subject == *b.Subject && a.Code == b.Code && a.Summary == b.Summary
}

// tellHowMany adds to the last finding that it was found in more instances.
func tellHowMany(out diag.List, more int) {
	if len(out) == 0 || more < 1 {
		return
	}
	last := &out[len(out)-1]
	if at := noted.FindStringIndex(last.Context); at != nil {
		last.Context = last.Context[:at[1]-1] + " and " + itoa(more) + " more" + last.Context[at[1]-1:]
	}
}
