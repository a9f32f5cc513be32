package graph

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// The measures of a drawing, in pixels.
const (
	margin     = 24
	sideWidth  = 250 // of a source, lookup or sink
	stageWidth = 380
	columnGap  = 120
	sideHeight = 46
	rowHeight  = 42 // of a stage
	rowGap     = 10
	titleRow   = 34 // of a pipeline's frame
	frameGap   = 28
	sideChars  = 30
	stageChars = 50
)

// rect is where a box stands.
type rect struct{ x, y, w, h int }

func (r rect) left() (x, y int)  { return r.x, r.y + r.h/2 }
func (r rect) right() (x, y int) { return r.x + r.w, r.y + r.h/2 }

// drawing is a graph on its way to SVG: sources and lookups on the left, each
// pipeline a frame with its stages from top to bottom, sinks on the right.
type drawing struct {
	g      *Graph
	boxes  map[string]rect
	frames []rect
	w, h   int
	b      strings.Builder
}

// WriteSVG draws the graph.
func (g *Graph) WriteSVG(w io.Writer) error {
	d := &drawing{g: g, boxes: map[string]rect{}}
	d.place()
	d.draw()
	return write(w, d.b.String())
}

// leave is the name of the row in which a pipeline's events leave it.
func leave(i int) string { return fmt.Sprintf("leave%d", i) }

func (d *drawing) place() {
	side := func(n int) int { return max(0, n*(sideHeight+rowGap*2)-rowGap*2) }
	left, right, middle := side(len(d.g.Sources)+len(d.g.Lookups)), side(len(d.g.Sinks)), 0
	for _, p := range d.g.Pipelines {
		middle += frameHeight(&p) + frameGap
	}
	middle = max(0, middle-frameGap)
	inner := max(left, right, middle, sideHeight)
	d.w, d.h = 2*margin+2*sideWidth+2*columnGap+stageWidth, inner+2*margin

	y := margin + (inner-left)/2
	put := func(id string, x int) {
		d.boxes[id] = rect{x, y, sideWidth, sideHeight}
		y += sideHeight + rowGap*2
	}
	for i := range d.g.Sources {
		put(sourceID(i), margin)
	}
	for i := range d.g.Lookups {
		put(lookupID(i), margin)
	}
	y = margin + (inner-right)/2
	for i := range d.g.Sinks {
		put(sinkID(i), d.w-margin-sideWidth)
	}
	y = margin + (inner-middle)/2
	for i := range d.g.Pipelines {
		y += d.frame(i, y) + frameGap
	}
}

func frameHeight(p *Pipeline) int { return titleRow + (len(p.Stages)+1)*(rowHeight+rowGap) }

// frame places a pipeline and returns its height.
func (d *drawing) frame(i, y int) int {
	p := &d.g.Pipelines[i]
	x, h := margin+sideWidth+columnGap, frameHeight(p)
	d.frames = append(d.frames, rect{x, y, stageWidth, h})
	d.boxes[pipelineID(i)] = rect{x, y, stageWidth, titleRow}
	row := y + titleRow
	for j := range p.Stages {
		d.boxes[stageID(i, j)] = rect{x + rowGap, row, stageWidth - 2*rowGap, rowHeight}
		row += rowHeight + rowGap
	}
	d.boxes[leave(i)] = rect{x, row, stageWidth, rowHeight}
	return h
}

const svgStyle = `<style>
.box{fill:#fff;stroke:#334155;stroke-width:1.2}
.frame{fill:#f1f5f9;stroke:#64748b;stroke-width:1.2}
.source{fill:#e0f2fe}.sink{fill:#dcfce7}.lookup{fill:#fef9c3}
text{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12px;fill:#0f172a}
.small{font-size:11px;fill:#475569}.name{font-weight:bold}
path{fill:none;stroke:#334155;stroke-width:1.4}
.routed{stroke-dasharray:7 4}.reads{stroke-dasharray:2 4}
</style>
`

func (d *drawing) draw() {
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`+"\n",
		d.w, d.h, d.w, d.h)
	fmt.Fprintf(&d.b, "<title id=\"title\">patchbay configuration</title>\n<desc id=\"desc\">%s</desc>\n", escape(d.summary()))
	d.b.WriteString(svgStyle)
	d.b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#334155;stroke:none"/></marker></defs>` + "\n")
	fmt.Fprintf(&d.b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", d.w, d.h)
	for i := range d.frames {
		d.pipeline(i)
	}
	for i, e := range d.g.Sources {
		d.side(sourceID(i), "source", e)
	}
	for i, e := range d.g.Lookups {
		d.side(lookupID(i), "lookup", e)
	}
	for i, e := range d.g.Sinks {
		d.side(sinkID(i), "sink", e)
	}
	for i := range d.g.Pipelines {
		d.lines(i)
	}
	d.b.WriteString("</svg>\n")
}

// summary says in a sentence for each pipeline what is drawn.
func (d *drawing) summary() string {
	var out []string
	for _, p := range d.g.Pipelines {
		s := fmt.Sprintf("Pipeline %s carries events from %s", p.Name, strings.Join(p.From, ", "))
		var titles []string
		for i := range p.Stages {
			titles = append(titles, p.Stages[i].Title())
		}
		if len(titles) > 0 {
			s += " through " + strings.Join(titles, ", ")
		}
		out = append(out, s+" to "+strings.Join(p.To, ", ")+".")
	}
	if len(out) == 0 {
		return "There is no pipeline."
	}
	return strings.Join(out, " ")
}

// side draws a source, lookup or sink.
func (d *drawing) side(id, kind string, e Endpoint) {
	r := d.boxes[id]
	fmt.Fprintf(&d.b, `<g><title>%s</title><rect class="box %s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`,
		escape(strings.TrimSpace(kind+"."+e.Address+" "+e.Detail)), kind, r.x, r.y, r.w, r.h)
	fmt.Fprintf(&d.b, `<text class="small" x="%d" y="%d">%s</text>`, r.x+12, r.y+18, escape(cut(strings.TrimSpace(kind+" "+e.Detail), sideChars+3)))
	fmt.Fprintf(&d.b, `<text class="name" x="%d" y="%d">%s</text></g>`+"\n", r.x+12, r.y+35, escape(cut(e.Address, sideChars)))
}

// pipeline draws a frame and the stages in it.
func (d *drawing) pipeline(i int) {
	p, f := &d.g.Pipelines[i], d.frames[i]
	fmt.Fprintf(&d.b, `<g><title>%s</title><rect class="frame" x="%d" y="%d" width="%d" height="%d" rx="8"/>`,
		escape("pipeline "+p.Name), f.x, f.y, f.w, f.h)
	fmt.Fprintf(&d.b, `<text x="%d" y="%d">pipeline <tspan class="name">%s</tspan></text>`, f.x+14, f.y+22, escape(cut(p.Name, sideChars)))
	out := d.boxes[leave(i)]
	fmt.Fprintf(&d.b, `<text class="small" x="%d" y="%d" text-anchor="end">what is left</text></g>`+"\n", out.x+out.w-14, out.y+out.h/2+4)
	for j := range p.Stages {
		s, r := &p.Stages[j], d.boxes[stageID(i, j)]
		fmt.Fprintf(&d.b, `<g><title>%s</title><rect class="box" x="%d" y="%d" width="%d" height="%d" rx="4"/>`,
			escape(strings.TrimSpace(s.Title()+" "+s.Detail)), r.x, r.y, r.w, r.h)
		y := r.y + 17
		if s.Detail == "" {
			y = r.y + 25
		}
		fmt.Fprintf(&d.b, `<text class="name" x="%d" y="%d">%s</text>`, r.x+12, y, escape(cut(s.Title(), stageChars)))
		if s.Detail != "" {
			fmt.Fprintf(&d.b, `<text class="small" x="%d" y="%d">%s</text>`, r.x+12, r.y+33, escape(cut(s.Detail, stageChars)))
		}
		d.b.WriteString("</g>\n")
	}
}

// lines draws the arrows of a pipeline.
func (d *drawing) lines(i int) {
	p := &d.g.Pipelines[i]
	line := func(kind, title string, from, to rect) {
		x1, y1 := from.right()
		x2, y2 := to.left()
		bend := columnGap / 2
		fmt.Fprintf(&d.b, `<path class="%s" marker-end="url(#tip)" d="M%d %dC%d %d %d %d %d %d"><title>%s</title></path>`+"\n",
			kind, x1, y1, x1+bend, y1, x2-bend, y2, x2-2, y2, escape(title))
	}
	for _, a := range p.From {
		line(flows, "from "+a, d.boxes[sourceID(at(d.g.Sources, a))], d.boxes[pipelineID(i)])
	}
	for j := range p.Stages {
		s, r := &p.Stages[j], d.boxes[stageID(i, j)]
		if s.Lookup != "" {
			line(reads, "reads "+s.Lookup, d.boxes[lookupID(at(d.g.Lookups, s.Lookup))], r)
		}
		for _, a := range s.To {
			line(routed, "routed to "+a, r, d.boxes[sinkID(at(d.g.Sinks, a))])
		}
	}
	for _, a := range p.To {
		line(flows, "to "+a, d.boxes[leave(i)], d.boxes[sinkID(at(d.g.Sinks, a))])
	}
}

// escape makes text of XML, without what XML can't hold.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' {
			return ' '
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
