// Package lockfile reads and writes .patchbay.lock.hcl: which plugins a
// configuration trusts, pinned by the SHA-256 of their programs on every
// platform of their release.
//
// The file lies in the configuration's directory and under version control.
// What it holds is decided elsewhere: catalog holds programs against it, the
// command line changes it when a person says so. Its text is canonical, so that
// a difference in it is a difference in trust. A file that isn't understood in
// every part is of no use: nothing is trusted by half of a lock.
package lockfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Name is the file's name in the directory of a configuration.
const Name = ".patchbay.lock.hcl"

// scheme starts every hash: the SHA-256 of the program's bytes.
const scheme = "s256:"

// Plugin is one pinned release.
type Plugin struct {
	Address  string            `json:"address"` // HOST/NAMESPACE/NAME
	Version  string            `json:"version"` // semantic
	Protocol int               `json:"protocol"`
	Types    []string          `json:"types"`  // what it serves: "source.twilio"
	Hashes   map[string]string `json:"hashes"` // platform to SHA-256 in hex
}

// PluginName is the last part of an address: the NAME in patchbay-plugin-NAME.
func PluginName(address string) string { return path.Base(address) }

// Name is the plugin's name.
func (p *Plugin) Name() string { return PluginName(p.Address) }

// Platform is the running machine's: "linux_amd64".
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// File is a lock. The zero value pins nothing.
type File struct {
	Plugins []*Plugin // by address; no two of one name
}

// Find returns the plugin of a name, nil if it isn't pinned. A nil File pins
// nothing.
func (f *File) Find(name string) *Plugin {
	if f == nil {
		return nil
	}
	for _, p := range f.Plugins {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// Put adds a plugin, in place of the one with its name.
func (f *File) Put(p *Plugin) {
	f.Remove(p.Name())
	f.Plugins = append(f.Plugins, p)
	f.sort()
}

// Remove forgets the plugin of a name.
func (f *File) Remove(name string) {
	f.Plugins = slices.DeleteFunc(f.Plugins, func(p *Plugin) bool { return p.Name() == name })
}

// Clone returns a copy that shares nothing. That of nil is empty.
func (f *File) Clone() *File {
	out := &File{}
	if f == nil {
		return out
	}
	for _, p := range f.Plugins {
		c := *p
		c.Types, c.Hashes = slices.Clone(p.Types), maps.Clone(p.Hashes)
		out.Plugins = append(out.Plugins, &c)
	}
	return out
}

func (f *File) sort() {
	slices.SortFunc(f.Plugins, func(a, b *Plugin) int { return cmp.Compare(a.Address, b.Address) })
}

// Bytes renders the file. The same lock always has the same text.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString("# Written by \"patchbay plugin lock\". Keep it under version control, don't edit it.\n")
	f.sort()
	for _, p := range f.Plugins {
		fmt.Fprintf(&b, "\nplugin %q {\n  version  = %q\n  protocol = %d\n  types    = [", p.Address, p.Version, p.Protocol)
		for i, t := range slices.Sorted(slices.Values(p.Types)) {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%q", t)
		}
		b.WriteString("]\n  hashes = {\n")
		width := 0
		for platform := range p.Hashes {
			width = max(width, len(platform))
		}
		for _, platform := range slices.Sorted(maps.Keys(p.Hashes)) {
			fmt.Fprintf(&b, "    %-*s = %q\n", width, platform, scheme+p.Hashes[platform])
		}
		b.WriteString("  }\n}\n")
	}
	return b.Bytes()
}

// Write replaces the file at path, whole or not at all.
func (f *File) Write(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), Name+".*")
	if err != nil {
		return fmt.Errorf("lockfile: write: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(f.Bytes())
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("lockfile: write: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("lockfile: write: %w", err)
	}
	return nil
}

// Change is one difference between two locks.
type Change struct {
	Plugin string `json:"plugin"` // its address
	What   string `json:"what"`   // plugin, version, protocol, types or a platform
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
}

// String is the difference on one line.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return fmt.Sprintf("+ %s %s %s", c.Plugin, c.What, c.New)
	case c.New == "":
		return fmt.Sprintf("- %s %s %s", c.Plugin, c.What, c.Old)
	}
	return fmt.Sprintf("~ %s %s %s -> %s", c.Plugin, c.What, c.Old, c.New)
}

// Diff lists what leads from one lock to another. Either may be nil.
func Diff(from, to *File) []Change {
	var out []Change
	names := map[string]bool{}
	for _, f := range []*File{from, to} {
		if f != nil {
			for _, p := range f.Plugins {
				names[p.Name()] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := from.Find(name), to.Find(name)
		switch {
		case a == nil:
			out = append(out, Change{Plugin: b.Address, What: "plugin", New: b.Version})
		case b == nil:
			out = append(out, Change{Plugin: a.Address, What: "plugin", Old: a.Version})
		default:
			out = append(out, a.diff(b)...)
		}
	}
	return out
}

func (p *Plugin) diff(to *Plugin) []Change {
	var out []Change
	add := func(what, from, into string) {
		if from != into {
			out = append(out, Change{Plugin: to.Address, What: what, Old: from, New: into})
		}
	}
	words := func(types []string) string { return strings.Join(slices.Sorted(slices.Values(types)), ",") }
	add("address", p.Address, to.Address)
	add("version", p.Version, to.Version)
	add("protocol", fmt.Sprint(p.Protocol), fmt.Sprint(to.Protocol))
	add("types", words(p.Types), words(to.Types))
	platforms := maps.Clone(p.Hashes)
	maps.Copy(platforms, to.Hashes)
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		add(platform, withScheme(p.Hashes[platform]), withScheme(to.Hashes[platform]))
	}
	return out
}

func withScheme(hash string) string {
	if hash == "" {
		return ""
	}
	return scheme + hash
}

// missing reports whether err says that there is no file.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
