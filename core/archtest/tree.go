package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// module is the import path of the repository's root.
const module = "github.com/patchbay-io/patchbay"

// file is one file of the repository.
type file struct {
	path string // from the root, with slashes
	text string

	// Of Go files alone.
	pkg       string   // name in its package clause
	comment   string   // the package comment in this file
	imports   []string // ours without the module's path: "core/journal"
	generated bool
}

func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) isGo() bool { return strings.HasSuffix(f.path, ".go") }

func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// extensions are the files that people write.
var extensions = map[string]bool{".go": true, ".md": true, ".hcl": true, ".txtar": true, ".proto": true, ".csv": true, ".yml": true, ".yaml": true, ".sql": true, ".golden": true}

// read reads the files under a root. What a build or a run leaves behind is not
// read, nor what editors hide; scripts without an extension are.
func read(root fs.FS) ([]*file, error) {
	var out []*file
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p == ".git" || p == "bin" || p == "data" || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(p); !d.Type().IsRegular() || !extensions[ext] && ext != "" {
			return nil
		}
		data, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		f, err := parse(p, string(data))
		if err != nil {
			return err
		}
		out = append(out, f)
		return nil
	})
	return out, err
}

// parse reads one file.
func parse(p, text string) (*file, error) {
	f := &file{path: p, text: text}
	if !f.isGo() || strings.Contains(p, "testdata/") {
		return f, nil
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("archtest: %w", err)
	}
	f.pkg, f.comment, f.generated = syntax.Name.Name, syntax.Doc.Text(), ast.IsGenerated(syntax)
	for _, i := range syntax.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("archtest: %s: %w", p, err)
		}
		f.imports = append(f.imports, strings.TrimPrefix(name, module+"/"))
	}
	return f, nil
}
