package catalog

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/release"
)

// Verdict is what Verify found about one pinned plugin.
type Verdict struct {
	Plugin string `json:"plugin"` // its address
	Path   string `json:"path,omitempty"`
	// Script says that the program is a script: what it imports isn't pinned.
	Script bool          `json:"script,omitempty"`
	Fault  *config.Fault `json:"-"`
}

// Verify holds the programs in the folders against the lock, anew and without
// starting any of them.
func Verify(o Options) []Verdict {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &finder{o: o, cache: &cache{now: o.Now}, found: map[string][]candidate{}}
	f.search()
	var out []Verdict
	for _, pin := range o.Lock.Clone().Plugins {
		p := &Plugin{Program: release.Program{Name: pin.Name()}}
		s := &selection{finder: f, p: p, pin: pin}
		s.pinned(f.found[pin.Name()])
		if p.Fault == nil {
			s.trusted()
		}
		v := Verdict{Plugin: pin.Address, Path: p.Path, Fault: p.Fault}
		v.Script = p.Fault == nil && script(p.Path)
		out = append(out, v)
	}
	return out
}

// script reports whether a program is one.
func script(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [2]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "#!"
}

// Inspect starts the program at path, from exactly the bytes with the SHA-256,
// and asks it what it serves. What is wrong with it is the Plugin's Fault.
func Inspect(ctx context.Context, o Options, name, path, sha256 string) *Plugin {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Plugin{Program: release.Program{Name: name, Path: path}, SHA256: sha256, pin: pluginhost.NewPin(path, sha256)}
	s := &selection{finder: &finder{o: o, cache: &cache{dir: o.CacheDir, now: o.Now}}, p: p}
	s.ask(ctx)
	return p
}

// Platforms finds the programs of a pinned release for every platform that is
// here: by platform the path of the file with the pinned hash.
func Platforms(o Options, pin *lockfile.Plugin) (map[string]string, error) {
	out := map[string]string{}
	var errs []error
	c := &cache{now: time.Now}
	look := func(ps []release.Program, err error) {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, p := range ps {
			platform := p.Platform
			if platform == "" {
				platform = lockfile.Platform()
			}
			if p.Name != pin.Name() || out[platform] != "" || pin.Hashes[platform] == "" {
				continue
			}
			if hash, err := c.hash(p.Path); err == nil && hash == pin.Hashes[platform] {
				out[platform] = p.Path
			}
		}
	}
	for _, dir := range append(append([]string{}, o.Dirs...), o.Bundled) {
		if dir == "" {
			continue
		}
		look(release.Programs(dir))
	}
	for _, dir := range o.Mirrors {
		look(release.Mirror(dir))
	}
	return out, errors.Join(errs...)
}
