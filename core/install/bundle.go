package install

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// Pack writes an offline bundle: the programs of what lock pins, in the layout
// of a mirror, and the lock. programs finds the program of a plugin that has one
// of its hashes; it returns an empty path if there is none for the platform. The
// same contents are always the same bytes.
func Pack(w io.Writer, lock *lockfile.File, programs func(p *lockfile.Plugin, platform, hash string) string) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	if err := text(t, lockfile.Name, lock.Bytes()); err != nil {
		return err
	}
	for _, p := range lock.Plugins {
		if err := packed(t, p, programs); err != nil {
			return err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return fmt.Errorf("install: bundle: %w", err)
	}
	return nil
}

func packed(t *tar.Writer, p *lockfile.Plugin, programs func(p *lockfile.Plugin, platform, hash string) string) error {
	found := false
	sums := map[string]string{}
	dir := path.Join(p.Address, p.Version)
	for _, platform := range slices.Sorted(maps.Keys(p.Hashes)) {
		r := release.Program{Name: p.Name(), Version: p.Version, Protocol: p.Protocol, Platform: platform}
		sums[r.File()] = p.Hashes[platform]
		from := programs(p, platform, p.Hashes[platform])
		if from == "" {
			continue
		}
		found = true
		if err := packFile(t, path.Join(dir, r.File()), from, p.Hashes[platform]); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("install: bundle: no program of %s %s is here", p.Address, p.Version)
	}
	return text(t, path.Join(dir, release.SumsFile), release.FormatSums(sums))
}

func text(t *tar.Writer, name string, data []byte) error {
	err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatPAX})
	if err == nil {
		_, err = t.Write(data)
	}
	if err != nil {
		return fmt.Errorf("install: bundle: %w", err)
	}
	return nil
}

// packFile adds a program, which must still have its hash.
func packFile(t *tar.Writer, name, from, hash string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("install: bundle: %w", err)
	}
	defer f.Close()
	got, err := Hash(from)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("install: bundle: %w", err)
	}
	if got != hash {
		return fmt.Errorf("install: bundle: %w: %s has the SHA-256 %s, pinned is %s", ErrPinned, filepath.Base(from), got, hash)
	}
	err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: st.Size(), Format: tar.FormatPAX})
	if err == nil {
		_, err = io.CopyN(t, f, st.Size())
	}
	if err != nil {
		return fmt.Errorf("install: bundle: %s: %w", from, err)
	}
	return nil
}
