package diag

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
)

type jsonList struct {
	Errors      int              `json:"errors"`
	Warnings    int              `json:"warnings"`
	Diagnostics []jsonDiagnostic `json:"diagnostics"`
}

type jsonDiagnostic struct {
	Severity   string     `json:"severity"`
	Code       Code       `json:"code"`
	Summary    string     `json:"summary"`
	Detail     string     `json:"detail,omitempty"`
	Suggestion string     `json:"suggestion,omitempty"`
	Context    string     `json:"context,omitempty"`
	Range      *jsonRange `json:"range,omitempty"`
	Snippet    string     `json:"snippet,omitempty"`
}

type jsonRange struct {
	File  string  `json:"file"`
	Start jsonPos `json:"start"`
	End   jsonPos `json:"end"`
}

// jsonPos counts lines and columns from 1 and bytes from 0.
type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// WriteJSON renders the list for a program: one object and a newline. sources
// are as for WriteText.
func (l List) WriteJSON(w io.Writer, sources map[string][]byte) error {
	out := jsonList{Diagnostics: []jsonDiagnostic{}}
	out.Errors, out.Warnings = l.Count()
	for _, d := range l {
		j := jsonDiagnostic{
			Severity: d.Severity.String(), Code: d.Code, Summary: clean(d.Summary), Detail: clean(d.Detail),
			Suggestion: clean(d.Suggestion), Context: clean(d.Context),
		}
		if r := d.Subject; r != nil {
			j.Range = &jsonRange{File: r.Filename, Start: position(r.Start), End: position(r.End)}
			j.Snippet, _, _ = snippet(r, sources[r.Filename])
		}
		out.Diagnostics = append(out.Diagnostics, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("diag: write: %w", err)
	}
	return nil
}

func position(p hcl.Pos) jsonPos { return jsonPos{Line: p.Line, Column: p.Column, Byte: p.Byte} }
