// Package graph draws a configuration: which source's events pass through which
// stages to which sinks, where routes branch off, and what lookups are read.
//
// Build makes the graph; WriteText, WriteDot, WriteMermaid and WriteSVG draw it.
// The same configuration gives the same bytes. Nothing of a plugin's arguments
// is shown, so no secret is.
package graph

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
)

// Graph is a configuration as people see it.
type Graph struct {
	Sources   []Endpoint `json:"sources"`
	Sinks     []Endpoint `json:"sinks"`
	Lookups   []Endpoint `json:"lookups"`
	Pipelines []Pipeline `json:"pipelines"`
}

// Endpoint is a source, a sink or a lookup.
type Endpoint struct {
	Address string `json:"address"` // "twilio.support"
	Detail  string `json:"detail,omitempty"`
}

// Pipeline is the way of its sources' events.
type Pipeline struct {
	Name   string   `json:"name"`
	From   []string `json:"from"` // addresses of sources
	Stages []Stage  `json:"stages"`
	To     []string `json:"to"` // addresses of sinks
}

// Stage is one step of a pipeline.
type Stage struct {
	Kind   string   `json:"kind"`
	Label  string   `json:"label,omitempty"`
	Detail string   `json:"detail,omitempty"` // its condition, window, what it sets
	Lookup string   `json:"lookup,omitempty"` // address of what it reads
	To     []string `json:"to,omitempty"`     // addresses of the sinks of a route
}

// Title is the stage's kind and label.
func (s *Stage) Title() string {
	if s.Label == "" {
		return s.Kind
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Label)
}

// Build makes the graph of a configuration without errors.
func Build(cfg *config.Config) *Graph {
	g := &Graph{Sources: []Endpoint{}, Sinks: []Endpoint{}, Lookups: []Endpoint{}, Pipelines: []Pipeline{}}
	for _, s := range cfg.Sources {
		g.Sources = append(g.Sources, Endpoint{s.Address, s.Path})
	}
	for _, s := range cfg.Sinks {
		g.Sinks = append(g.Sinks, Endpoint{Address: s.Address})
	}
	for _, l := range cfg.Lookups {
		g.Lookups = append(g.Lookups, Endpoint{Address: l.Address})
	}
	for _, p := range cfg.Pipelines {
		out := Pipeline{Name: p.Name, From: []string{}, Stages: []Stage{}, To: sinks(p.To)}
		for _, s := range p.From {
			out.From = append(out.From, s.Address)
		}
		for i := range p.Stages {
			out.Stages = append(out.Stages, stage(cfg, &p.Stages[i]))
		}
		g.Pipelines = append(g.Pipelines, out)
	}
	return g
}

func sinks(all []*config.Sink) []string {
	out := []string{}
	for _, s := range all {
		out = append(out, s.Address)
	}
	return out
}

func stage(cfg *config.Config, s *config.Stage) Stage {
	out := Stage{Kind: s.Kind, Label: s.Label}
	switch {
	case s.Dedup != nil:
		out.Detail = "within " + duration(s.Dedup.Window)
	case s.Normalize != nil && s.Normalize.Mapping != "":
		out.Detail = "by a table of its own"
	case s.Enrich != nil:
		out.Lookup = s.Enrich.Lookup.Address
		var fields []string
		for _, a := range s.Enrich.Set {
			fields = append(fields, a.Field)
		}
		out.Detail = "sets " + strings.Join(fields, ", ")
	case s.Set != nil:
		var fields []string
		for _, a := range s.Set.Set {
			fields = append(fields, a.Field)
		}
		out.Detail = "sets " + strings.Join(fields, ", ")
	case s.Redact != nil:
		out.Detail = redaction(s.Redact)
	case s.Filter != nil:
		r := s.Filter.When.Range()
		out.Detail = excerpt(cfg.Files[r.Filename], r.Start.Byte, r.End.Byte)
	case s.Route != nil:
		r := s.Route.When.Range()
		out.Detail, out.To = excerpt(cfg.Files[r.Filename], r.Start.Byte, r.End.Byte), sinks(s.Route.To)
	}
	return out
}

// redaction says what is taken out of events, and how.
func redaction(r *config.Redact) string {
	var parts []string
	for _, action := range []string{config.Drop, config.Mask, config.Tokenize} {
		var names []string
		for _, rule := range r.Rules {
			if rule.Action == action {
				names = append(names, rule.Name)
			}
		}
		if len(names) > 0 {
			parts = append(parts, action+" "+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// excerpt is an expression as it's written, on one line.
func excerpt(src []byte, from, to int) string {
	if from < 0 || to < from || to > len(src) {
		return ""
	}
	return strings.Join(strings.Fields(string(src[from:to])), " ")
}

// duration writes a duration without its zeros.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Formats lists what a graph can be written as.
func Formats() []string { return []string{"text", "dot", "mermaid", "svg"} }

// cut shortens a text to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// at is an endpoint's place in a list.
func at(all []Endpoint, address string) int {
	return slices.IndexFunc(all, func(e Endpoint) bool { return e.Address == address })
}
