package catalog

import (
	"maps"
	"os"
	"path/filepath"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// Pin returns what a lock says of the plugin: its own hash for this platform,
// those that its release has for others, and those that old has of the same
// release. old may be nil.
func (p *Plugin) Pin(old *lockfile.Plugin) *lockfile.Plugin {
	out := &lockfile.Plugin{Address: p.Address, Version: p.Version, Protocol: p.Protocol, Types: p.Types(), Hashes: map[string]string{}}
	here := lockfile.Platform()
	if old != nil && old.Address == out.Address && old.Version == out.Version && (old.Hashes[here] == "" || old.Hashes[here] == p.SHA256) {
		maps.Copy(out.Hashes, old.Hashes)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(p.Path), release.SumsFile))
	if err == nil {
		// Sums that don't know the program itself are of something else.
		if sums, err := release.ParseSums(text); err == nil && sums[filepath.Base(p.Path)] == p.SHA256 {
			maps.Copy(out.Hashes, release.Hashes(sums, p.Name, p.Version))
		}
	}
	out.Hashes[here] = p.SHA256
	return out
}
