package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/lockfile"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/release"
)

// describeTimeout bounds how long a plugin may take to say what it serves.
const describeTimeout = 20 * time.Second

// candidate is a program that goes by a name.
type candidate struct {
	release.Program
	bundled bool
	folder  int // number of the search; the first counts
}

type finder struct {
	o     Options
	cache *cache
	found map[string][]candidate
}

// search finds the programs for this platform. A folder that isn't there has
// none.
func (f *finder) search() {
	n := 0
	add := func(bundled bool, ps []release.Program, err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.o.Log.Warn().Err(err).Msg("a plugin folder can't be read")
		}
		for _, p := range ps {
			st, err := os.Stat(p.Path)
			if err != nil || st.Mode()&0o111 == 0 || p.Platform != "" && p.Platform != lockfile.Platform() {
				continue
			}
			if abs, err := filepath.Abs(p.Path); err == nil {
				p.Path = abs
			}
			f.found[p.Name] = append(f.found[p.Name], candidate{p, bundled, n})
		}
		n++
	}
	for _, dir := range f.o.Dirs {
		ps, err := release.Programs(dir)
		add(f.o.Bundled != "" && filepath.Clean(dir) == filepath.Clean(f.o.Bundled), ps, err)
		if slices.Contains(f.o.Mirrors, dir) {
			ps, err = release.Mirror(dir)
			add(false, ps, err)
		}
	}
	if f.o.Bundled != "" {
		ps, err := release.Programs(f.o.Bundled)
		add(true, ps, err)
	}
}

// choose decides on a plugin for each name, side by side.
func (f *finder) choose(ctx context.Context) []*Plugin {
	names := map[string]bool{}
	for name := range f.found {
		names[name] = true
	}
	for name := range f.o.Overrides {
		names[name] = true
	}
	for _, n := range f.o.Needs {
		names[n.Name] = true
	}
	if f.o.Lock != nil {
		for _, p := range f.o.Lock.Plugins {
			names[p.Name()] = true
		}
	}
	out := make([]*Plugin, len(names))
	gate := make(chan struct{}, max(4, 2*runtime.GOMAXPROCS(0)))
	var wg sync.WaitGroup
	for i, name := range slices.Sorted(maps.Keys(names)) {
		wg.Add(1)
		gate <- struct{}{}
		go func() {
			defer func() { <-gate; wg.Done() }()
			out[i] = f.plugin(ctx, name)
		}()
	}
	wg.Wait()
	return out
}

// plugin decides on one, and asks it.
func (f *finder) plugin(ctx context.Context, name string) *Plugin {
	p := &Plugin{Program: release.Program{Name: name}}
	s := &selection{finder: f, p: p, pin: f.o.Lock.Find(name)}
	if i := slices.IndexFunc(f.o.Needs, func(n *config.Plugin) bool { return n.Name == name }); i >= 0 {
		s.need = f.o.Needs[i]
	}
	s.program()
	if p.Fault == nil {
		s.trusted()
	}
	if p.Fault == nil {
		s.ask(ctx)
	}
	if p.Fault != nil {
		p.Desc = nil
	}
	return p
}

// selection is the decision on one name.
type selection struct {
	*finder
	p    *Plugin
	pin  *lockfile.Plugin
	need *config.Plugin
}

func (s *selection) fault(code diag.Code, detail, format string, args ...any) {
	s.p.Fault = &config.Fault{Plugin: s.p.Name, Code: code, Summary: fmt.Sprintf(format, args...), Detail: detail}
}

// program picks the file.
func (s *selection) program() {
	name := s.p.Name
	if path, ok := s.o.Overrides[name]; ok {
		s.p.Override = true
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		s.take(candidate{Program: release.Program{Name: name, Path: path}})
		return
	}
	found := s.found[name]
	switch {
	case s.pin != nil:
		s.pinned(found)
	case s.o.Lock != nil && !s.o.New:
		i := slices.IndexFunc(found, func(c candidate) bool { return c.bundled })
		switch {
		case i >= 0:
			s.take(found[i])
		case len(found) > 0:
			s.p.Program = found[0].Program
			s.fault(diag.LockMissing, "It was not started. If you trust "+found[0].Path+", run patchbay plugin lock.", "plugin %s is not in the lock file", name)
		default:
			s.absent()
		}
	default:
		s.newest(found)
	}
}

// take settles on a program and hashes it.
func (s *selection) take(c candidate) {
	s.p.Program, s.p.Bundled = c.Program, c.bundled
	hash, err := s.cache.hash(c.Path)
	if err != nil {
		s.fault(diag.PluginBroken, upper(err.Error())+".", "plugin %s can't be read", s.p.Name)
	}
	s.p.SHA256 = hash
}

func (s *selection) absent() {
	what := s.p.Name
	switch {
	case s.pin != nil:
		what = s.pin.Address + " " + s.pin.Version
	case s.need != nil:
		what = s.need.Source
	}
	s.fault(diag.PluginMissing, "Install it with patchbay plugin install, or name its folder with -plugin-dir.", "plugin %s is not installed", what)
}

// pinned takes the program with the pinned hash and no other.
func (s *selection) pinned(found []candidate) {
	name, pin := s.p.Name, s.pin
	const again = "Install a version that fits, then run patchbay plugin lock."
	if s.need != nil && s.need.Source != pin.Address {
		s.fault(diag.PluginVersion, "Install the one that is meant, then run patchbay plugin lock.",
			"the configuration asks for the plugin %s, and the lock file pins %s", s.need.Source, pin.Address)
		return
	}
	if s.need != nil && s.need.Version != "" && !s.need.Allows(pin.Version) {
		s.fault(diag.PluginVersion, again, "the configuration asks for %s %s, and the lock file pins %s", name, s.need.Version, pin.Version)
		return
	}
	want, ok := pin.Hashes[lockfile.Platform()]
	if !ok {
		s.fault(diag.LockPlatform, "It has them for "+strings.Join(slices.Sorted(maps.Keys(pin.Hashes)), ", ")+". Install the release here, or run patchbay plugin lock.",
			"the lock file has no hash of plugin %s for %s", name, lockfile.Platform())
		return
	}
	var others []string
	var tampered *Plugin
	for _, c := range found {
		s.p.Fault = nil
		if s.take(c); s.p.SHA256 == want {
			s.p.Pinned, s.p.pin = true, pluginhost.NewPin(c.Path, want)
			s.p.Address, s.p.Version = pin.Address, pin.Version
			return
		}
		if c.Version != "" && c.Version != pin.Version {
			others = append(others, c.Version)
			continue
		}
		s.fault(diag.PluginTampered, fmt.Sprintf("%s has the SHA-256 %s; pinned is %s. Nothing of it was run. If you replaced it yourself: patchbay plugin lock -replace %s.",
			c.Path, shown(s.p.SHA256), want, name), "plugin %s %s is not the program that the lock file pins", name, pin.Version)
		if tampered == nil {
			bad := *s.p
			tampered = &bad
		}
	}
	if tampered != nil {
		*s.p = *tampered
		return
	}
	s.p.Program, s.p.SHA256 = release.Program{Name: name}, ""
	s.absent()
	if len(others) > 0 {
		s.p.Fault.Detail = "Installed is " + strings.Join(others, ", ") + ". " + s.p.Fault.Detail
	}
}

func shown(hash string) string {
	if hash == "" {
		return "that can't be read"
	}
	return hash
}

// newest takes the newest that the configuration allows, of the first folder
// that has one.
func (s *selection) newest(found []candidate) {
	var best *candidate
	var refused []string
	for i := range found {
		c := &found[i]
		if s.need != nil && (c.Address != "" && c.Address != s.need.Source || c.Version != "" && s.need.Version != "" && !s.need.Allows(c.Version)) {
			refused = append(refused, strings.TrimSpace(c.Address+" "+c.Version))
			continue
		}
		if best == nil || c.folder == best.folder && release.Less(best.Version, c.Version) {
			best = c
		}
	}
	switch {
	case best != nil:
		s.take(*best)
	case len(refused) > 0:
		s.fault(diag.PluginVersion, "Installed is "+strings.Join(refused, ", ")+". Install one that fits.", "the configuration asks for the plugin %s", strings.TrimSpace(s.need.Source+" "+s.need.Version))
	default:
		s.absent()
	}
}

// trusted refuses a program that anybody may change.
func (s *selection) trusted() {
	for _, path := range []string{s.p.Path, filepath.Dir(s.p.Path)} {
		st, err := os.Stat(path)
		if err != nil {
			s.fault(diag.PluginBroken, upper(err.Error())+".", "plugin %s can't be read", s.p.Name)
			return
		}
		// A sticky folder lets nobody replace what is another's.
		if st.Mode().Perm()&0o002 != 0 && st.Mode()&os.ModeSticky == 0 {
			s.fault(diag.PluginExposed, "Take the permission away: chmod o-w "+strconv.Quote(path)+".", "anybody may change %s, the program of plugin %s or its folder", path, s.p.Name)
			return
		}
	}
}

// ask learns what the plugin serves, from the cache or from itself, and holds it
// against what was promised.
func (s *selection) ask(ctx context.Context) {
	d, ok := s.cache.description(s.p.SHA256)
	if !ok {
		spec := pluginhost.Spec{Address: s.p.Name, Log: s.o.Log, StartTimeout: describeTimeout}
		s.p.launch(&spec)
		var err error
		if d, err = pluginhost.Describe(ctx, spec); err != nil {
			s.unasked(err)
			return
		}
		s.cache.remember(s.p.SHA256, d)
	}
	s.p.Desc, s.p.Protocol = d.DescribeResponse, d.Protocol
	says := d.GetVersion()
	switch {
	case s.p.Version != "" && s.p.Version != says:
		s.fault(diag.PluginVersion, "Its file name or the lock file is wrong; install the release again.", "plugin %s should be version %s and says it is %s", s.p.Name, s.p.Version, quote(says))
	case s.need != nil && s.need.Version != "" && !s.p.Override && !s.need.Allows(says):
		s.fault(diag.PluginVersion, "Install one that fits.", "the configuration asks for %s %s, and installed is %s", s.p.Name, s.need.Version, quote(says))
	}
	s.p.Version = says
	if s.p.Address == "" {
		s.p.Address = s.address()
	}
}

// address is that of a program on its own: what the configuration says, or that
// it came with patchbay, or that nobody knows.
func (s *selection) address() string {
	switch {
	case s.need != nil:
		return s.need.Source
	case s.p.Bundled:
		return "patchbay/" + s.p.Name
	}
	return "local/" + s.p.Name
}

func (s *selection) unasked(err error) {
	var bad *pluginhost.Tampered
	var old *pluginhost.Incompatible
	switch {
	case errors.As(err, &bad): // replaced since it was hashed
		s.fault(diag.PluginTampered, "Nothing of it was run.", "%s", bad)
	case errors.As(err, &old):
		s.fault(diag.PluginProtocol, "Install a newer build of the plugin, or of patchbay, whichever is older.", "%s", old)
	default:
		s.fault(diag.PluginBroken, upper(err.Error())+".", "plugin %s can't be asked what it serves", s.p.Name)
	}
}

func quote(s string) string { return strconv.Quote(cut(s)) }

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
