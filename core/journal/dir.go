package journal

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// makeDir creates the store's directory, for its owner alone, and syncs every
// directory that got a new entry: without that a power failure takes the store
// away whole (F03).
func makeDir(fs vfs.FS, dir string) error {
	var parents []string
	for d := dir; ; d = fs.PathDir(d) {
		_, err := fs.Stat(d)
		if err == nil || fs.PathDir(d) == d {
			break
		}
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("journal: create %s: %w", dir, err)
		}
		parents = append(parents, fs.PathDir(d))
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("journal: create %s: %w", dir, err)
	}
	for _, p := range parents {
		if err := syncDir(fs, p); err != nil {
			return fmt.Errorf("journal: create %s: %w", dir, err)
		}
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// markerFS syncs the directory before a marker is created in it. A marker's name
// says which manifest is the store's; the store syncs the directory only after
// both exist, and a power failure may keep the marker and lose the manifest's
// entry (F03): the store would not open again.
type markerFS struct{ vfs.FS }

func (fs markerFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(fs.PathBase(name), "marker.") {
		if err := syncDir(fs.FS, fs.PathDir(name)); err != nil {
			return nil, err
		}
	}
	return fs.FS.Create(name, c)
}

// Unwrap implements vfs.FS.
func (fs markerFS) Unwrap() vfs.FS { return fs.FS }
