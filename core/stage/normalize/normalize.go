// Package normalize gives events their canonical type: the stage `normalize`.
//
// The provider's word, code and reason are looked up in a mapping table, a CSV
// file that people can read and correct; the tables of the bundled sources are in
// configs/mapping. The most specific row wins: word and code, then word and
// reason, then the word alone. A word that no row knows makes the event
// "unmapped": kept, delivered and counted, never dropped and never guessed.
package normalize

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/sdk"
)

// Table is one provider's mapping.
type Table struct {
	rows map[string][]row // by word
}

type row struct {
	code, reason string
	typ          sdk.EventType
	attrs        sdk.Attributes
}

// Parse reads a table. Columns: word, code, reason, event_type, and any number
// of attributes that a match sets. Lines that start with # are comments.
func Parse(r io.Reader) (*Table, error) {
	cr := csv.NewReader(r)
	cr.Comment = '#'
	head, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("normalize: read header: %w", err)
	}
	if len(head) < 4 || head[0] != "word" || head[1] != "code" || head[2] != "reason" || head[3] != "event_type" {
		return nil, errors.New("normalize: the columns are word, code, reason, event_type, then attributes")
	}
	t := &Table{rows: map[string][]row{}}
	for {
		rec, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("normalize: %w", err)
		}
		line, _ := cr.FieldPos(0)
		if err := t.add(head, rec); err != nil {
			return nil, fmt.Errorf("normalize: line %d: %w", line, err)
		}
	}
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func (t *Table) add(head, rec []string) error {
	word := fold(rec[0])
	if word == "" {
		return errors.New("no word")
	}
	typ, err := sdk.ParseEventType(strings.TrimSpace(rec[3]))
	if err != nil {
		return err
	}
	r := row{code: fold(rec[1]), reason: fold(rec[2]), typ: typ}
	for i := 4; i < len(rec); i++ {
		if v := strings.TrimSpace(rec[i]); v != "" {
			r.attrs.Set(strings.TrimSpace(head[i]), v)
		}
	}
	for _, old := range t.rows[word] {
		if old.code == r.code && old.reason == r.reason {
			return fmt.Errorf("a second row for word %q, code %q, reason %q", word, r.code, r.reason)
		}
	}
	t.rows[word] = append(t.rows[word], r)
	return nil
}

// find returns the most specific row, nil if none matches.
func (t *Table) find(word, code, reason string) *row {
	var best *row
	bestScore := -1
	rows := t.rows[fold(word)]
	code, reason = fold(code), fold(reason)
	for i := range rows {
		r := &rows[i]
		if (r.code != "" && r.code != code) || (r.reason != "" && r.reason != reason) {
			continue
		}
		score := 0
		if r.reason != "" {
			score++
		}
		if r.code != "" {
			score += 2
		}
		if score > bestScore {
			best, bestScore = r, score
		}
	}
	return best
}

// Stage is the normalize stage of one pipeline.
type Stage struct {
	tables map[string]*Table // by provider
}

// New returns the stage; tables are by provider.
func New(tables map[string]*Table) *Stage { return &Stage{tables} }

// Apply implements stage.Stage.
func (s *Stage) Apply(_ context.Context, b *stage.Batch) error {
	for i := range b.Items {
		if it := &b.Items[i]; it.Outcome == 0 {
			s.event(it.Event)
		}
	}
	return nil
}

func (s *Stage) event(e *sdk.Event) {
	if e.Type == sdk.Unspecified || e.Type == sdk.Unmapped {
		e.Type = sdk.Unmapped
		if t := s.tables[e.Provider]; t != nil {
			if r := t.find(e.ProviderStatus, e.StatusCode, e.ErrorReason); r != nil {
				e.Type = r.typ
				for _, a := range r.attrs {
					if _, set := e.Attributes.Get(a.Name); !set {
						e.Attributes.Set(a.Name, a.Value)
					}
				}
			}
		}
	}
	e.DeliveryStatus = e.Type.Asserts()
}
