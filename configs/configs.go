// Package configs holds what people may read and correct without Go: the mapping
// tables from providers' words to ours, and the dictionary of the event types.
// They are part of the program; a pipeline's normalize stage may name a file of
// its own instead.
package configs

import "embed"

// FS holds mapping/TYPE.csv, dictionary.csv and templates/NAME.
//
//go:embed mapping dictionary.csv all:templates
var FS embed.FS
