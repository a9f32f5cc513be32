package config

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/patchbay-io/patchbay/core/diag"
)

// readText reads a text file of the scope's folder.
func (l *loader) readText(name string) (string, error) {
	missing := func(detail string) (string, error) {
		return "", &refusal{diag.MissingFile, "can't use the file " + quote(name), detail}
	}
	inside, ok := l.inside(name)
	if !ok {
		return missing("Files lie within the configuration's directory; write the path relative to it.")
	}
	data, err := l.readConfined(inside, maxTextBytes)
	switch {
	case errors.Is(err, errTooLarge):
		return missing("It may have 4 MiB.")
	case err != nil:
		return missing(cause(err))
	case !utf8.Valid(data):
		return missing("It is not UTF-8 text.")
	}
	if no := l.charge(len(data)); no != nil {
		return "", no
	}
	return string(data), nil
}

func (l *loader) fileFunction() function.Function {
	return textFunction(cty.String, func(a []string) (cty.Value, error) {
		text, err := l.readText(a[0])
		return cty.StringVal(text), err
	}, "path")
}

func (l *loader) csvFunction() function.Function {
	decode := func(name string) (cty.Value, error) {
		text, err := l.readText(name)
		if err != nil {
			return cty.NilVal, err
		}
		v := cty.StringVal(strings.TrimPrefix(text, "\ufeff")) // spreadsheets write it
		if no := checkCSV([]cty.Value{v}); no != nil {
			return cty.NilVal, no
		}
		out, err := stdlib.CSVDecode(v)
		if err != nil {
			return cty.NilVal, &refusal{diag.MissingFile, "can't use the file " + quote(name), upperFirst(err.Error()) + "."}
		}
		return out, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type: func(args []cty.Value) (cty.Type, error) {
			out, err := decode(args[0].AsString())
			if err != nil {
				return cty.NilType, err
			}
			return out.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return decode(args[0].AsString()) },
	})
}
