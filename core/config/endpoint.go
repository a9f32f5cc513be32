package config

import (
	"path"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// loadSources reads the source blocks.
func (l *loader) loadSources(blocks []*hclsyntax.Block) {
	paths := map[string]hcl.Range{}
	for _, block := range blocks {
		if !l.name(block, 2, `source "TYPE" "NAME" { ... }`) {
			continue
		}
		typ, name := block.Labels[0], block.Labels[1]
		s := &Source{Address: typ + "." + name, Type: typ, Name: name}
		if !l.unique("source."+s.Address, block) {
			continue
		}
		b := l.body(block, blockContext(block))
		pathRange := l.endpoint(s, b)
		if first, ok := paths[s.Path]; ok {
			b.report(diag.DuplicatePath, pathRange, "another source receives on "+quote(s.Path),
				"That one is on "+first.Filename+" line "+itoa(first.Start.Line)+". Give one of them another path.")
		} else {
			paths[s.Path] = pathRange
		}
		s.OnAuthFailure = b.word("on_auth_failure", Reject, Quarantine)
		s.MaxBody = b.size("max_body", 0, minBody)
		s.Info = l.typeInfo(wire.TypeInfo_KIND_SOURCE, block)
		s.ConfigJSON, s.Ranges, s.MissingSecrets = l.pluginConfig(b, s.Info)
		l.sources[s.Address] = s
		l.cfg.Sources = append(l.cfg.Sources, s)
	}
}

// pathPattern is what an endpoint's path may contain: what no proxy rewrites.
var pathPattern = regexp.MustCompile(`^/[A-Za-z0-9._~/-]{1,255}$`)

// endpoint reads where a source receives and returns where that is written.
func (l *loader) endpoint(s *Source, b *body) hcl.Range {
	def := "/hooks/" + s.Type + "/" + s.Name
	p, rng := b.text("path", def)
	if rng.Empty() {
		rng = b.header
	}
	if !pathPattern.MatchString(p) || path.Clean(p) != p {
		b.report(diag.InvalidValue, rng, quote(p)+" is not a path",
			`Write it as "/hooks/name": letters, digits and . _ ~ - between single slashes, none at the end.`)
		p = def
	}
	s.Path = p
	s.PublicURL = b.publicURL()
	if s.PublicURL == "" && l.cfg.Receiver.PublicURL != "" {
		s.PublicURL = strings.TrimRight(l.cfg.Receiver.PublicURL, "/") + p
	}
	return rng
}

// loadSinks reads the sink blocks.
func (l *loader) loadSinks(blocks []*hclsyntax.Block) {
	for _, block := range blocks {
		if !l.name(block, 2, `sink "TYPE" "NAME" { ... }`) {
			continue
		}
		typ, name := block.Labels[0], block.Labels[1]
		s := &Sink{Address: typ + "." + name, Type: typ, Name: name}
		if !l.unique("sink."+s.Address, block) {
			continue
		}
		b := l.body(block, blockContext(block))
		s.Batch = l.batch(b)
		s.Info = l.typeInfo(wire.TypeInfo_KIND_SINK, block)
		s.ConfigJSON, s.Ranges, s.MissingSecrets = l.pluginConfig(b, s.Info)
		l.sinks[s.Address] = s
		l.cfg.Sinks = append(l.cfg.Sinks, s)
	}
}

// The largest batch that a sink can be given; the wire carries no more.
const (
	maxBatchEvents = 10000
	maxBatchBytes  = 16 << 20
)

func (l *loader) batch(b *body) Batch {
	var out Batch
	for i, block := range b.takeBlocks("batch") {
		if i > 0 {
			b.report(diag.DuplicateName, block.DefRange(), `duplicate block "batch"`, "There can be one.")
			continue
		}
		n := l.body(block, b.context+", batch")
		if len(block.Labels) > 0 {
			n.report(diag.WrongLabels, block.LabelRanges[0], "batch has no labels", "Write batch { ... }.")
		}
		out.MaxEvents = int(n.bounded("max_events", n.count("max_events", 0, 1), maxBatchEvents))
		out.MaxBytes = n.bounded("max_bytes", n.size("max_bytes", 0, minBody), maxBatchBytes)
		out.MaxWait = n.duration("max_wait", 0)
		n.done()
	}
	return out
}

// typeInfo returns what serves a block's type, nil if that isn't known.
func (l *loader) typeInfo(kind wire.TypeInfo_Kind, b *hclsyntax.Block) *wire.TypeInfo {
	if l.opts.Types == nil {
		return nil
	}
	word := "source"
	if kind == wire.TypeInfo_KIND_SINK {
		word = "sink"
	}
	if info, ok := l.opts.Types.Lookup(word, b.Labels[0]); ok {
		return info
	}
	names := l.opts.Types.Names(word)
	detail := "No plugin that serves a " + word + " is installed."
	if len(names) > 0 {
		detail = "Installed plugins serve " + list(names) + "."
	}
	l.suggest(diag.Error, diag.UnknownType, b.LabelRanges[0], blockContext(b), "unknown "+word+" type "+quote(b.Labels[0]),
		detail, diag.Suggest(b.Labels[0], names))
	return nil
}
