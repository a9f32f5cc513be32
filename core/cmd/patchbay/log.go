package main

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

func parseLevel(s string) (zerolog.Level, error) {
	switch s {
	case "debug", "info", "warn", "error":
		return zerolog.ParseLevel(s)
	}
	return 0, usage("%q is no log level: write debug, info, warn or error", s)
}

// logger writes to stderr: for people on a terminal, as JSON otherwise. What is
// logged passes mask once a configuration has set it (I14).
func (a *app) logger() (log zerolog.Logger, setMask func(func(string) string)) {
	level, err := parseLevel(a.logLevel)
	if err != nil {
		level = zerolog.InfoLevel // refused before any command runs
	}
	m := &masked{w: a.stderr}
	var w io.Writer = m
	if isTerminal(a.stderr) {
		_, plain := a.env("NO_COLOR")
		w = zerolog.ConsoleWriter{Out: m, NoColor: plain, TimeFormat: "15:04:05.000", TimeLocation: time.UTC}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), func(f func(string) string) { m.mask.Store(&f) }
}

// masked blanks secrets out of what is written.
type masked struct {
	w    io.Writer
	mask atomic.Pointer[func(string) string]
}

// Write implements io.Writer.
func (m *masked) Write(p []byte) (int, error) {
	out := p
	if f := m.mask.Load(); f != nil {
		out = []byte((*f)(string(p)))
	}
	if _, err := m.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
