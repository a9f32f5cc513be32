package pluginhost

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

const (
	maxLogLine    = 8 << 10
	logLinesBurst = 500 // then logLinesRate a second
	logLinesRate  = 50
	tailLines     = 5
)

// stderrLog passes a plugin's standard error on to core's log: line by line, cut
// at maxLogLine, limited in rate, masked, and parsed without trust.
type stderrLog struct {
	r    io.Reader
	log  zerolog.Logger
	mask func(string) string
	now  func() time.Time
	done chan struct{}

	mu   sync.Mutex
	last []string
}

func newStderrLog(r io.Reader, spec *Spec) *stderrLog {
	mask := spec.Mask
	if mask == nil {
		mask = func(s string) string { return s }
	}
	return &stderrLog{
		r: r, mask: mask, now: time.Now, done: make(chan struct{}),
		log: spec.Log.With().Str("plugin", spec.Address).Logger(),
	}
}

func (s *stderrLog) run() {
	defer close(s.done)
	br := bufio.NewReaderSize(s.r, maxLogLine)
	tokens, last, dropped := float64(logLinesBurst), s.now(), 0
	for {
		line, isPrefix, err := br.ReadLine()
		if isPrefix {
			line = bytes.Clone(line) // reading on reuses the buffer
		}
		for cut := isPrefix; cut && err == nil; {
			_, cut, err = br.ReadLine() // the rest of a line that is too long
		}
		if len(line) > 0 {
			now := s.now()
			tokens = min(logLinesBurst, tokens+now.Sub(last).Seconds()*logLinesRate)
			last = now
			if tokens < 1 {
				dropped++
			} else {
				if dropped > 0 {
					s.log.Warn().Int("dropped_lines", dropped).Msg("plugin writes too much to standard error")
					dropped = 0
				}
				tokens--
				s.line(line)
			}
		}
		if err != nil {
			if dropped > 0 {
				s.log.Warn().Int("dropped_lines", dropped).Msg("plugin writes too much to standard error")
			}
			if !errors.Is(err, io.EOF) {
				s.log.Debug().Err(err).Msg("standard error of plugin closed")
			}
			return
		}
	}
}

// line logs one line: zerolog's JSON with its level and message, anything else
// as text.
func (s *stderrLog) line(b []byte) {
	text := s.mask(strings.ToValidUTF8(string(b), string(utf8.RuneError)))
	s.remember(text)
	var fields map[string]any
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &fields) != nil {
		s.log.Info().Str("stderr", text).Msg("plugin output")
		return
	}
	level := zerolog.InfoLevel
	if name, ok := fields[zerolog.LevelFieldName].(string); ok {
		if l, err := zerolog.ParseLevel(name); err == nil && l >= zerolog.TraceLevel && l <= zerolog.ErrorLevel {
			level = l
		}
	}
	msg, _ := fields[zerolog.MessageFieldName].(string)
	for _, own := range []string{zerolog.LevelFieldName, zerolog.MessageFieldName, zerolog.TimestampFieldName, "plugin"} {
		delete(fields, own)
	}
	s.log.WithLevel(level).Fields(fields).Msg(msg)
}

func (s *stderrLog) remember(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = append(s.last, text)
	if len(s.last) > tailLines {
		s.last = s.last[1:]
	}
}

// tail is the end of what the plugin wrote.
func (s *stderrLog) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.last, " | ")
}
