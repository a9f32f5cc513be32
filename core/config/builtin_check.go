package config

import (
	"errors"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
)

// What keeps functions from making much of little is checked before they run:
// afterwards it would be too late (I12).

func wrongArgument(summary, detail string) *refusal {
	return &refusal{diag.WrongArguments, summary, detail}
}

// maxWidth bounds the widths and precisions in a format.
const maxWidth = 999

// checkFormat bounds the text that format makes: each verb can repeat the
// largest argument, and pad it.
func checkFormat(args []cty.Value) *refusal {
	pattern := args[0].AsString()
	digits := 0
	for i := range len(pattern) {
		if c := pattern[i]; c < '0' || c > '9' {
			digits = 0
		} else if digits++; digits > 3 {
			return wrongArgument("a width in the format is too large", "Widths and precisions go up to "+itoa(maxWidth)+".")
		}
	}
	var s size
	for _, a := range args[1:] {
		if no := s.measure(a); no != nil {
			return no
		}
	}
	if strings.Count(pattern, "%")*(s.work()+2*maxWidth) > 4*maxTextBytes {
		return tooLarge()
	}
	return nil
}

func checkJoin(args []cty.Value) *refusal {
	n := 0
	for _, a := range args[1:] {
		n += a.LengthInt()
	}
	if n*len(args[0].AsString()) > maxTextBytes {
		return tooLarge()
	}
	return nil
}

func checkReplace(args []cty.Value) *refusal {
	text, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	if strings.Count(text, old)*len(with)+len(text) > maxTextBytes {
		return tooLarge()
	}
	return nil
}

func checkSplit(args []cty.Value) *refusal {
	if strings.Count(args[1].AsString(), args[0].AsString()) > maxElements {
		return tooLarge()
	}
	return nil
}

func checkConcat(args []cty.Value) *refusal {
	if len(args) > maxMixed {
		return wrongArgument("too many lists", "Give flatten one list of lists.")
	}
	return nil
}

// The limits of regular expressions. RE2 takes time in proportion to pattern and
// text, and repetitions multiply the pattern.
const (
	maxPattern      = 1000 // bytes
	maxInstructions = 5000
	maxMatched      = 64 << 10 // bytes
)

func checkRegex(args []cty.Value) *refusal {
	pattern, text := args[0].AsString(), args[1].AsString()
	if len(pattern) > maxPattern || len(text) > maxMatched {
		return wrongArgument("too much for a regular expression", "A pattern has up to 1000 bytes, and a text up to 64 KiB.")
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	var wrong *syntax.Error
	if errors.As(err, &wrong) {
		return &refusal{diag.InvalidPattern, "not a regular expression", upperFirst(wrong.Code.String()) + ": " + shorten(wrong.Expr, 80) + "."}
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		return wrongArgument("the regular expression is too large", "Repetitions multiply what they repeat.")
	}
	return nil
}

// checkJSON bounds the nesting of JSON: its decoder recurses.
func checkJSON(args []cty.Value) *refusal {
	depth, quoted := 0, false
	text := args[0].AsString()
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxNesting {
				return wrongArgument("the JSON is nested too deeply", "It may be nested "+itoa(maxNesting)+" deep.")
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	if strings.Count(text, ",") > maxElements {
		return tooLarge()
	}
	return nil
}

func checkCSV(args []cty.Value) *refusal {
	text := args[0].AsString()
	if strings.Count(text, ",")+strings.Count(text, "\n") > maxElements {
		return tooLarge()
	}
	return nil
}

func checkEncodable(args []cty.Value) *refusal {
	if hasReference(args[0]) {
		return &refusal{diag.WrongType, "a reference where a value is expected", "JSON can't hold references."}
	}
	return nil
}

func checkShort(args []cty.Value) *refusal {
	if utf8.RuneCountInString(args[0].AsString()) > maxPattern {
		return wrongArgument("the pattern is too long", "It has up to 1000 characters.")
	}
	return nil
}
