package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest/suite"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
)

// Options say what to try out. Path and Now are required.
type Options struct {
	Path string // the executable
	// Testdata is the folder with captured requests and configurations. A folder
	// in it that is called like a type is that type's.
	Testdata string
	Type     string // the one type to check; empty: all that the plugin serves
	// Config and Unreachable are files with a sink's arguments as JSON; empty
	// means config.json and unreachable.json in the folder, if they exist. The
	// text ${tmp} in them stands for a fresh folder.
	Config, Unreachable string
	// Read is a shell command that prints the event_id of everything that the
	// destination holds, one a line. It finds the fresh folder in PATCHBAY_TMP.
	// The word unordered, before them, says that their order means nothing. Empty
	// means the program read in the folder, if it exists.
	Read   string
	Update bool // write the golden files of sources
	// Patience is how long the program may take to end. Zero means 5 s, as core
	// grants.
	Patience time.Duration
	Now      func() time.Time
	// Each is called with every check that has ended.
	Each func(Check)
}

// ErrOptions is wrapped by errors that say what is wrong with the Options.
var ErrOptions = errors.New("plugintest: bad options")

// Run makes all checks. An error means that they could not be made.
func Run(ctx context.Context, o Options) (*Report, error) {
	path, err := executable(o.Path)
	if err != nil {
		return nil, err
	}
	if o.Each == nil {
		o.Each = func(Check) {}
	}
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	dir, err := socketDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	id, err := pluginhost.NewIdentity(o.Now())
	if err != nil {
		return nil, err
	}
	c := &collector{now: o.Now, each: o.Each, report: Report{Path: o.Path, Checks: []Check{}}}
	p := &protocol{path: path, id: id, dir: dir, now: o.Now, patience: o.Patience}
	d := p.run(ctx, c.subject("protocol"))
	if d == nil {
		return &c.report, nil
	}
	c.report.Plugin, c.report.Version, c.report.SDK = d.Name, d.Version, d.Sdk
	found := false
	for _, t := range d.Types {
		if kindWord(t.Kind) == "" || o.Type != "" && t.Name != o.Type {
			continue
		}
		found = true
		tr := &trial{o: o, path: path, dir: dir, info: t}
		if err := tr.run(ctx, c.subject(typeName(t))); err != nil {
			return nil, err
		}
	}
	if !found && o.Type != "" && len(d.Types) > 0 {
		return nil, fmt.Errorf("%w: the plugin serves no type %q; it serves %s", ErrOptions, o.Type, typeNames(d))
	}
	return &c.report, ctx.Err()
}

// executable finds the program; a bare name is a file of the working directory.
func executable(path string) (string, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrOptions, err)
	case st.IsDir() || st.Mode()&0o111 == 0:
		return "", fmt.Errorf("%w: %s is no program: build the plugin and give the file, as in ./bin/patchbay-plugin-acme", ErrOptions, path)
	}
	return filepath.Abs(path)
}

func kindWord(k wire.TypeInfo_Kind) string {
	switch k {
	case wire.TypeInfo_KIND_SOURCE:
		return "source"
	case wire.TypeInfo_KIND_SINK:
		return "sink"
	}
	return ""
}

func typeName(t *wire.TypeInfo) string { return kindWord(t.Kind) + " " + t.Name }

func typeNames(d *wire.DescribeResponse) string {
	var out []string
	for _, t := range d.Types {
		out = append(out, typeName(t))
	}
	return strings.Join(out, ", ")
}

// trial tries out one type.
type trial struct {
	o    Options
	path string
	dir  string // for sockets
	info *wire.TypeInfo
	log  lockedBuffer
}

// folder is where the type's data lies.
func (t *trial) folder() string {
	own := filepath.Join(t.o.Testdata, t.info.Name)
	if st, err := os.Stat(own); err == nil && st.IsDir() {
		return own
	}
	return t.o.Testdata
}

// start starts the plugin as core does.
func (t *trial) start(ctx context.Context) (*pluginhost.Instance, error) {
	return pluginhost.Start(ctx, pluginhost.Spec{
		Address: t.info.Name + ".conformance", Path: t.path, SocketDir: t.dir, StartTimeout: startTimeout, StopGrace: t.o.Patience,
		Log: zerolog.New(&t.log),
	})
}

func (t *trial) run(ctx context.Context, r suite.Reporter) error {
	if t.info.Kind == wire.TypeInfo_KIND_SINK {
		return t.sink(ctx, r)
	}
	inst, err := t.start(ctx)
	if err != nil {
		r.Run("start", func(r suite.Reporter) { r.Errorf("%v", err) })
		return nil
	}
	defer inst.Stop()
	(&suite.Source{Client: inst.Client(), Type: t.info.Name, Dir: t.folder(), Update: t.o.Update, Log: t.log.copy}).Run(ctx, r)
	return nil
}

func (t *trial) sink(ctx context.Context, r suite.Reporter) error {
	tmp, err := os.MkdirTemp("", "pbtest")
	if err != nil {
		return fmt.Errorf("plugintest: %w", err)
	}
	defer os.RemoveAll(tmp)
	var h suite.Harness
	if h.Config, err = t.config(t.o.Config, "config.json", tmp); err != nil {
		return err
	}
	if h.Unreachable, err = t.config(t.o.Unreachable, "unreachable.json", tmp); err != nil {
		return err
	}
	if h.Config == nil {
		h.Config = []byte("{}")
	}
	read := t.o.Read
	if own, err := filepath.Abs(filepath.Join(t.folder(), "read")); read == "" && err == nil {
		if st, err := os.Stat(own); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			read = quoted(own)
		}
	}
	checks := &suite.Sink{Type: t.info.Name, Harness: h}
	if read != "" {
		checks.Harness.Read = func(ctx context.Context) ([]sdk.ID, error) {
			ids, unordered, err := readBack(ctx, read, tmp)
			checks.Harness.Unordered = unordered
			return ids, err
		}
	}
	checks.Log = t.log.copy
	checks.Start = func(ctx context.Context) (*suite.Plugin, error) {
		inst, err := t.start(ctx)
		if err != nil {
			return nil, err
		}
		return &suite.Plugin{Client: inst.Client(), Kill: inst.Kill, Close: func() error { inst.Stop(); return nil }}, nil
	}
	checks.Run(ctx, r)
	return nil
}

// config reads a sink's arguments. It returns nothing if no file was named and
// there is none in the folder.
func (t *trial) config(file, name, tmp string) ([]byte, error) {
	given := file != ""
	if !given {
		file = filepath.Join(t.folder(), name)
	}
	data, err := os.ReadFile(file)
	if !given && errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	data = bytes.ReplaceAll(data, []byte("${tmp}"), []byte(tmp))
	if !json.Valid(data) {
		return nil, fmt.Errorf("%w: %s is not JSON: write the block's arguments as one object", ErrOptions, file)
	}
	return data, nil
}

// quoted is a path as one word of a shell.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// readTimeout bounds one reading of the destination.
const readTimeout = time.Minute

// readBack asks the command what the destination holds.
func readBack(ctx context.Context, command, tmp string) (ids []sdk.ID, unordered bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), "PATCHBAY_TMP="+tmp)
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, false, fmt.Errorf("the command that reads the destination: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	words := strings.Fields(string(out))
	if unordered = len(words) > 0 && words[0] == "unordered"; unordered {
		words = words[1:]
	}
	for _, word := range words {
		id, err := sdk.ParseID(word)
		if err != nil {
			return nil, false, fmt.Errorf("the command that reads the destination printed %q, which is no event_id: %w", word, err)
		}
		ids = append(ids, id)
	}
	return ids, unordered, nil
}

// lockedBuffer is what a plugin logged.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) copy() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.buf.Bytes())
}
