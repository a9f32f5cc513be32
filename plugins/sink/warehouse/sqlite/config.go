package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// Config is the block's arguments.
type Config struct {
	Path        string        `pb:"path,required" doc:"The database file. A relative path starts at the configuration's directory. Keep it on a local disk: SQLite's locks do not work over a network." example:"events.db"`
	BusyTimeout time.Duration `pb:"busy_timeout" default:"5s" min:"0" max:"60" doc:"How long to wait while another process writes to the file."`
	Synchronous string        `pb:"synchronous" default:"full" enum:"full,normal" doc:"full: an event is done once it is on disk. normal: faster, but a power failure loses the last events although they were counted as done."`
}

// Check implements sdk.ConfigChecker.
func (s *Sink) Check(cfg *Config) error {
	if cfg.Path == ":memory:" {
		return sdk.Problem("path", "a database in memory keeps nothing",
			`Write the name of a file, for example path = "events.db".`)
	}
	if cfg.Path == "" || os.IsPathSeparator(cfg.Path[len(cfg.Path)-1]) {
		return sdk.Problem("path", "no file name", `Write the name of a file, for example path = "events.db".`)
	}
	return nil
}

// checkPlace finds what is wrong with a path before SQLite says only that it
// cannot open the file.
func checkPlace(path string) error {
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case os.IsNotExist(err):
		return sdk.Problem("path", fmt.Sprintf("directory %q does not exist", dir), "Create the directory, or name a file in one that exists.")
	case err == nil && !info.IsDir():
		return sdk.Problem("path", fmt.Sprintf("%q is not a directory", dir), "Name a file in a directory.")
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return sdk.Problem("path", fmt.Sprintf("%q is not a file", path), "Name a file, or one that does not exist yet.")
	}
	return nil
}
