// Package reference is the one description of the configuration language that
// people look things up in: blocks and their arguments, stages, the fields of
// events, functions. The command line shows it at the terminal, and
// docs/reference.md is written from it.
//
// What a plugin's type takes is not here: its schema says that, and Type shows
// it in the same form. A test asks the loader what it takes and holds the tables
// to the answer, so that neither can change alone.
package reference

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/core/config"
	"github.com/patchbay-io/patchbay/core/expr"
)

// Argument is one argument of a block.
type Argument struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required,omitempty"`
	Default  string `json:"default,omitempty"` // as written; empty if there is none
	Doc      string `json:"doc"`
}

// Block is a block of the language, or one that a plugin describes.
type Block struct {
	Name   string     `json:"name"`
	Header string     `json:"header"` // as written: source "TYPE" "NAME"
	Doc    string     `json:"doc"`
	Args   []Argument `json:"arguments"`
	Blocks []Block    `json:"blocks,omitempty"`
	// More says what else may stand in the block.
	More string `json:"more,omitempty"`
	// Free says that arguments of any name may stand in it.
	Free bool `json:"free,omitempty"`
}

// Field is a field of events.
type Field struct {
	Name string `json:"name"` // below event
	Type string `json:"type"`
	Doc  string `json:"doc"`
}

// Word is one of a fixed set.
type Word struct {
	Word string `json:"word"`
	Doc  string `json:"doc"`
}

// EventTypes lists the event types with what each promises, from the dictionary.
func EventTypes() ([]Word, error) {
	f, err := fs.ReadFile(configs.FS, "dictionary.csv")
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	r := csv.NewReader(strings.NewReader(string(f)))
	r.Comment, r.FieldsPerRecord = '#', -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reference: dictionary: %w", err)
	}
	var out []Word
	for _, row := range rows[1:] {
		out = append(out, Word{row[0], row[1]})
	}
	return out, nil
}

// Function is a function of arguments that are evaluated once, at load.
type Function struct {
	Name      string `json:"name"`
	Group     string `json:"group"`
	Signature string `json:"signature"`
	Doc       string `json:"doc"`
	Example   string `json:"example"`
	Result    string `json:"result"`
}

// LoadFunctions lists the functions of arguments that are evaluated once, at
// load, by group and name.
func LoadFunctions() []Function {
	var out []Function
	for _, f := range config.Functions() {
		out = append(out, Function{f.Name, f.Group, f.Signature, f.Doc, f.Example, f.Result})
	}
	return out
}

// Functions lists the functions of event expressions.
func Functions() []Word {
	var out []Word
	for _, f := range expr.Functions() {
		out = append(out, Word{f.Name, f.Usage})
	}
	return out
}

// The topics beside blocks and stages.
const (
	TopicEvent     = "event"
	TopicFunctions = "functions"
)

// Topics lists what there is to look up, types of plugins aside.
func Topics() []string {
	var out []string
	for _, b := range slices.Concat(Blocks(), Stages()) {
		out = append(out, b.Name)
	}
	return append(out, TopicEvent, TopicFunctions)
}

// Find returns the block or stage of a name.
func Find(name string) (Block, bool) {
	for _, b := range slices.Concat(Blocks(), Stages()) {
		if b.Name == name {
			return b, true
		}
	}
	return Block{}, false
}
