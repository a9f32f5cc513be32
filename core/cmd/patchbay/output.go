package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/trigger"
)

// The exit codes.
const (
	exitOK          = 0
	exitInternal    = 1
	exitInvalid     = 2
	exitUnreachable = 3
	exitDifferences = 4
)

// problem is an error with an exit code and a word for programs.
type problem struct {
	exit int
	code string
	err  error
	// data and diags go into the envelope; shown says that people have seen
	// them already, so that the error needs no text of its own.
	data  any
	diags diag.List
	shown bool
}

func (p *problem) Error() string { return p.err.Error() }

func (p *problem) Unwrap() error { return p.err }

// usage is a command that makes no sense as it was written.
func usage(format string, args ...any) error {
	return &problem{exit: exitInvalid, code: "usage", err: fmt.Errorf(format, args...)}
}

func unreachable(format string, args ...any) error {
	return &problem{exit: exitUnreachable, code: "unreachable", err: fmt.Errorf(format, args...)}
}

// classify finds the exit code of an error that came from below.
func classify(err error) *problem {
	var p *problem
	var refused *admin.Error
	var opErr *net.OpError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		return &problem{exit: refusedExit(refused), code: refused.Code, err: err}
	case errors.Is(err, inspect.ErrNotFound):
		return &problem{exit: exitInvalid, code: "not_found", err: err}
	case errors.Is(err, inspect.ErrSettled):
		return &problem{exit: exitInvalid, code: "conflict", err: err}
	case errors.Is(err, trigger.ErrSpec):
		return &problem{exit: exitInvalid, code: "invalid", err: err}
	case errors.Is(err, journal.ErrLocked):
		return &problem{exit: exitUnreachable, code: "locked", err: fmt.Errorf("%w: another patchbay works on it; a second one needs a data_dir of its own", err)}
	case errors.Is(err, journal.ErrNoStore), errors.Is(err, admin.ErrNoCore), errors.Is(err, journal.ErrNewer),
		errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EADDRINUSE), errors.As(err, &opErr):
		return &problem{exit: exitUnreachable, code: "unreachable", err: err}
	case journal.IsCorrupt(err):
		return &problem{exit: exitInternal, code: "corrupt", err: fmt.Errorf("%w; patchbay journal verify says more", err)}
	case isUsage(err):
		return &problem{exit: exitInvalid, code: "usage", err: err}
	}
	return &problem{exit: exitInternal, code: "internal", err: err}
}

func refusedExit(e *admin.Error) int {
	switch e.Code {
	case "internal":
		return exitInternal
	case "unauthorized", "foreign_host", "timeout", "retry_failed", "not_applied", "under_way", "busy":
		return exitUnreachable
	}
	return exitInvalid
}

// isUsage recognises cobra's own complaints, which have no type.
func isUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command")
}

// envelope is what -json prints.
type envelope struct {
	OK          bool            `json:"ok"`
	Command     string          `json:"command"`
	Data        any             `json:"data,omitempty"`
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"`
	Error       *jsonError      `json:"error,omitempty"`
}

type jsonError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// answer prints what a command found: data for programs, text for people.
func (a *app) answer(data any, diags diag.List, text func() error) error {
	if !a.json {
		return text()
	}
	return a.envelope(envelope{OK: true, Command: a.command, Data: data, Diagnostics: a.jsonDiagnostics(diags)})
}

func (a *app) envelope(e envelope) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// jsonDiagnostics renders a list the way diag does, without its frame.
func (a *app) jsonDiagnostics(l diag.List) json.RawMessage {
	if len(l) == 0 {
		return nil
	}
	var b bytes.Buffer
	var frame struct{ Diagnostics json.RawMessage }
	if err := l.WriteJSON(&b, a.files); err != nil || json.Unmarshal(b.Bytes(), &frame) != nil {
		return nil // a buffer does not fail, and diag writes JSON
	}
	return frame.Diagnostics
}

// fail prints an error and returns the exit code.
func (a *app) fail(err error) int {
	p := classify(err)
	if a.json {
		_ = a.envelope(envelope{
			Command: a.command, Data: p.data, Diagnostics: a.jsonDiagnostics(p.diags),
			Error: &jsonError{Code: p.code, Message: p.Error()},
		})
		return p.exit
	}
	if len(p.diags) > 0 && !p.shown {
		_ = p.diags.WriteText(a.stderr, a.files)
	}
	if !p.shown {
		fmt.Fprintf(a.stderr, "patchbay: %v\n", p)
	}
	return p.exit
}

// note tells a person something beside the answer.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// isTerminal reports whether w is one.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
