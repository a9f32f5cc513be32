package graph

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// detailWidth is how many characters of a condition drawings show.
const detailWidth = 48

// arrow is a line between two boxes.
type arrow struct{ from, to, kind string }

// The kinds of arrows.
const (
	flows  = "flows"  // every event that is left
	routed = "routed" // the events for which a route's condition holds
	reads  = "reads"  // rows of a lookup
)

// arrows lists the lines between boxes, whose names are made by the functions
// below.
func (g *Graph) arrows() []arrow {
	var out []arrow
	for i := range g.Pipelines {
		p := &g.Pipelines[i]
		last := pipelineID(i)
		for _, a := range p.From {
			out = append(out, arrow{sourceID(at(g.Sources, a)), last, flows})
		}
		for j := range p.Stages {
			id := stageID(i, j)
			out = append(out, arrow{last, id, flows})
			last = id
			if s := &p.Stages[j]; s.Lookup != "" {
				out = append(out, arrow{lookupID(at(g.Lookups, s.Lookup)), id, reads})
			}
			for _, a := range p.Stages[j].To {
				out = append(out, arrow{id, sinkID(at(g.Sinks, a)), routed})
			}
		}
		for _, a := range p.To {
			out = append(out, arrow{last, sinkID(at(g.Sinks, a)), flows})
		}
	}
	return out
}

func sourceID(i int) string   { return fmt.Sprintf("source%d", i) }
func sinkID(i int) string     { return fmt.Sprintf("sink%d", i) }
func lookupID(i int) string   { return fmt.Sprintf("lookup%d", i) }
func pipelineID(i int) string { return fmt.Sprintf("pipeline%d", i) }
func stageID(i, j int) string { return fmt.Sprintf("stage%d_%d", i, j) }

// WriteDot writes the graph in Graphviz's language.
func (g *Graph) WriteDot(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph patchbay {\n  rankdir = LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n")
	box := func(indent, id, shape string, lines ...string) {
		fmt.Fprintf(&b, "%s%s [shape=%s, label=%s];\n", indent, id, shape, dotText(lines))
	}
	for i, e := range g.Sources {
		box("  ", sourceID(i), "box", "source."+e.Address, e.Detail)
	}
	for i, e := range g.Lookups {
		box("  ", lookupID(i), "note", "lookup."+e.Address)
	}
	for i := range g.Pipelines {
		p := &g.Pipelines[i]
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label = %s;\n", i, strconv.Quote("pipeline "+p.Name))
		box("    ", pipelineID(i), "point", "")
		for j := range p.Stages {
			box("    ", stageID(i, j), "box", p.Stages[j].Title(), cut(p.Stages[j].Detail, detailWidth))
		}
		b.WriteString("  }\n")
	}
	for i, e := range g.Sinks {
		box("  ", sinkID(i), "cylinder", "sink."+e.Address)
	}
	for _, a := range g.arrows() {
		style := map[string]string{flows: "solid", routed: "dashed", reads: "dotted"}[a.kind]
		fmt.Fprintf(&b, "  %s -> %s [style=%s];\n", a.from, a.to, style)
	}
	b.WriteString("}\n")
	return write(w, b.String())
}

// dotText is a label of several lines.
func dotText(lines []string) string {
	var parts []string
	for _, line := range lines {
		if line != "" {
			parts = append(parts, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line))
		}
	}
	return `"` + strings.Join(parts, `\n`) + `"`
}

// WriteMermaid writes the graph in Mermaid's language.
func (g *Graph) WriteMermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, e := range g.Sources {
		fmt.Fprintf(&b, "  %s[%s]\n", sourceID(i), mermaidText("source."+e.Address, e.Detail))
	}
	for i, e := range g.Lookups {
		fmt.Fprintf(&b, "  %s>%s]\n", lookupID(i), mermaidText("lookup."+e.Address))
	}
	for i := range g.Pipelines {
		p := &g.Pipelines[i]
		fmt.Fprintf(&b, "  subgraph group%d [%s]\n    %s((\" \"))\n", i, mermaidText("pipeline "+p.Name), pipelineID(i))
		for j := range p.Stages {
			fmt.Fprintf(&b, "    %s[%s]\n", stageID(i, j), mermaidText(p.Stages[j].Title(), cut(p.Stages[j].Detail, detailWidth)))
		}
		b.WriteString("  end\n")
	}
	for i, e := range g.Sinks {
		fmt.Fprintf(&b, "  %s[(%s)]\n", sinkID(i), mermaidText("sink."+e.Address))
	}
	for _, a := range g.arrows() {
		line := map[string]string{flows: "-->", routed: "-. routed .->", reads: "-. reads .->"}[a.kind]
		fmt.Fprintf(&b, "  %s %s %s\n", a.from, line, a.to)
	}
	return write(w, b.String())
}

// mermaidText is a label of several lines. Its entities are Mermaid's own.
func mermaidText(lines ...string) string {
	var parts []string
	for _, line := range lines {
		if line != "" {
			parts = append(parts, strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;").Replace(line))
		}
	}
	return `"` + strings.Join(parts, "<br/>") + `"`
}

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("graph: write: %w", err)
	}
	return nil
}
