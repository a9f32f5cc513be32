package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// appender is the program name under which a copy of this program is a plugin:
// a sink that appends a line for each event and cannot tell a repeat. SQLite,
// beside it, hides repeats; what a sink of this class gets twice must be in the
// ledger (I4).
const appender = "patchbay-plugin-append"

// isAppender reports whether this process was started as the plugin.
func isAppender() bool { return filepath.Base(os.Args[0]) == appender }

// installAppender puts the plugin into dir.
func installAppender(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	in, err := os.Open(self)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(filepath.Join(dir, appender), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

type appendConfig struct {
	Path string `pb:"path,required" doc:"The file to append to."`
}

type appendSink struct{ file *os.File }

// Info implements sdk.Sink.
func (*appendSink) Info() sdk.Info {
	return sdk.Info{
		Name: "append", Version: sdk.Version, Summary: "A line for each event.",
		Sink: sdk.SinkTraits{Idempotency: sdk.NotIdempotent, MaxEvents: 64},
	}
}

// Open implements sdk.Sink.
func (s *appendSink) Open(_ context.Context, c *appendConfig) (err error) {
	s.file, err = os.OpenFile(c.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

// lineEnd ends a line that is whole. A batch begins on a line of its own, since
// the one before may have been cut off by a kill.
const lineEnd = "\t."

// Write implements sdk.Sink.
func (s *appendSink) Write(_ context.Context, in []sdk.Event, _ *sdk.Results) error {
	var b bytes.Buffer
	b.WriteByte('\n')
	for i := range in {
		fmt.Fprintf(&b, "%s\t%s%s\n", in[i].MessageID, in[i].ProviderStatus, lineEnd)
	}
	_, err := s.file.Write(b.Bytes())
	return err
}

// Close implements sdk.Sink.
func (s *appendSink) Close(context.Context) error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// readAppended counts the lines of each event.
func readAppended(path string) (map[fact]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[fact]int{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line, whole := strings.CutSuffix(sc.Text(), lineEnd)
		message, word, _ := strings.Cut(line, "\t")
		if whole {
			out[fact{message, word}]++
		}
	}
	return out, sc.Err()
}
