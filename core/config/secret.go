package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// maxSecretBytes is the largest secret file: a private key with its chain.
const maxSecretBytes = 64 << 10

// secretMark marks values that stand for secrets.
type secretMark struct{}

// placeholder stands for a secret while expressions are evaluated: cty
// normalises strings, which would change a secret's bytes. Its letters are of
// both cases so that lower and upper spoil it, which is noticed.
func placeholder(i int) string { return fmt.Sprintf("\x00Secret:%d\x00", i) }

var placeholderPattern = regexp.MustCompile("\x00Secret:([0-9]+)\x00")

// resolve puts the secrets back into an evaluated string. False means that it
// holds none: the placeholder was transformed.
func (r *run) resolve(s string) (string, bool) {
	found := false
	out := placeholderPattern.ReplaceAllStringFunc(s, func(p string) string {
		i, err := strconv.Atoi(placeholderPattern.FindStringSubmatch(p)[1])
		if err != nil || i >= len(r.secrets) {
			return p
		}
		found = true
		return r.secrets[i]
	})
	return out, found
}

// hide registers a secret and returns the value that stands for it.
func (r *run) hide(secret string) cty.Value {
	r.secrets = append(r.secrets, secret)
	return cty.StringVal(placeholder(len(r.secrets) - 1)).Mark(secretMark{})
}

// missingMark marks secrets that aren't there, besides secretMark.
type missingMark struct{}

// fetched is a secret that has been asked for.
type fetched struct {
	value cty.Value
	err   error // why it isn't there
}

// secretKinds lists what can stand before the colon of a reference.
func secretKinds() []string { return []string{"env", "file", "exec"} }

const secretUsage = `Write secret("env:NAME"), secret("file:PATH") or secret("exec:COMMAND").`

// callSecret evaluates a call of secret(). False means that the call is wrong; a
// secret that isn't there is reported, and stands for the empty string.
func (l *loader) callSecret(call *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext, context string) (cty.Value, bool) {
	rng := call.Range()
	wrong := func(summary, detail string) (cty.Value, bool) {
		l.report(diag.SecretMisused, rng, context, summary, detail)
		return cty.NilVal, false
	}
	if len(call.Args) != 1 || call.ExpandFinal {
		return wrong("secret() takes one reference", secretUsage)
	}
	v, diags := call.Args[0].Value(ctx)
	if !diags.HasErrors() && !v.IsWhollyKnown() {
		return cty.NilVal, false // it has been reported why
	}
	if diags.HasErrors() || v.ContainsMarked() || v.IsNull() || v.Type() != cty.String {
		return wrong("the reference of a secret must be plain text", secretUsage)
	}
	ref := v.AsString()
	kind, name, _ := strings.Cut(ref, ":")
	if !slices.Contains(secretKinds(), kind) || name == "" {
		return wrong("not a reference to a secret", secretUsage)
	}
	f := l.fetch(kind, name, rng, context)
	if errors.Is(f.err, errNotText) {
		return wrong("the secret is not text", "Plugins take their arguments as UTF-8 text. Encode a binary key as base64 or hex.")
	}
	if f.err != nil && !errors.Is(f.err, errNotRun) {
		sev := diag.Warning
		if l.opts.RequireSecrets {
			sev = diag.Error
		}
		l.suggest(sev, diag.MissingSecret, rng, context, "missing secret "+quote(ref), upperFirst(f.err.Error())+".", "")
	}
	return f.value, true
}

var errNotText = errors.New("it is not text")

// fetch gets a secret, once for each reference.
func (l *loader) fetch(kind, name string, rng hcl.Range, context string) fetched {
	if kind == "file" && !filepath.IsAbs(name) {
		name = filepath.Join(l.cfg.Dir, l.dir(), name)
	}
	key := kind + ":" + name
	if f, ok := l.fetched[key]; ok {
		return f
	}
	var text string
	var f fetched
	switch kind {
	case "env":
		text, f.err = l.envSecret(name)
	case "file":
		text, f.err = l.fileSecret(name, rng, context)
	default:
		text, f.err = l.execSecret(name)
	}
	if f.err == nil && !utf8.ValidString(text) {
		text, f.err = "", errNotText
	}
	f.value = l.hide(text)
	if f.err != nil {
		f.value = f.value.Mark(missingMark{})
	}
	l.fetched[key] = f
	return f
}

func (l *loader) envSecret(name string) (string, error) {
	v, ok := l.opts.Env(name)
	switch {
	case !ok:
		return "", errors.New("the environment variable is not set")
	case v == "":
		return "", errors.New("the environment variable is empty")
	}
	return v, nil
}

// fileSecret reads a secret's file, without the line break that editors add.
func (l *loader) fileSecret(name string, rng hcl.Range, context string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", errors.New(lowerFirst(strings.TrimSuffix(cause(err), ".")))
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		l.warn(diag.ExposedSecret, rng, context, "the secret's file may be read by others", "Restrict it to patchbay's user: chmod 600.")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", errors.New(lowerFirst(strings.TrimSuffix(cause(err), ".")))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return "", errors.New("it can't be read")
	}
	if len(data) > maxSecretBytes {
		return "", fmt.Errorf("the file is larger than %d bytes", maxSecretBytes)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", errors.New("the file is empty")
	}
	return text, nil
}
