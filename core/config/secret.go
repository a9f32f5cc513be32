package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

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
func (l *loader) resolve(s string) (string, bool) {
	found := false
	out := placeholderPattern.ReplaceAllStringFunc(s, func(p string) string {
		i, err := strconv.Atoi(placeholderPattern.FindStringSubmatch(p)[1])
		if err != nil || i >= len(l.secrets) {
			return p
		}
		found = true
		return l.secrets[i]
	})
	return out, found
}

// hide registers a secret and returns the value that stands for it.
func (l *loader) hide(secret string) cty.Value {
	l.secrets = append(l.secrets, secret)
	return cty.StringVal(placeholder(len(l.secrets) - 1)).Mark(secretMark{})
}

// secretFunction is secret() as expressions call it; fetchSecret has been there
// before.
func (l *loader) secretFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "reference", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			i, ok := l.secretIndex[args[0].AsString()]
			if !ok {
				return cty.UnknownVal(cty.String), errors.New("the reference of a secret can't depend on another value")
			}
			return cty.StringVal(placeholder(i)).Mark(secretMark{}), nil
		},
	})
}

// fetchSecret reads the secret that a call of secret() refers to. False means
// that the call is wrong; a secret that isn't there is reported, and stands for
// the empty string.
func (l *loader) fetchSecret(call *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext, context string) bool {
	const usage = `Write secret("env:NAME") or secret("file:PATH").`
	rng := call.Range()
	if len(call.Args) != 1 || call.ExpandFinal {
		l.report(diag.SecretMisused, rng, context, "secret() takes one reference", usage)
		return false
	}
	v, diags := call.Args[0].Value(ctx)
	if diags.HasErrors() || v.ContainsMarked() || !v.IsWhollyKnown() || v.IsNull() || v.Type() != cty.String {
		l.report(diag.SecretMisused, rng, context, "the reference of a secret must be plain text", usage)
		return false
	}
	ref := v.AsString()
	kind, name, _ := strings.Cut(ref, ":")
	if kind != "env" && kind != "file" || name == "" {
		l.report(diag.SecretMisused, rng, context, "not a reference to a secret", usage)
		return false
	}
	var text string
	var err error
	if kind == "env" {
		text, err = l.envSecret(name)
	} else {
		text, err = l.fileSecret(name, rng, context)
	}
	if err == nil && !utf8.ValidString(text) {
		l.report(diag.SecretMisused, rng, context, "the secret is not text", "Plugins take their arguments as UTF-8 text. Encode a binary key as base64 or hex.")
		return false
	}
	if err != nil {
		l.secretsGone = true
		sev := diag.Warning
		if l.opts.RequireSecrets {
			sev = diag.Error
		}
		l.suggest(sev, diag.MissingSecret, rng, context, "missing secret "+quote(ref), upperFirst(err.Error())+".", "")
	}
	if _, ok := l.secretIndex[ref]; !ok {
		l.hide(text)
		l.secretIndex[ref] = len(l.secrets) - 1
	}
	return true
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
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.cfg.Dir, name)
	}
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
