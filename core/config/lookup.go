package config

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// lookupTypes lists what a lookup can read.
func lookupTypes() []string { return []string{"csv"} }

// loadLookups reads the lookup blocks, and the first line of each table.
func (l *loader) loadLookups(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		if !l.name(block, 2, `lookup "csv" "NAME" { file = "NAME.csv" }`) {
			continue
		}
		typ, name := block.Labels[0], block.Labels[1]
		lk := &Lookup{Address: typ + "." + name, Type: typ, Name: name, Range: block.DefRange()}
		if !slices.Contains(lookupTypes(), typ) {
			l.suggest(diag.Error, diag.UnknownType, block.LabelRanges[0], blockContext(block), "unknown lookup type "+quote(typ),
				"Lookups read "+list(lookupTypes())+".", diag.Suggest(typ, lookupTypes()))
		}
		if !l.unique("lookup."+lk.Address, block) {
			continue
		}
		l.lookup(lk, l.body(block, blockContext(block)))
		l.lookups[lk.Address] = lk
		l.cfg.Lookups = append(l.cfg.Lookups, lk)
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

// confined returns the absolute path of a file within the directory.
func (l *loader) confined(b *body, name string, rng hcl.Range) (string, bool) {
	missing := func(detail string) (string, bool) {
		b.report(diag.MissingFile, rng, "can't use the file "+quote(name), detail)
		return "", false
	}
	if !filepath.IsLocal(name) {
		return missing("Files lie within the configuration's directory; write the path relative to it.")
	}
	root, err := os.OpenRoot(l.cfg.Dir)
	if err != nil {
		return missing(cause(err))
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return missing(cause(err))
	}
	if !info.Mode().IsRegular() {
		return missing("It is not a regular file.")
	}
	abs, err := filepath.Abs(filepath.Join(l.cfg.Dir, name))
	if err != nil {
		return missing(cause(err))
	}
	return abs, true
}

// maxHeaderBytes bounds what is read of a table to find its columns.
const maxHeaderBytes = 1 << 20

// header returns the columns of a CSV file.
func (l *loader) header(name string) ([]string, error) {
	root, err := os.OpenRoot(l.cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(name)
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
