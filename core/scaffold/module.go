package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// sdkModule is the module that plugins import.
const sdkModule = "github.com/patchbay-io/patchbay"

// needed are the modules behind packages sdk and sdktest. A module must list
// them all for Go to build it without asking anybody. The test of `patchbay plugin
// new` fails if one is missing.
func needed() []string {
	return []string{
		"github.com/fatih/color", "github.com/golang/protobuf", "github.com/hashicorp/go-hclog", "github.com/hashicorp/go-plugin",
		"github.com/hashicorp/yamux", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/oklog/run",
		"github.com/rs/zerolog", "go.uber.org/goleak", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
		"google.golang.org/genproto/googleapis/rpc", "google.golang.org/grpc", "google.golang.org/protobuf",
	}
}

// addModule adds go.mod and go.sum. The sdk is not published yet, so go.mod leads
// to a checkout, from which the versions of everything else are taken as well:
// with its go.sum the plugin is built from what the checkout was built from.
func addModule(out map[string][]byte, o *Options) error {
	theirs, err := readModule(o.Checkout)
	if err != nil {
		return bad("%s is no checkout of patchbay: %w", o.Checkout, err)
	}
	checkout, err := filepath.Abs(o.Checkout)
	if err != nil {
		return fmt.Errorf("scaffold: %w", err)
	}
	m := new(modfile.File)
	m.AddComment("// The sdk is not published yet: replace leads to a checkout of patchbay.")
	for _, err := range []error{
		m.AddModuleStmt(o.Module), m.AddGoStmt(theirs.Go.Version), m.AddReplace(sdkModule, "", checkout, ""),
	} {
		if err != nil {
			return fmt.Errorf("scaffold: go.mod: %w", err)
		}
	}
	need := []*modfile.Require{{Mod: module.Version{Path: sdkModule, Version: "v0.0.0"}}}
	for _, r := range theirs.Require {
		if slices.Contains(needed(), r.Mod.Path) {
			need = append(need, &modfile.Require{Mod: r.Mod, Indirect: true})
		}
	}
	m.SetRequireSeparateIndirect(need)
	m.Cleanup()
	m.SortBlocks()
	if out["go.mod"], err = m.Format(); err != nil {
		return fmt.Errorf("scaffold: go.mod: %w", err)
	}
	if out["go.sum"], err = os.ReadFile(filepath.Join(checkout, "go.sum")); err != nil {
		return fmt.Errorf("scaffold: go.sum: %w", err)
	}
	return nil
}

var errOther = errors.New("its go.mod is of another module")

func readModule(dir string) (*modfile.File, error) {
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	m, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, err
	}
	if m.Module == nil || m.Module.Mod.Path != sdkModule || m.Go == nil {
		return nil, errOther
	}
	return m, nil
}

// FindCheckout looks for a checkout of patchbay in the folders and in those that
// they lie in. It returns an empty string if there is none.
func FindCheckout(dirs ...string) string {
	for _, dir := range dirs {
		dir, err := filepath.Abs(dir)
		for err == nil {
			if _, err := readModule(dir); err == nil {
				return dir
			} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOther) {
				break
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return ""
}
