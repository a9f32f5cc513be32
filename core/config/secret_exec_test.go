package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/core/diag"
)

func TestSplitWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		`vault read x`:               {"vault", "read", "x"},
		`  a   b  `:                  {"a", "b"},
		`a 'b c' "d e"`:              {"a", "b c", "d e"},
		`a 'b\c"d'`:                  {"a", `b\c"d`},
		`a "b\"c\\d\n"`:              {"a", `b"c\d\n`},
		`a\ b c`:                     {"a b", "c"},
		`a '' ""`:                    {"a", "", ""},
		`a'b'"c"d`:                   {"abcd"},
		`a $HOME * ; b | c > d && e`: {"a", "$HOME", "*", ";", "b", "|", "c", ">", "d", "&&", "e"},
		`a 'b`:                       nil,
		`a "b`:                       nil,
		`a \`:                        nil,
		``:                           nil,
		`''`:                         nil,
	} {
		got, err := splitWords(line)
		if !slices.Equal(got, want) || (err != nil) != (want == nil) {
			t.Errorf("%s: got %q (%v), want %q", line, got, err, want)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`a 'b c' "d\"e" f\ g`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			if strings.ToValidUTF8(w, "") != w {
				return
			}
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		again, err := splitWords(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q: got %q (%v), want %q", line, again, err, words)
		}
	})
}

// script writes an executable.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestExecSecret(t *testing.T) { // not parallel: it sets a variable that must not get through
	dir := write(t, map[string]string{"a.hcl": around, "runs": ""})
	script(t, dir, "show", `echo "$1-$HOME-${LEAK:-none}-$(basename "$PWD")"`+"\n")
	script(t, dir, "fail", "echo printed-secret; echo 'no access for printed-secret and twilio-secret-value' >&2; exit 3\n")
	script(t, dir, "silent", "exit 0\n")
	script(t, dir, "much", "head -c 70000 /dev/zero | tr '\\0' x\n")
	script(t, dir, "binary", "printf '\\377'\n")
	script(t, dir, "slow", "exec sleep 60\n")
	if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LEAK", "leaked")
	env := func(n string) (string, bool) {
		v, ok := map[string]string{"PATH": "relative:" + dir + ":/usr/bin:/bin", "HOME": "/somewhere", "TWILIO_AUTH_TOKEN": "twilio-secret-value"}[n]
		return v, ok
	}
	base := filepath.Base(dir)
	for src, want := range map[string]string{
		"exec:show a": "a-/somewhere-none-" + base,
		"exec:" + filepath.Join(dir, "show") + " 'b c'": "b c-/somewhere-none-" + base,
		"exec:nowhere":     `There is no command "nowhere" in PATH`,
		"exec:./show a":    "A command is an absolute path",
		"exec:plain":       `There is no command "plain" in PATH`,
		"exec:/etc/passwd": "The command can't be run",
		"exec:silent":      "The command printed nothing",
		"exec:much":        "The command printed more than 65536 bytes",
		"exec:binary":      "UTF-8",
		"exec:slow":        "The command took longer than 200ms",
		"exec:fail":        "The command failed: exit status 3; it says: no access for ******** and ********.",
	} {
		l := scopeOf(t, dir, Options{Env: env, RequireSecrets: true})
		l.diags = nil
		l.hide("twilio-secret-value")
		if strings.Contains(src, "slow") {
			l.execTimeout = 200 * time.Millisecond
		}
		v, ok := evaluated(t, l, `secret("`+src+`")`)
		if !ok || len(l.diags) > 0 {
			if len(l.diags) != 1 || !strings.Contains(l.diags[0].Detail, want) || l.diags[0].Severity != diag.Error {
				t.Errorf("%s: got %v, want %s", src, l.diags, want)
				for _, d := range l.diags {
					t.Log(d.Detail)
				}
			}
			continue
		}
		raw, _ := v.Unmark()
		if got, _ := l.resolve(raw.AsString()); got != want {
			t.Errorf("%s: got %q, want %q", src, got, want)
		}
	}
}

// TestExecOnce proves that a command is run once a load, and not at all where a
// configuration is only checked: there its secret counts as there and unknown.
func TestExecOnce(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.hcl": `
source "any" "in" {
  a = secret("exec:count x")
  b = "Bearer ${secret("exec:count x")}"
}
sink "any" "out" { a = secret("exec:count x") }
pipeline "all" {
  from = [source.any.in]
  to   = [sink.any.out]
}
`})
	script(t, dir, "count", "echo run >> runs; echo the-secret\n")
	env := func(n string) (string, bool) { return dir + ":/usr/bin:/bin", n == "PATH" }
	cfg := load(t, dir, Options{Env: env})
	if !cfg.Sources[0].MissingSecrets || !cfg.Sinks[0].MissingSecrets || exists(filepath.Join(dir, "runs")) {
		t.Errorf("got a command that ran, or a secret that counts as known: %v", cfg.Sources[0].MissingSecrets)
	}
	cfg = load(t, dir, Options{Env: env, RequireSecrets: true})
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil || string(runs) != "run\n" {
		t.Errorf("got %q (%v), want one run", runs, err)
	}
	if got, want := string(cfg.Sources[0].ConfigJSON), `{"a":"the-secret","b":"Bearer the-secret"}`; got != want || cfg.Sources[0].MissingSecrets {
		t.Errorf("got %s, want %s", got, want)
	}
	if !slices.Equal(cfg.Secrets, []string{"the-secret"}) {
		t.Errorf("got %q", cfg.Secrets)
	}
}
