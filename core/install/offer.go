package install

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/release"
)

// Release is one version of a plugin that is offered.
type Release struct {
	Name     string
	Address  string                     // empty if the place doesn't tell
	Version  string                     // empty for a program on its own
	programs map[string]release.Program // by platform
	sums     map[string]string          // by file name; nil if nobody vouches
}

// Platforms lists what the release has programs for, or sums of.
func (r *Release) Platforms() []string {
	all := map[string]bool{}
	for p := range r.programs {
		all[p] = true
	}
	for p := range release.Hashes(r.sums, r.Name, r.Version) {
		all[p] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// Offer is what a source offers. Close removes what it was unpacked to.
type Offer struct {
	Releases []*Release
	Lock     *lockfile.File // of an offline bundle, else nil
	temp     string
}

// Close removes what the offer needed.
func (o *Offer) Close() error {
	if o.temp == "" {
		return nil
	}
	return os.RemoveAll(o.temp)
}

// Open looks at a source: a folder or an archive with programs of releases, a
// mirror, an offline bundle, or a program itself.
func Open(source string) (*Offer, error) {
	st, err := os.Stat(source)
	if err != nil {
		return nil, refuse("%w", err)
	}
	if st.IsDir() {
		return folder(source)
	}
	if p, ok := release.ParseFile(filepath.Base(source)); ok {
		p.Path = source
		return single(p)
	}
	f, err := os.Open(source)
	if err != nil {
		return nil, refuse("%w", err)
	}
	defer f.Close()
	temp, err := os.MkdirTemp("", "patchbay-install-")
	if err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	if err := unpack(f, temp); err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	o, err := folder(only(temp))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	o.temp = temp
	return o, nil
}

// only goes into a folder for as long as there is nothing else beside it:
// archives often have one around everything.
func only(dir string) string {
	for range 3 {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || !entries[0].IsDir() || strings.Contains(entries[0].Name(), ".") && mirrored(dir) {
			return dir
		}
		dir = filepath.Join(dir, entries[0].Name())
	}
	return dir
}

func mirrored(dir string) bool {
	ps, err := release.Mirror(dir)
	return err == nil && len(ps) > 0
}

func single(p release.Program) (*Offer, error) {
	sums, err := readSums(filepath.Dir(p.Path))
	if err != nil {
		return nil, err
	}
	if _, vouched := sums[filepath.Base(p.Path)]; !vouched && p.Version == "" {
		sums = nil // of others
	}
	platform := p.Platform
	if platform == "" {
		platform = lockfile.Platform()
	}
	return &Offer{Releases: []*Release{{
		Name: p.Name, Address: p.Address, Version: p.Version, programs: map[string]release.Program{platform: p}, sums: sums,
	}}}, nil
}

// folder collects the releases in a folder and in the mirror that it may be.
func folder(dir string) (*Offer, error) {
	loose, err := release.Programs(dir)
	if err != nil {
		return nil, refuse("%w", err)
	}
	all, err := release.Mirror(dir)
	if err != nil {
		return nil, refuse("%w", err)
	}
	o := &Offer{}
	lock, _, diags := lockfile.Read(filepath.Join(dir, lockfile.Name))
	if diags.HasErrors() {
		return nil, refuse("its lock file can't be understood: %s", diags[0].Error())
	}
	o.Lock = lock
	for _, p := range append(loose, all...) {
		if err := o.add(p); err != nil {
			return nil, err
		}
	}
	if len(o.Releases) == 0 {
		return nil, refuse("%s has no plugin: a program is called %sNAME, or in a release %sNAME_vVERSION_pPROTOCOL_OS_ARCH", dir, release.Prefix, release.Prefix)
	}
	slices.SortStableFunc(o.Releases, func(a, b *Release) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	})
	return o, nil
}

func (o *Offer) add(p release.Program) error {
	platform := p.Platform
	if platform == "" {
		platform = lockfile.Platform()
	}
	for _, r := range o.Releases {
		if r.Name == p.Name && r.Address == p.Address && r.Version == p.Version {
			if old, twice := r.programs[platform]; twice {
				return refuse("%s has two programs for %s: %s and %s", p.Name, platform, filepath.Base(old.Path), filepath.Base(p.Path))
			}
			r.programs[platform] = p
			return nil
		}
	}
	sums, err := readSums(filepath.Dir(p.Path))
	if err != nil {
		return err
	}
	if _, vouched := sums[filepath.Base(p.Path)]; !vouched && p.Version == "" {
		sums = nil
	}
	o.Releases = append(o.Releases, &Release{
		Name: p.Name, Address: p.Address, Version: p.Version, programs: map[string]release.Program{platform: p}, sums: sums,
	})
	return nil
}

// maxSums bounds a file of sums.
const maxSums = 1 << 20

func readSums(dir string) (map[string]string, error) {
	path := filepath.Join(dir, release.SumsFile)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, refuse("%w", err)
	}
	if st.Size() > maxSums {
		return nil, refuse("%s is too large", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse("%w", err)
	}
	sums, err := release.ParseSums(text)
	if err != nil {
		return nil, refuse("%s: %w", path, err)
	}
	return sums, nil
}

// Newest keeps of the releases of one name and address the newest that allowed
// accepts.
func (o *Offer) Newest(allowed func(r *Release) bool) {
	best := map[string]*Release{}
	for _, r := range o.Releases {
		key := r.Address + "\x00" + r.Name
		if old := best[key]; allowed(r) && (old == nil || release.Less(old.Version, r.Version)) {
			best[key] = r
		}
	}
	o.Releases = slices.DeleteFunc(o.Releases, func(r *Release) bool { return best[r.Address+"\x00"+r.Name] != r })
}
