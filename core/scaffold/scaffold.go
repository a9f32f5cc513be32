package scaffold

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"text/template"
	"time"
)

//go:embed templates
var templates embed.FS

// Options say what to write. Name, Kind and Checkout are required.
type Options struct {
	Name     string // the type that the plugin serves
	Kind     string // source or sink
	Dir      string // where to; empty means patchbay-plugin-NAME
	Module   string // the module's path; empty means example.com/patchbay-plugin-NAME
	Checkout string // of patchbay; see FindCheckout
}

// ErrOptions is wrapped by errors that say what is wrong with the Options.
var ErrOptions = errors.New("scaffold: bad options")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrOptions, fmt.Errorf(format, args...))
}

// The kinds of plugins.
const (
	Source = "source"
	Sink   = "sink"
)

const maxName = 40

var (
	namePattern   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	modulePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~/-]*$`)
)

// check refuses what could not be built, and fills in what is left out.
func (o *Options) check() error {
	if !namePattern.MatchString(o.Name) || len(o.Name) > maxName || strings.HasSuffix(o.Name, "_") {
		return bad("%q is no name for a plugin: use up to %d lower-case letters, digits and underscores, as in acme or acme_sms", o.Name, maxName)
	}
	if o.Kind != Source && o.Kind != Sink {
		return bad("%q is no kind of plugin: write source or sink", o.Kind)
	}
	if o.Dir == "" {
		o.Dir = "patchbay-plugin-" + o.Name
	}
	if o.Module == "" {
		o.Module = "example.com/patchbay-plugin-" + o.Name
	}
	if !modulePattern.MatchString(o.Module) || strings.Contains(o.Module, "//") || strings.Contains(o.Module, "..") {
		return bad("%q is no path of a Go module: write one like github.com/you/patchbay-plugin-%s", o.Module, o.Name)
	}
	switch entries, err := os.ReadDir(o.Dir); {
	case err == nil && len(entries) > 0:
		return bad("%s is there already and is not empty: choose another folder with --dir", o.Dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return bad("%s: %w", o.Dir, err)
	}
	return nil
}

// Write writes the plugin and returns the files, as paths within o.Dir.
func Write(o Options) (dir string, files []string, err error) {
	if err := o.check(); err != nil {
		return "", nil, err
	}
	out, err := Files(o.Name, o.Kind)
	if err != nil {
		return "", nil, err
	}
	if err := addModule(out, &o); err != nil {
		return "", nil, err
	}
	for name := range out {
		files = append(files, name)
	}
	sort.Strings(files)
	for _, name := range files {
		path := filepath.Join(o.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", nil, fmt.Errorf("scaffold: %w", err)
		}
		if err := create(path, out[name]); err != nil {
			return "", nil, fmt.Errorf("scaffold: %w", err)
		}
	}
	return o.Dir, files, nil
}

// create writes a file that is not there yet.
func create(path string, data []byte) error {
	mode := fs.FileMode(0o644)
	if bytes.HasPrefix(data, []byte("#!")) {
		mode = 0o755
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// values are what templates may use.
type values struct {
	Name, Kind string
	Title      string // for people: Acme sms
	Header     string // the start of the provider's headers: X-Acme-Sms
	Env        string // the start of environment variables: ACME_SMS
	Secret     string

	Body, Signature, SignedAt, SignedUnix string
}

// signedAt is when the captured request was signed.
var signedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func newValues(name, kind string) values {
	words := strings.FieldsFunc(name, func(c rune) bool { return c == '_' })
	v := values{
		Name: name, Kind: kind, Env: strings.ToUpper(name), Secret: "an-example-of-a-secret",
		Body:     `{"ID":"e-1001","Message":"m-77","Campaign":"spring","To":"+15550101","Status":"delivered","Code":"0","At":"2026-01-02T03:04:04Z"}`,
		SignedAt: signedAt.Format(time.RFC3339), SignedUnix: fmt.Sprint(signedAt.Unix()),
	}
	v.Title = strings.ToUpper(name[:1]) + strings.Join(words, " ")[1:]
	v.Header = "X"
	for _, w := range words {
		v.Header += "-" + strings.ToUpper(w[:1]) + w[1:]
	}
	mac := hmac.New(sha256.New, []byte(v.Secret))
	mac.Write([]byte(v.SignedUnix + "." + v.Body))
	v.Signature = hex.EncodeToString(mac.Sum(nil))
	return v
}

// Files returns the files of a plugin, by their paths, without those that make a
// module of it.
func Files(name, kind string) (map[string][]byte, error) {
	v := newValues(name, kind)
	out := map[string][]byte{}
	for _, folder := range []string{"both", kind} {
		root := path.Join("templates", folder)
		err := fs.WalkDir(templates, root, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := templates.ReadFile(p)
			if err != nil {
				return err
			}
			t, err := template.New(p).Option("missingkey=error").Parse(string(text))
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := t.Execute(&b, v); err != nil {
				return err
			}
			to := strings.TrimSuffix(strings.TrimPrefix(p, root+"/"), ".tmpl")
			if to == "gitignore" {
				to = ".gitignore" // a name with which no template can begin: embedding leaves it out
			}
			out[to] = b.Bytes()
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("scaffold: %w", err)
		}
	}
	return out, nil
}
