package config

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// lookupTypes lists what a lookup can read.
func lookupTypes() []string { return []string{LookupCSV, LookupSQL, LookupHTTP} }

// declareLookup makes the lookups that a block stands for.
func (l *loader) declareLookup(t *thing) cty.Value {
	typ, name := t.block.Labels[0], t.block.Labels[1]
	return l.expand(t, func(in instance) any {
		return &Lookup{Address: l.mod.address + typ + "." + name + in.suffix(), Type: typ, Name: name, Range: t.rng}
	}, func(made any) cty.Value { return cty.CapsuleVal(lookupType, made) })
}

// loadLookups reads the module's lookup blocks, and the first line of each table.
func (l *loader) loadLookups() {
	for _, t := range l.mod.of("lookup") {
		for _, in := range t.instances {
			lk := in.made.(*Lookup)
			if l.taken("lookup."+lk.Address, t) {
				continue
			}
			b := in.open(t.block)
			if !slices.Contains(lookupTypes(), lk.Type) {
				l.suggest(diag.Error, diag.UnknownType, t.block.LabelRanges[0], b.context, "unknown lookup type "+quote(lk.Type),
					"Lookups read "+list(lookupTypes())+".", diag.Suggest(lk.Type, lookupTypes()))
			}
			switch lk.Type {
			case LookupSQL:
				in.l.lookupSQL(lk, b)
			case LookupHTTP:
				in.l.lookupHTTP(lk, b)
			default:
				in.l.lookup(lk, b)
			}
			l.cfg.Lookups = append(l.cfg.Lookups, lk)
		}
	}
}

func (l *loader) lookup(lk *Lookup, b *body) {
	lk.Reload = b.duration("reload", defaultReload)
	key, keyRange := b.text("key", "")
	lk.Key = key
	a := b.syn.Attributes["file"]
	if a == nil {
		b.require("file", `Write file = "NAME.csv"; it lies in the configuration's directory.`)
	}
	name, rng := b.text("file", "")
	b.done()
	if a == nil || rng.Empty() {
		return
	}
	var ok bool
	if lk.File, ok = l.confined(b, name, rng); !ok {
		return
	}
	columns, err := l.header(name)
	if err != nil {
		b.report(diag.MissingFile, rng, "can't read the table "+quote(name), cause(err))
		return
	}
	lk.Columns = columns
	switch {
	case key == "":
		lk.Key = columns[0]
	case !slices.Contains(columns, key):
		l.suggest(diag.Error, diag.UnknownReference, keyRange, b.context, "unknown column "+quote(key),
			"The columns of "+quote(name)+" are "+shorten(list(columns), maxSyntaxText)+".", diag.Suggest(key, columns))
	}
}

// inside returns the name of a file of the scope's folder as it is relative to
// the configuration's directory. False means that it isn't inside.
func (l *loader) inside(name string) (string, bool) {
	if filepath.IsAbs(name) || name == "" {
		return "", false
	}
	joined := filepath.Join(l.dir(), name)
	return joined, filepath.IsLocal(joined)
}

// dir is the scope's folder relative to the configuration's directory.
func (l *loader) dir() string {
	if l.mod == nil {
		return ""
	}
	return l.mod.folder.dir
}

// confined returns the absolute path of a file within the directory.
func (l *loader) confined(b *body, name string, rng hcl.Range) (string, bool) {
	missing := func(detail string) (string, bool) {
		b.report(diag.MissingFile, rng, "can't use the file "+quote(name), detail)
		return "", false
	}
	inside, ok := b.l.inside(name)
	if !ok {
		return missing("Files lie within the configuration's directory; write the path relative to it.")
	}
	if l.root == nil {
		return missing(cause(l.rootErr))
	}
	info, err := l.root.Stat(inside)
	if err != nil {
		return missing(cause(err))
	}
	if !info.Mode().IsRegular() {
		return missing("It is not a regular file.")
	}
	abs, err := filepath.Abs(filepath.Join(l.cfg.Dir, inside))
	if err != nil {
		return missing(cause(err))
	}
	return abs, true
}

// maxHeaderBytes bounds what is read of a table to find its columns.
const maxHeaderBytes = 1 << 20

// header returns the columns of a CSV file.
func (l *loader) header(name string) ([]string, error) {
	inside, _ := l.inside(name) // confined has been there before
	f, err := l.root.Open(inside)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(io.LimitReader(f, maxHeaderBytes))
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // spreadsheets write it; it has just been peeked
	}
	columns, err := csv.NewReader(in).Read()
	if err == io.EOF {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("its first line is not CSV: %w", err)
	}
	for i, c := range columns {
		if c == "" || slices.Contains(columns[:i], c) {
			return nil, fmt.Errorf("column %d has no name of its own", i+1)
		}
	}
	return columns, nil
}
