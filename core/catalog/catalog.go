// Package catalog knows the plugins of this installation: which programs there
// are and which types each serves.
//
// A plugin is an executable called patchbay-plugin-NAME. Opening a catalog
// starts each once, side by side, and asks it to describe itself; nothing is
// configured and nothing runs on. A plugin that cannot be asked is left out and
// reported: the configuration may not need it.
package catalog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
)

// Prefix starts the file name of every plugin.
const Prefix = "patchbay-plugin-"

// EnvDirs names the environment variable with further plugin folders, separated
// like PATH.
const EnvDirs = "PATCHBAY_PLUGIN_DIR"

// Plugin is one program.
type Plugin struct {
	Path string
	Desc *wire.DescribeResponse
	Err  error // why it could not be asked
}

// Catalog is what was found. It does not change; it is safe for concurrent use.
type Catalog struct {
	plugins []Plugin
	types   map[string]entry // "source twilio"
}

type entry struct {
	path string
	info *wire.TypeInfo
}

// DefaultDirs are the folder of the running program and those of EnvDirs.
func DefaultDirs() []string {
	var dirs []string
	for _, d := range filepath.SplitList(os.Getenv(EnvDirs)) {
		if d != "" {
			dirs = append(dirs, d)
		}
	}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(exe))
	}
	return dirs
}

// describeTimeout bounds how long a plugin may take to say what it serves.
const describeTimeout = 20 * time.Second

// Open asks the plugins in dirs. Of two plugins with the same file name the one
// in the earlier folder counts; two that serve the same type are an error.
func Open(ctx context.Context, dirs []string, log zerolog.Logger) (*Catalog, error) {
	c := &Catalog{types: map[string]entry{}}
	seen := map[string]bool{}
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, Prefix+"*"))
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		sort.Strings(paths)
		for _, p := range paths {
			st, err := os.Stat(p)
			if err != nil || st.IsDir() || st.Mode()&0o111 == 0 || seen[filepath.Base(p)] {
				continue
			}
			seen[filepath.Base(p)] = true
			if abs, err := filepath.Abs(p); err == nil {
				p = abs
			}
			c.plugins = append(c.plugins, Plugin{Path: p})
		}
	}
	c.describe(ctx, log)
	return c, c.index()
}

func (c *Catalog) describe(ctx context.Context, log zerolog.Logger) {
	var wg sync.WaitGroup
	for i := range c.plugins {
		p := &c.plugins[i]
		wg.Add(1)
		go func() {
			defer wg.Done()
			p.Desc, p.Err = pluginhost.Describe(ctx, pluginhost.Spec{
				Address: filepath.Base(p.Path), Path: p.Path, Log: log, StartTimeout: describeTimeout,
			})
			if p.Err != nil {
				log.Warn().Err(p.Err).Str("path", p.Path).Msg("plugin could not be asked what it serves")
			}
		}()
	}
	wg.Wait()
}

func (c *Catalog) index() error {
	for _, p := range c.plugins {
		if p.Err != nil {
			continue
		}
		for _, t := range p.Desc.Types {
			kind := kindName(t.Kind)
			if kind == "" || t.Name == "" {
				continue
			}
			key := kind + " " + t.Name
			if old, ok := c.types[key]; ok {
				return fmt.Errorf("catalog: %s %q is served by both %s and %s", kind, t.Name, old.path, p.Path)
			}
			c.types[key] = entry{p.Path, t}
		}
	}
	return nil
}

func kindName(k wire.TypeInfo_Kind) string {
	switch k {
	case wire.TypeInfo_KIND_SOURCE:
		return "source"
	case wire.TypeInfo_KIND_SINK:
		return "sink"
	}
	return ""
}

// Plugins lists the programs found, by path.
func (c *Catalog) Plugins() []Plugin { return slices.Clone(c.plugins) }

// Lookup implements config.Types.
func (c *Catalog) Lookup(kind, name string) (*wire.TypeInfo, bool) {
	e, ok := c.types[kind+" "+name]
	return e.info, ok
}

// Names implements config.Types.
func (c *Catalog) Names(kind string) []string {
	var out []string
	for key := range c.types {
		if name, ok := strings.CutPrefix(key, kind+" "); ok {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Path returns the program that serves a type.
func (c *Catalog) Path(kind, name string) (string, bool) {
	e, ok := c.types[kind+" "+name]
	return e.path, ok
}
