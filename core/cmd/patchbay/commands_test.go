package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// everyCommand calls f with each command that people can call.
func everyCommand(t *testing.T, f func(t *testing.T, cmd *cobra.Command)) {
	t.Helper()
	a := &app{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), env: func(string) (string, bool) { return "", false }, now: time.Now}
	root := a.root()
	root.InitDefaultHelpCmd()
	n := 0
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Hidden {
				continue
			}
			n++
			t.Run(strings.ReplaceAll(commandName(sub), " ", "-"), func(t *testing.T) { f(t, sub) })
			walk(sub)
		}
	}
	walk(root)
	if n < 25 {
		t.Errorf("got %d commands", n)
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || strings.Contains(cmd.Short, "\n") {
			t.Errorf("got the summary %q, want a line without a full stop", cmd.Short)
		}
		if !strings.Contains(cmd.Long, ".") || cmd.Long == cmd.Short {
			t.Errorf("got the text %q, want sentences", cmd.Long)
		}
		for _, line := range strings.Split(cmd.Long, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("the line is too wide for a terminal: %q", line)
			}
		}
		if !strings.Contains(cmd.Example, "patchbay "+commandName(cmd)) {
			t.Errorf("got the examples %q, want one of the command", cmd.Example)
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("the example is not indented: %q", line)
			}
			example(t, line)
		}
	})
}

// example checks that the command and the flags of an example exist.
func example(t *testing.T, line string) {
	t.Helper()
	_, text, ok := strings.Cut(line, "patchbay ")
	if !ok {
		return // what comes before or after, in the shell
	}
	a := &app{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), now: time.Now}
	root := a.root()
	root.InitDefaultHelpCmd()
	args := longFlags(root, shellWords(text))
	cmd, rest, err := root.Find(args)
	if err != nil || cmd == root {
		t.Errorf("%q: there is no such command: %v", line, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%q: %v", line, err)
		return
	}
	if cmd.Args != nil && !cmd.HasSubCommands() {
		if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// shellWords splits a command line up to what the shell does with its output.
func shellWords(text string) []string {
	var out []string
	var word strings.Builder
	var quote rune
	begun := false
	end := func() {
		if begun {
			out = append(out, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ':
			end()
		case strings.ContainsRune("|<>;)#", c):
			end()
			return out
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	end()
	return out
}

// TestEveryCommandRefusesAlike calls each command with a flag that none has:
// people read of it on stderr, programs in the envelope, and nothing else.
func TestEveryCommandRefusesAlike(t *testing.T) {
	t.Parallel()
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		call := func(args ...string) (code int, stdout, stderr string) {
			var out, problems bytes.Buffer
			a := &app{stdout: &out, stderr: &problems, env: func(string) (string, bool) { return "", false }, now: time.Now}
			code = a.run(t.Context(), append(strings.Fields(commandName(cmd)), args...))
			return code, out.String(), problems.String()
		}
		code, stdout, stderr := call("--no-such-flag")
		if code != exitInvalid || stdout != "" || !strings.Contains(stderr, "no-such-flag") {
			t.Errorf("got exit code %d, %q on stdout, %q on stderr", code, stdout, stderr)
		}
		code, stdout, stderr = call("-json", "--no-such-flag")
		var e struct {
			OK      bool
			Command string
			Error   struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(stdout), &e); err != nil || code != exitInvalid || stderr != "" {
			t.Fatalf("got exit code %d, %q on stdout (%v), %q on stderr", code, stdout, err, stderr)
		}
		if e.OK || e.Command != commandName(cmd) || e.Error.Code != "usage" || e.Error.Message == "" {
			t.Errorf("got the envelope %s", stdout)
		}
	})
}
