package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/catalog"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/install"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// installing is one run of plugin install.
type installing struct {
	dir       string // of the configuration
	pluginDir string // instead of the configuration's store
	mirror    string
	lockMode  string
	replace   bool

	needs  []*config.Plugin
	old    *lockfile.File // nil if there is none
	target *install.Target
}

func (a *app) pluginInstallCommand() *cobra.Command {
	var in installing
	cmd := &cobra.Command{
		Use:   "install SOURCE...",
		Short: "Install plugins for a configuration, and pin them",
		Long: `Install takes a folder, a .tar.gz or .zip archive, an offline bundle, or a program
called patchbay-plugin-NAME; with --mirror the address of a plugin, HOST/NAME or
HOST/NAME@VERSION. It checks the program against the SHA256SUMS of its release and
against the lock file, starts it once to ask what it serves, and puts it to
.patchbay/plugins in the configuration's directory, where run and validate find it.

The lock file is written too: from then on nothing else runs under that name. It
pins the programs for all platforms of the release, so that the same lock works on
every machine. With --lock=readonly it is not changed; an install that would change
it ends with 4.

A mirror is a folder, file:///FOLDER or https://HOST/PATH, with releases at
HOST/NAME/VERSION/patchbay-plugin-NAME_vVERSION_pPROTOCOL_OS_ARCH and their SHA256SUMS
beside them.`,
		Example: `  patchbay plugin install ./acme_1.0.3.tar.gz
  patchbay plugin install ./bin/patchbay-plugin-acme --dir /etc/patchbay
  patchbay plugin install --mirror https://plugins.example.com acme.example/acme@1.0.3
  patchbay plugin install plugins.bundle --lock readonly`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("SOURCE is missing: name a folder, an archive or a program")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.pluginInstall(cmd.Context(), &in, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&in.dir, "dir", ".", "directory of the configuration")
	fs.StringVar(&in.pluginDir, "plugin-dir", "", "folder to install to, instead of the configuration's")
	fs.StringVar(&in.mirror, "mirror", "", "mirror to take the plugins from: a folder or a URL")
	fs.StringVar(&in.lockMode, "lock", "update", "update the lock file, or readonly")
	fs.BoolVar(&in.replace, "replace", false, "let a program take the place of another one of the same version")
	return cmd
}

// installReport is what plugin install answers.
type installReport struct {
	Installed []*install.Installed `json:"installed"`
	Lock      []lockfile.Change    `json:"lock"`
}

func (a *app) pluginInstall(ctx context.Context, in *installing, sources []string) error {
	if in.lockMode != "update" && in.lockMode != "readonly" {
		return usage("--lock %q: write update or readonly", in.lockMode)
	}
	if err := a.prepareInstall(in); err != nil {
		return err
	}
	report := installReport{Installed: []*install.Installed{}, Lock: []lockfile.Change{}}
	lock := in.old.Clone()
	for _, source := range sources {
		done, err := a.installFrom(ctx, in, source)
		for _, i := range done {
			report.Installed = append(report.Installed, i)
			lock.Put(i.Entry)
		}
		if err != nil {
			return installProblem(source, err)
		}
	}
	report.Lock = append(report.Lock, lockfile.Diff(in.old, lock)...)
	if in.keepsLock() && len(report.Lock) > 0 {
		if err := lock.Write(lockPath(in.dir)); err != nil {
			return err
		}
	}
	return a.answer(report, nil, func() error {
		for _, i := range report.Installed {
			word := "installed"
			if !i.Fresh {
				word = "was there"
			}
			fmt.Fprintf(a.stdout, "%s  %s %s  %s\n           %s\n", word, i.Entry.Address, i.Entry.Version, strings.Join(i.Entry.Types, ", "), i.Path)
		}
		if in.keepsLock() {
			return a.lockText(report.Lock)
		}
		return nil
	})
}

// keepsLock reports whether the directory has something that a lock is for.
func (in *installing) keepsLock() bool {
	files, _ := filepath.Glob(filepath.Join(in.dir, "*.hcl"))
	return in.old != nil || len(files) > 0
}

func (a *app) lockText(changes []lockfile.Change) error {
	for _, c := range changes {
		fmt.Fprintf(a.stdout, "%s\n", c)
	}
	if len(changes) == 0 {
		fmt.Fprintf(a.stdout, "%s is unchanged.\n", lockfile.Name)
	}
	return nil
}

// prepareInstall finds out what is wanted and pinned, and where to put it.
func (a *app) prepareInstall(in *installing) error {
	lock, diags := a.lock(in.dir)
	if diags.HasErrors() {
		return &problem{exit: exitInvalid, code: "lock", err: errors.New("the lock file can't be understood"), diags: diags}
	}
	in.old = lock
	if !in.keepsLock() && in.pluginDir == "" {
		return usage("there is no configuration in %s: name its directory with --dir, or a folder to install to with --plugin-dir", in.dir)
	}
	// What else is wrong with the configuration doesn't matter here: installing may
	// be what mends it.
	a.load(in.dir, config.Options{Plugins: func(needs []*config.Plugin) config.Types { in.needs = needs; return nil }})
	place := in.pluginDir
	if place == "" {
		place = store(in.dir)
	}
	in.target = &install.Target{
		Store: place, Lock: lock, Replace: in.replace, ReadOnly: in.lockMode == "readonly", Allowed: in.allowed,
		Address: func(name string) string {
			if n := in.need(name); n != nil {
				return n.Source
			}
			return ""
		},
		Ask: func(ctx context.Context, name, path, sha256 string) (install.Answer, error) {
			p := catalog.Inspect(ctx, catalog.Options{CacheDir: a.cacheDir(), Now: a.now, Log: zerolog.Nop()}, name, path, sha256)
			if p.Fault != nil {
				return install.Answer{}, fmt.Errorf("%s: %s", p.Fault.Summary, p.Fault.Detail)
			}
			return install.Answer{Version: p.Version, Protocol: p.Protocol, Types: p.Types()}, nil
		},
	}
	return nil
}

func (in *installing) need(name string) *config.Plugin {
	i := slices.IndexFunc(in.needs, func(n *config.Plugin) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return in.needs[i]
}

// allowed reports whether the configuration allows a version of a plugin.
func (in *installing) allowed(name, version string) bool {
	n := in.need(name)
	return n == nil || n.Version == "" || version == "" || n.Allows(version)
}

// offer opens a source, and keeps of each plugin the release that is wanted.
func (in *installing) offer(ctx context.Context, source string) (*install.Offer, error) {
	if in.mirror != "" {
		m, err := install.OpenMirror(in.mirror, nil)
		if err != nil {
			return nil, err
		}
		address, version, _ := strings.Cut(source, "@")
		return m.Fetch(ctx, address, version, func(v string) bool { return in.allowed(lockfile.PluginName(address), v) })
	}
	o, err := install.Open(source)
	if err != nil {
		return nil, err
	}
	o.Newest(func(r *install.Release) bool {
		if pin := o.Lock.Find(r.Name); pin != nil {
			return r.Address == pin.Address && r.Version == pin.Version
		}
		return in.allowed(r.Name, r.Version)
	})
	if len(o.Releases) == 0 {
		return nil, errors.Join(fmt.Errorf("%w: the configuration allows none of its versions", install.ErrRefused), o.Close())
	}
	return o, nil
}

func (a *app) installFrom(ctx context.Context, in *installing, source string) (done []*install.Installed, err error) {
	o, err := in.offer(ctx, source)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	for _, r := range o.Releases {
		if n := in.need(r.Name); n != nil && r.Address != "" && r.Address != n.Source {
			return done, fmt.Errorf("%w: it has %s, and the configuration asks for %s", install.ErrRefused, r.Address, n.Source)
		}
		t := *in.target
		t.Vouched = o.Lock
		i, err := t.Install(ctx, r)
		if err != nil {
			return done, err
		}
		done = append(done, i)
	}
	return done, nil
}

// installProblem finds the exit code of what went wrong.
func installProblem(source string, err error) error {
	err = fmt.Errorf("%s: %w", source, err)
	switch {
	case errors.Is(err, install.ErrWouldLock):
		return &problem{exit: exitDifferences, code: "lock", err: err}
	case errors.Is(err, install.ErrPinned):
		return &problem{exit: exitInvalid, code: "pinned", err: err}
	case errors.Is(err, install.ErrRefused):
		return &problem{exit: exitInvalid, code: "refused", err: err}
	}
	return err
}
