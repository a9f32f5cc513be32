package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

const (
	execTimeout   = 10 * time.Second
	execGrace     = time.Second // for the pipes of what the command has started
	maxExecErrors = 200         // bytes of its messages that are repeated
)

// errNotRun says that a command wasn't asked: who only checks a configuration
// runs nothing.
var errNotRun = errors.New("the command is only run when the configuration is")

// execSecret runs a command and takes what it prints, without the line break at
// the end. There is no shell: the words of the command are its arguments.
func (l *loader) execSecret(line string) (string, error) {
	words, err := splitWords(line)
	if err != nil {
		return "", err
	}
	if !l.opts.RequireSecrets {
		return "", errNotRun
	}
	path, err := l.findCommand(words[0])
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, words[1:]...)
	cmd.Dir = filepath.Join(l.cfg.Dir, l.dir())
	cmd.WaitDelay = execGrace
	cmd.Env = []string{} // nil would mean all of patchbay's own, with its secrets
	for _, name := range []string{"PATH", "HOME"} {
		if v, ok := l.opts.Env(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	out, messages := &capped{limit: maxSecretBytes}, &capped{limit: 4 * maxExecErrors}
	cmd.Stdout, cmd.Stderr = out, messages
	err = cmd.Run()
	text := strings.TrimSuffix(strings.TrimSuffix(out.buf.String(), "\n"), "\r")
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("the command took longer than %s", l.execTimeout)
	case err != nil:
		return "", l.execFailed(err, messages, text)
	case out.cut:
		return "", fmt.Errorf("the command printed more than %d bytes", maxSecretBytes)
	case text == "":
		return "", errors.New("the command printed nothing")
	}
	return text, nil
}

// execFailed says why a command failed, with the start of its messages. They
// are untrusted text, and may repeat secrets (I14).
func (l *loader) execFailed(err error, messages *capped, printed string) error {
	what := "the command can't be run"
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		what = "the command failed: " + exit.ProcessState.String()
	}
	said := messages.buf.String()
	for _, s := range append(strings.Fields(printed), l.secrets...) {
		if len(s) >= 4 {
			said = strings.ReplaceAll(said, s, "********")
		}
	}
	said = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, said)
	if said = strings.TrimSpace(shorten(said, maxExecErrors)); said != "" {
		what += "; it says: " + strings.TrimSuffix(said, ".")
	}
	return errors.New(what)
}

// findCommand looks a command up in PATH, unless it is an absolute path.
func (l *loader) findCommand(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	if strings.ContainsRune(name, filepath.Separator) {
		return "", errors.New("a command is an absolute path, or a name that is looked up in PATH")
	}
	path, _ := l.opts.Env("PATH")
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // where patchbay was started must not matter
		}
		full := filepath.Join(dir, name)
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return full, nil
		}
	}
	return "", fmt.Errorf("there is no command %s in PATH", quote(name))
}

// splitWords splits a line into words as a shell would: at spaces, with single
// and double quotes around what belongs together, and a backslash before what
// is meant as it is.
func splitWords(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	inWord, escaped := false, false
	quoted := rune(0)
	for _, r := range line {
		switch {
		case escaped:
			if quoted == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quoted != '\'':
			inWord, escaped = true, true
		case r == quoted && quoted != 0:
			quoted = 0
		case quoted == 0 && (r == '"' || r == '\''):
			inWord, quoted = true, r
		case quoted == 0 && unicode.IsSpace(r):
			if inWord {
				out = append(out, word.String())
			}
			inWord = false
			word.Reset()
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if quoted != 0 || escaped {
		return nil, errors.New("a quote in the command is not closed")
	}
	if inWord {
		out = append(out, word.String())
	}
	if len(out) == 0 || out[0] == "" {
		return nil, errors.New("there is no command")
	}
	return out, nil
}

// capped keeps the first bytes of what is written to it. It takes all: a
// command must not fail because it says too much.
type capped struct {
	buf   bytes.Buffer
	limit int
	cut   bool
}

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.buf.Len(); len(p) > room {
		c.buf.Write(p[:max(room, 0)])
		c.cut = true
	} else {
		c.buf.Write(p)
	}
	return len(p), nil
}
