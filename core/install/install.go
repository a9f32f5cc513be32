package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// Answer is what a plugin says when it is asked what it is.
type Answer struct {
	Version  string
	Protocol int
	Types    []string // "source.twilio"
}

// Target is where plugins are installed to, and what is known there.
type Target struct {
	Store string         // folder in the layout of package release
	Lock  *lockfile.File // what is pinned; nil pins nothing
	// Address is used for what tells none: the configuration's, by name.
	Address func(name string) string
	// Ask starts the program at path, which must have the SHA-256, and asks it.
	Ask func(ctx context.Context, name, path, sha256 string) (Answer, error)
	// Vouched is the lock of the bundle that a release came in, nil if there is none.
	// What it has must have its hash.
	Vouched *lockfile.File
	// ReadOnly refuses what the lock doesn't pin already.
	ReadOnly bool
	// Allowed says whether a version may be installed; nil allows all.
	Allowed func(name, version string) bool
	// Replace lets a release take the place of an installed or pinned one that has
	// other bytes under the same version.
	Replace bool
}

// Installed is a release at its place.
type Installed struct {
	Path  string           `json:"path"`
	Entry *lockfile.Plugin `json:"plugin"` // what a lock would pin, for all platforms of the release
	Fresh bool             `json:"fresh"`  // it was not there before
}

// Install puts a release at its place.
func (t *Target) Install(ctx context.Context, r *Release) (*Installed, error) {
	p, ok := r.programs[lockfile.Platform()]
	if !ok {
		return nil, refuse("%s has no program for %s, but for %s", r.label(), lockfile.Platform(), strings.Join(r.Platforms(), ", "))
	}
	if err := os.MkdirAll(t.Store, 0o755); err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	temp, err := os.MkdirTemp(t.Store, ".new-")
	if err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	defer os.RemoveAll(temp)
	copied := filepath.Join(temp, filepath.Base(p.Path))
	hash, err := copyHashed(copied, p.Path)
	if err != nil {
		return nil, err
	}
	e := &lockfile.Plugin{Address: t.address(r), Version: r.Version, Protocol: p.Protocol}
	if e.Hashes, err = r.hashes(p, hash); err != nil {
		return nil, err
	}
	if err := t.pinned(e); err != nil { // before anything of it runs
		return nil, err
	}
	answer, err := t.Ask(ctx, r.Name, copied, hash)
	if err != nil {
		return nil, refuse("%s can't be asked what it serves: %w", r.label(), err)
	}
	if err := complete(e, r, answer); err != nil {
		return nil, err
	}
	if t.Allowed != nil && !t.Allowed(r.Name, e.Version) {
		return nil, refuse("the configuration doesn't allow %s %s", r.Name, e.Version)
	}
	if err := t.pinned(e); err != nil { // a program on its own has a version only now
		return nil, err
	}
	return t.place(temp, copied, e)
}

func (r *Release) label() string { return strings.TrimSpace(r.Name + " " + r.Version) }

func (t *Target) address(r *Release) string {
	if r.Address != "" {
		return r.Address
	}
	if t.Address != nil {
		if a := t.Address(r.Name); a != "" {
			return a
		}
	}
	return "local/" + r.Name
}

// copyHashed copies a program and returns the SHA-256 of what it copied.
func copyHashed(to, from string) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", refuse("%w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", fmt.Errorf("install: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxFile+1))
	// The file's mode is not left to the umask: nobody else may change it.
	if err := errors.Join(err, out.Chmod(0o755), out.Sync(), out.Close()); err != nil {
		return "", fmt.Errorf("install: copy: %w", err)
	}
	if n > maxFile {
		return "", refuse("%s is larger than %d MiB", from, maxFile>>20)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashes holds the program against the sums of its release and returns those of
// all platforms.
func (r *Release) hashes(p release.Program, hash string) (map[string]string, error) {
	if r.Version == "" {
		return map[string]string{lockfile.Platform(): hash}, nil
	}
	file := filepath.Base(p.Path)
	if r.sums != nil {
		switch want := r.sums[file]; want {
		case hash:
		case "":
			return nil, refuse("%s of the release doesn't list %s", release.SumsFile, file)
		default:
			return nil, refuse("%s is not what its release says: its SHA-256 is %s, %s has %s", file, hash, release.SumsFile, want)
		}
	}
	out := release.Hashes(r.sums, r.Name, r.Version)
	out[lockfile.Platform()] = hash
	for platform, other := range r.programs {
		if out[platform] != "" {
			continue
		}
		sum, err := Hash(other.Path)
		if err != nil {
			return nil, refuse("%w", err)
		}
		out[platform] = sum
	}
	return out, nil
}

// Hash is the SHA-256 of a file, in hex.
func Hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("install: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("install: hash %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// ErrPinned says that a release isn't the one that the lock file pins, and
// ErrWouldLock that it isn't pinned and must not be.
var (
	ErrPinned    = errors.New("the lock file pins another program")
	ErrWouldLock = errors.New("the lock file would change")
)

// pinned refuses a release whose version is pinned with other bytes.
func (t *Target) pinned(e *lockfile.Plugin) error {
	if err := samePin(t.Vouched.Find(e.Name()), e); err != nil {
		return refuse("its bundle has another lock: %w", err)
	}
	pin := t.Lock.Find(e.Name())
	if !t.Replace {
		if err := samePin(pin, e); err != nil {
			return err
		}
	}
	if t.ReadOnly && e.Version != "" && (pin == nil || pin.Address != e.Address || pin.Version != e.Version || !maps.Equal(pin.Hashes, e.Hashes)) {
		return fmt.Errorf("%w: it doesn't pin %s %s as it is here", ErrWouldLock, e.Address, e.Version)
	}
	return nil
}

// samePin compares the hashes of the same release.
func samePin(pin, e *lockfile.Plugin) error {
	if pin == nil || pin.Address != e.Address || pin.Version != e.Version {
		return nil
	}
	for _, platform := range slices.Sorted(maps.Keys(e.Hashes)) {
		if want := pin.Hashes[platform]; want != "" && want != e.Hashes[platform] {
			return fmt.Errorf("%w: %s %s for %s has the SHA-256 %s, pinned is %s", ErrPinned, e.Address, e.Version, platform, e.Hashes[platform], want)
		}
	}
	return nil
}

// complete fills in what the plugin itself says.
func complete(e *lockfile.Plugin, r *Release, a Answer) error {
	if !release.ValidVersion(a.Version) {
		return refuse("%s says that its version is %q, which is none: write it as 1.0.3", r.label(), cut(a.Version))
	}
	if r.Version != "" && a.Version != r.Version {
		return refuse("%s says that its version is %s", r.label(), a.Version)
	}
	if len(a.Types) == 0 {
		return refuse("%s serves no types", r.label())
	}
	e.Version, e.Types = a.Version, a.Types
	if e.Protocol == 0 {
		e.Protocol = a.Protocol
	}
	return nil
}

// place moves the program to where it belongs.
func (t *Target) place(temp, copied string, e *lockfile.Plugin) (*Installed, error) {
	p := release.Program{Name: e.Name(), Address: e.Address, Version: e.Version, Protocol: e.Protocol, Platform: lockfile.Platform()}
	dir := filepath.Join(t.Store, filepath.FromSlash(p.Dir()))
	out := &Installed{Path: filepath.Join(dir, p.File()), Entry: e, Fresh: true}
	old, err := Hash(out.Path)
	switch {
	case err == nil && old == e.Hashes[p.Platform]:
		out.Fresh = false
		return out, nil
	case err == nil && !t.Replace:
		return nil, refuse("%s %s is installed already, with another SHA-256: give the new one another version, or write --replace", e.Address, e.Version)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	fresh := filepath.Join(temp, "release")
	if err := errors.Join(os.Mkdir(fresh, 0o755), os.Rename(copied, filepath.Join(fresh, p.File())), writeSums(fresh, e)); err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	if err := os.Rename(fresh, dir); err == nil {
		return out, nil
	}
	// The version's folder is there, from another platform or another program.
	for _, name := range []string{release.SumsFile, p.File()} {
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("install: %w", err)
		}
	}
	return out, nil
}

func writeSums(dir string, e *lockfile.Plugin) error {
	sums := map[string]string{}
	for platform, hash := range e.Hashes {
		p := release.Program{Name: e.Name(), Version: e.Version, Protocol: e.Protocol, Platform: platform}
		sums[p.File()] = hash
	}
	return os.WriteFile(filepath.Join(dir, release.SumsFile), release.FormatSums(sums), 0o644)
}
