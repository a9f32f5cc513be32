package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/format"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
)

// fmtRun is one call of fmt.
type fmtRun struct {
	a           *app
	check, diff bool
	out         formatted
	diags       diag.List
}

// formatted is what fmt tells programs.
type formatted struct {
	Checked int             `json:"checked"`
	Changed []formattedFile `json:"changed"`
}

type formattedFile struct {
	File string `json:"file"`
	Diff string `json:"diff,omitempty"`
	Text string `json:"text,omitempty"` // of standard input
}

func (a *app) fmtCommand() *cobra.Command {
	r := &fmtRun{a: a}
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Write configuration files in their canonical form",
		Long: `Fmt writes files in the one form that everybody uses: indentation, alignment,
blank lines, line ends. What a file says does not change, and a file that cannot
be read as HCL is reported and left as it is; then nothing at all is written.

PATH is a file, a directory with all below it, or - for standard input, whose
form goes to standard output. Without PATH it is the current directory. Hidden
files and directories are left out.`,
		Example: `  patchbay fmt
  patchbay fmt --check examples/local
  patchbay fmt --diff main.hcl
  patchbay fmt - < main.hcl`,
		ValidArgsFunction: hclFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			if slices.Contains(args, "-") && len(args) > 1 {
				return usage("- stands alone: standard input is formatted by itself")
			}
			return r.run(cmd.InOrStdin(), args)
		},
	}
	cmd.Flags().BoolVar(&r.check, "check", false, "write nothing; list what is not in its canonical form and exit with 4")
	cmd.Flags().BoolVar(&r.diff, "diff", false, "show the changes; with --check instead of making them")
	return cmd
}

// source is a file and its canonical form.
type source struct {
	path string // the file itself, links followed
	name string // as it was named
	mode fs.FileMode
	text []byte
	want []byte
}

// gcPercent is for a command that ends before its garbage matters.
const gcPercent = 400

func (r *fmtRun) run(stdin io.Reader, args []string) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	r.out.Changed = []formattedFile{}
	r.a.files = map[string][]byte{}
	if args[0] == "-" {
		return r.stream(stdin)
	}
	names, err := hclPaths(args)
	if err != nil {
		return err
	}
	var changed []*source
	for _, name := range names {
		s, err := r.file(name)
		if err != nil {
			return err
		}
		if s != nil && !bytes.Equal(s.text, s.want) {
			changed = append(changed, s)
		}
	}
	if err := r.problems(); err != nil {
		return err
	}
	for _, s := range changed {
		if !r.check {
			if err := replaceFile(s.path, s.want, s.mode); err != nil {
				return fmt.Errorf("fmt: %w", err)
			}
		}
		f := formattedFile{File: s.name}
		if r.diff {
			f.Diff = unified(s.name, s.text, s.want)
		}
		r.out.Changed = append(r.out.Changed, f)
	}
	return r.finish(func() error {
		for _, f := range r.out.Changed {
			if _, err := fmt.Fprintln(r.a.stdout, strings.TrimSuffix(firstOf(f.Diff, f.File), "\n")); err != nil {
				return err
			}
		}
		return nil
	})
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// stdinName is what diagnostics call standard input.
const stdinName = "standard input"

// stream formats standard input.
func (r *fmtRun) stream(stdin io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(stdin, config.MaxFileBytes+1))
	if err != nil {
		return fmt.Errorf("fmt: %w", err)
	}
	want, err := r.format(text, stdinName)
	if err != nil {
		return err
	}
	if err := r.problems(); err != nil {
		return err
	}
	f := formattedFile{File: stdinName}
	if r.diff {
		f.Diff = unified(stdinName, text, want)
	}
	if r.a.json {
		f.Text = string(want)
	}
	if !bytes.Equal(text, want) || r.a.json && !r.check {
		r.out.Changed = append(r.out.Changed, f)
	}
	return r.finish(func() error {
		out := want
		switch {
		case r.diff:
			out = []byte(f.Diff)
		case r.check:
			return nil
		}
		_, err := r.a.stdout.Write(out)
		return err
	})
}

// finish answers, with exit code 4 if --check found differences.
func (r *fmtRun) finish(text func() error) error {
	if r.check && len(r.out.Changed) > 0 {
		if !r.a.json {
			if err := text(); err != nil {
				return err
			}
		}
		return &problem{
			exit: exitDifferences, code: "not_formatted", data: r.out, shown: !r.a.json,
			err: fmt.Errorf("%s not in canonical form; patchbay fmt writes it", count(len(r.out.Changed), "file")),
		}
	}
	return r.a.answer(r.out, r.diags, text)
}

// problems is the error of the files that could not be read.
func (r *fmtRun) problems() error {
	if !r.diags.HasErrors() {
		return nil
	}
	return &problem{exit: exitInvalid, code: "configuration", err: errors.New("nothing was written"), diags: r.diags}
}

// file reads a file and finds its canonical form; nil if it can't be read.
func (r *fmtRun) file(name string) (*source, error) {
	path, err := filepath.EvalSymlinks(name) // a link stays one
	if err != nil {
		return nil, badPath(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, badPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, usage("%s is not a regular file", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, badPath(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, config.MaxFileBytes+1))
	if err != nil {
		return nil, badPath(err)
	}
	want, err := r.format(text, name)
	if want == nil {
		return nil, err
	}
	return &source{path: path, name: name, mode: info.Mode().Perm(), text: text, want: want}, err
}

func badPath(err error) error {
	return &problem{exit: exitInvalid, code: "unreadable", err: fmt.Errorf("%w", err)}
}

func (r *fmtRun) format(text []byte, name string) ([]byte, error) {
	r.out.Checked++
	want, diags, err := format.Source(text, name)
	if err != nil {
		return nil, fmt.Errorf("fmt: %s: %w", name, err)
	}
	r.diags = append(r.diags, diags...)
	if diags.HasErrors() {
		r.a.files[name] = text
		return nil, nil
	}
	if want == nil {
		want = []byte{}
	}
	return want, nil
}

func unified(name string, from, to []byte) string {
	return string(diff.Diff(name, from, name+" (formatted)", to))
}

// hclPaths lists the files that the arguments name, each once, in order.
func hclPaths(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, badPath(err)
		}
		if !info.IsDir() {
			if filepath.Ext(arg) != ".hcl" {
				return nil, usage("%s: configuration files have names that end in .hcl", arg)
			}
			out = append(out, filepath.Clean(arg))
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			switch hidden := strings.HasPrefix(d.Name(), ".") && path != arg; {
			case err != nil:
				return badPath(err)
			case d.IsDir() && hidden:
				return fs.SkipDir
			case !d.IsDir() && !hidden && filepath.Ext(path) == ".hcl":
				out = append(out, filepath.Clean(path))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// replaceFile puts a new text in a file's place in one step, so that a crash
// leaves one or the other.
func replaceFile(path string, text []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".fmt-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
