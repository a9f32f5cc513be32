package config

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Path is a way into a JSON document.
type Path []PathStep

// PathStep is one step of a Path: a member by name, an element by index, or
// every element.
type PathStep struct {
	Name  string // empty for the other two
	Index int
	Any   bool
}

// maxPathSteps is far more than any provider nests.
const maxPathSteps = 64

// parsePath reads NAME.NAME[0].NAME[*]["a.name"]. False means that it's no path.
func parsePath(s string) (Path, bool) {
	var out Path
	for first := true; s != ""; first = false {
		if len(out) == maxPathSteps {
			return nil, false
		}
		if s[0] == '[' {
			step, rest, ok := bracketStep(s)
			if !ok {
				return nil, false
			}
			out, s = append(out, step), rest
			continue
		}
		if !first {
			if s[0] != '.' {
				return nil, false
			}
			s = s[1:]
		}
		end := strings.IndexAny(s, `.[]"`)
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			return nil, false
		}
		out, s = append(out, PathStep{Name: s[:end]}), s[end:]
	}
	return out, len(out) > 0
}

// bracketStep reads the step in brackets that s begins with.
func bracketStep(s string) (step PathStep, rest string, ok bool) {
	if strings.HasPrefix(s, "[*]") {
		return PathStep{Any: true}, s[3:], true
	}
	if strings.HasPrefix(s, `["`) {
		dec := json.NewDecoder(strings.NewReader(s[1:]))
		if err := dec.Decode(&step.Name); err != nil || step.Name == "" {
			return step, "", false
		}
		rest = s[1+dec.InputOffset():]
		return step, strings.TrimPrefix(rest, "]"), strings.HasPrefix(rest, "]")
	}
	digits, rest, ok := strings.Cut(s[1:], "]")
	n, err := strconv.ParseUint(digits, 10, 20)
	return PathStep{Index: int(n)}, rest, ok && err == nil
}
