package graph

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText draws the graph for a terminal: each pipeline from top to bottom,
// and last what is in none.
func (g *Graph) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	for i := range g.Pipelines {
		if i > 0 {
			b.WriteByte('\n')
		}
		g.pipelineText(b, &g.Pipelines[i])
	}
	g.unused(b)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("graph: write: %w", err)
	}
	return nil
}

func (g *Graph) pipelineText(b *bufio.Writer, p *Pipeline) {
	fmt.Fprintf(b, "pipeline %q\n", p.Name)
	for _, address := range p.From {
		detail := ""
		if i := at(g.Sources, address); i >= 0 && g.Sources[i].Detail != "" {
			detail = "  " + g.Sources[i].Detail
		}
		fmt.Fprintf(b, "  ● source.%s%s\n", address, detail)
	}
	width := 0
	for i := range p.Stages {
		width = max(width, len([]rune(p.Stages[i].Title())))
	}
	for i := range p.Stages {
		s := &p.Stages[i]
		line := fmt.Sprintf("  │ %-*s  %s", width, s.Title(), s.Detail)
		if s.Lookup != "" {
			line += " from lookup." + s.Lookup
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		for _, address := range s.To {
			fmt.Fprintf(b, "  ├─▶ sink.%s\n", address)
		}
	}
	for _, address := range p.To {
		fmt.Fprintf(b, "  ▼ sink.%s\n", address)
	}
}

// unused lists what no pipeline names.
func (g *Graph) unused(b *bufio.Writer) {
	var used []string
	for _, p := range g.Pipelines {
		for _, a := range p.From {
			used = append(used, "source."+a)
		}
		for _, a := range p.To {
			used = append(used, "sink."+a)
		}
		for _, s := range p.Stages {
			used = append(used, "lookup."+s.Lookup)
			for _, a := range s.To {
				used = append(used, "sink."+a)
			}
		}
	}
	title := "in no pipeline\n"
	if len(g.Pipelines) > 0 {
		title = "\n" + title
	}
	for _, kind := range []struct {
		word string
		all  []Endpoint
	}{{"source", g.Sources}, {"lookup", g.Lookups}, {"sink", g.Sinks}} {
		for _, e := range kind.all {
			if name := kind.word + "." + e.Address; !slices.Contains(used, name) {
				fmt.Fprintf(b, "%s  ○ %s\n", title, name)
				title = ""
			}
		}
	}
}
