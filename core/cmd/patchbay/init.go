package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/spf13/cobra"
)

// template is a configuration to begin with.
type template struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

const templateDir = "templates"

// templates lists them by name.
func templates() ([]template, error) {
	entries, err := fs.ReadDir(configs.FS, templateDir)
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	var out []template
	for _, e := range entries {
		text, err := fs.ReadFile(configs.FS, path.Join(templateDir, e.Name(), "patchbay.hcl"))
		if err != nil {
			return nil, fmt.Errorf("init: %w", err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		out = append(out, template{e.Name(), strings.TrimLeft(first, "# ")})
	}
	return out, nil
}

func templateNames([]string) []string {
	all, _ := templates() // they are part of the program
	var out []string
	for _, t := range all {
		out = append(out, t.Name)
	}
	return out
}

func (a *app) initCommand() *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "init TEMPLATE [DIR]",
		Short: "Write a configuration to begin with",
		Long: `Init writes the files of a template into DIR, or else into the current directory,
and says what to do next. It asks nothing and replaces no file: if one is there
already, nothing is written. --list shows the templates.`,
		Example: `  patchbay init --list
  patchbay init sms-to-warehouse
  patchbay init everything-to-kafka /etc/patchbay`,
		Args: atMost(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return directories(cmd, args[1:], typed)
			}
			return words(templateNames)(cmd, args, typed)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case list:
				return a.listTemplates()
			case len(args) == 0:
				return usage("name a template: %s", strings.Join(templateNames(nil), ", "))
			}
			return a.writeTemplate(args[0], dirArg(args[1:]))
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the templates")
	return cmd
}

func (a *app) listTemplates() error {
	all, err := templates()
	if err != nil {
		return err
	}
	return a.answer(all, nil, func() error {
		for _, t := range all {
			if _, err := fmt.Fprintf(a.stdout, "%-22s %s\n", t.Name, t.Summary); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) writeTemplate(name, dir string) error {
	files, err := templateFiles(name)
	if err != nil {
		return err
	}
	if err := vacant(dir, files); err != nil {
		return err
	}
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
			return badPath(err)
		}
		text, err := fs.ReadFile(configs.FS, path.Join(templateDir, name, file))
		if err != nil {
			return fmt.Errorf("init: %w", err)
		}
		if err := createFile(filepath.Join(dir, file), text); err != nil {
			return fmt.Errorf("init: %w", err)
		}
	}
	out := struct {
		Template string   `json:"template"`
		Dir      string   `json:"dir"`
		Files    []string `json:"files"`
		Next     []string `json:"next"`
	}{name, dir, files, []string{
		"cp .env.example .env", "$EDITOR .env", "set -a; . ./.env; set +a", "patchbay validate", "patchbay test", "patchbay run",
	}}
	if dir != "." {
		out.Next = append([]string{"cd " + dir}, out.Next...)
	}
	return a.answer(out, nil, func() error {
		where := " into " + dir
		if dir == "." {
			where = ""
		}
		_, err := fmt.Fprintf(a.stdout, "Wrote %s%s. What to change is marked with CHANGE in patchbay.hcl.\n\nNext:\n%s",
			strings.Join(files, ", "), where, indent(strings.Join(out.Next, "\n")))
		return err
	})
}

// templateFiles lists a template's files.
func templateFiles(name string) ([]string, error) {
	known := templateNames(nil)
	var out []string
	for _, t := range known {
		if t != name {
			continue
		}
		root := path.Join(templateDir, name)
		err := fs.WalkDir(configs.FS, root, func(file string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				out = append(out, strings.TrimPrefix(file, root+"/"))
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("init: %w", err)
		}
		return out, nil
	}
	hint := ""
	if near := diag.Suggest(name, known); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return nil, usage("there is no template %q%s; there are %s", name, hint, strings.Join(known, ", "))
}

// vacant refuses a directory in which a file of the template, or another
// configuration, would be in the way.
func vacant(dir string, files []string) error {
	taken := func(name string) error {
		return &problem{exit: exitInvalid, code: "exists", err: fmt.Errorf("%s is there already; nothing was written", name)}
	}
	for _, file := range files {
		name := filepath.Join(dir, file)
		if _, err := os.Lstat(name); err == nil {
			return taken(name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return badPath(err)
		}
	}
	others, err := filepath.Glob(filepath.Join(dir, "*.hcl"))
	if err == nil && len(others) > 0 {
		return taken(others[0])
	}
	return nil
}

// createFile writes a file that must not be there.
func createFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
