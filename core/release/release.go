// Package release knows how a plugin's release is named and laid out:
//
//	HOST/NAMESPACE/NAME/VERSION/patchbay-plugin-NAME_vVERSION_pPROTOCOL_OS_ARCH
//	HOST/NAMESPACE/NAME/VERSION/SHA256SUMS
//
// The folders before VERSION are the plugin's address; the namespace may be
// left out. A mirror, an installed plugin and an offline bundle all look like
// this. A program on its own is called patchbay-plugin-NAME.
//
// It reads names and sums and runs nothing. Names come from strangers'
// archives: what isn't exactly of this form isn't part of a release.
package release

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Prefix starts the file name of every plugin.
const Prefix = "patchbay-plugin-"

// SumsFile is the name of the file with the SHA-256 of a release's programs.
const SumsFile = "SHA256SUMS"

// Program is a plugin's program for one platform, by its name and place.
type Program struct {
	Name string // NAME
	// Address, Version, Protocol and Platform are empty for a program on its own;
	// Address is empty as well for one that lies in no release's folder.
	Address  string
	Version  string // "1.0.3"
	Protocol int
	Platform string // "linux_amd64"
	Path     string
}

var (
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	partPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)
	filePattern = regexp.MustCompile(`^([a-z][a-z0-9_-]{0,62})_v([0-9A-Za-z.-]{5,60})_p([1-9][0-9]{0,2})_([a-z0-9]{1,20}_[a-z0-9]{1,20})$`)
)

// ValidName reports whether a plugin can have a name.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// ValidAddress reports whether text is HOST/NAME or HOST/NAMESPACE/NAME.
func ValidAddress(text string) bool {
	parts := strings.Split(text, "/")
	if len(parts) != 2 && len(parts) != 3 || !ValidName(parts[len(parts)-1]) {
		return false
	}
	return !slices.ContainsFunc(parts, func(p string) bool { return !partPattern.MatchString(p) })
}

// ValidVersion reports whether text is a semantic version without build
// metadata: "1.0.3".
func ValidVersion(text string) bool {
	v := "v" + text
	return semver.IsValid(v) && semver.Canonical(v) == v
}

// Less orders versions.
func Less(a, b string) bool { return semver.Compare("v"+a, "v"+b) < 0 }

// ParseFile reads a program's file name.
func ParseFile(base string) (Program, bool) {
	rest, ok := strings.CutPrefix(base, Prefix)
	if !ok {
		return Program{}, false
	}
	if ValidName(rest) {
		return Program{Name: rest}, true
	}
	m := filePattern.FindStringSubmatch(rest)
	if m == nil || !ValidVersion(m[2]) {
		return Program{}, false
	}
	protocol, err := strconv.Atoi(m[3])
	if err != nil {
		return Program{}, false
	}
	return Program{Name: m[1], Version: m[2], Protocol: protocol, Platform: m[4]}, true
}

// File is the program's file name in a release.
func (p *Program) File() string {
	return fmt.Sprintf("%s%s_v%s_p%d_%s", Prefix, p.Name, p.Version, p.Protocol, p.Platform)
}

// Dir is the folder of the program's release below a mirror, with slashes.
func (p *Program) Dir() string { return path.Join(p.Address, p.Version) }

// Programs lists the programs in dir itself: on their own, and of releases,
// whose address isn't known then. They are sorted by name, the newest version
// first.
func Programs(dir string) ([]Program, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	var out []Program
	for _, e := range entries {
		p, ok := ParseFile(e.Name())
		if !ok {
			continue
		}
		p.Path = filepath.Join(dir, e.Name())
		if st, err := os.Stat(p.Path); err != nil || !st.Mode().IsRegular() {
			continue
		}
		out = append(out, p)
	}
	order(out)
	return out, nil
}

func order(ps []Program) {
	slices.SortStableFunc(ps, func(a, b Program) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), semver.Compare("v"+b.Version, "v"+a.Version), cmp.Compare(a.Path, b.Path))
	})
}

// Mirror lists the programs of the releases below root, sorted like Programs.
// What doesn't lie where its name says isn't listed.
func Mirror(root string) ([]Program, error) {
	var out []Program
	for _, pattern := range []string{"*/*/*/" + Prefix + "*", "*/*/*/*/" + Prefix + "*"} {
		paths, err := filepath.Glob(filepath.Join(escape(root), filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("release: %w", err)
		}
		for _, file := range paths {
			p, ok := ParseFile(filepath.Base(file))
			dir, err := filepath.Rel(root, filepath.Dir(file))
			if !ok || err != nil {
				continue
			}
			p.Path = file
			p.Address = path.Dir(filepath.ToSlash(dir))
			if ValidAddress(p.Address) && path.Base(p.Address) == p.Name && path.Base(filepath.ToSlash(dir)) == p.Version {
				out = append(out, p)
			}
		}
	}
	order(out)
	return out, nil
}

// escape makes a path mean itself in a pattern.
func escape(p string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(p)
}

var sumPattern = regexp.MustCompile(`^([0-9a-f]{64})[ \t]+\*?([^ /\\]+)$`)

// ParseSums reads a file of sums: a SHA-256 in hex and a file name a line.
func ParseSums(text []byte) (map[string]string, error) {
	out := map[string]string{}
	sc := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimRight(sc.Text(), "\r ")
		if line == "" {
			continue
		}
		m := sumPattern.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("release: %s line %d is not a SHA-256 and a file name", SumsFile, n)
		}
		if old, twice := out[m[2]]; twice && old != m[1] {
			return nil, fmt.Errorf("release: %s has two sums of %s", SumsFile, m[2])
		}
		out[m[2]] = m[1]
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("release: %s: %w", SumsFile, err)
	}
	return out, nil
}

// FormatSums is what ParseSums reads, sorted by name.
func FormatSums(sums map[string]string) []byte {
	var b bytes.Buffer
	names := make([]string, 0, len(sums))
	for name := range sums {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.Bytes()
}

// Hashes picks from sums those of one version of a plugin: by platform.
func Hashes(sums map[string]string, name, version string) map[string]string {
	out := map[string]string{}
	for file, sum := range sums {
		if p, ok := ParseFile(file); ok && p.Name == name && p.Version == version && p.Platform != "" {
			out[p.Platform] = sum
		}
	}
	return out
}
