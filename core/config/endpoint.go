package config

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// declareSource makes the sources that a block stands for; loadSources reads
// what is in it.
func (l *loader) declareSource(t *thing) cty.Value {
	typ, name := t.block.Labels[0], t.block.Labels[1]
	return l.expand(t, func(in instance) any {
		return &Source{Address: l.mod.address + typ + "." + name + in.suffix(), Type: typ, Name: name, Block: in.l.where(t.block)}
	}, func(made any) cty.Value { return cty.CapsuleVal(sourceType, made) })
}

// loadSources reads the module's source blocks.
func (l *loader) loadSources() {
	for _, t := range l.mod.of("source") {
		for _, in := range t.instances {
			s := in.made.(*Source)
			if l.taken("source."+s.Address, t) {
				continue
			}
			in.l.source(s, in.open(t.block), t.block, in.key)
			l.cfg.Sources = append(l.cfg.Sources, s)
		}
	}
}

func (l *loader) source(s *Source, b *body, block *hclsyntax.Block, key string) {
	names := append(slices.Clone(l.mod.names), s.Type, s.Name)
	if key != "" {
		names = append(names, key)
	}
	pathRange := l.endpoint(s, b, "/hooks/"+strings.Join(names, "/"))
	if first, ok := l.paths[s.Path]; ok {
		b.report(diag.DuplicatePath, pathRange, "another source receives on "+quote(s.Path),
			"That one is on "+first.Filename+" line "+itoa(first.Start.Line)+". Give one of them another path.")
	} else {
		l.paths[s.Path] = pathRange
	}
	s.OnAuthFailure = b.word("on_auth_failure", Reject, Quarantine)
	s.MaxBody = b.size("max_body", 0, minBody)
	l.access(s, b)
	s.Info = l.typeInfo(wire.TypeInfo_KIND_SOURCE, block, b.context)
	s.ConfigJSON, s.Ranges, s.MissingSecrets = l.pluginConfig(b, s.Info)
}

// taken reports a block whose address another block has already: the parts of
// an address can come from modules, labels and keys of for_each.
func (l *loader) taken(full string, t *thing) bool {
	first, ok := l.addresses[full]
	if !ok {
		l.addresses[full] = t.rng
		return false
	}
	l.report(diag.DuplicateName, t.rng, "", "duplicate "+full,
		"The first is on "+first.Filename+" line "+itoa(first.Start.Line)+". Give one of them another name.")
	return true
}

// pathPattern is what an endpoint's path may contain: what no proxy rewrites.
var pathPattern = regexp.MustCompile(`^/[A-Za-z0-9._~/-]{1,255}$`)

// endpoint reads where a source receives and returns where that is written.
func (l *loader) endpoint(s *Source, b *body, def string) hcl.Range {
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

// declareSink makes the sinks that a block stands for.
func (l *loader) declareSink(t *thing) cty.Value {
	typ, name := t.block.Labels[0], t.block.Labels[1]
	return l.expand(t, func(in instance) any {
		return &Sink{Address: l.mod.address + typ + "." + name + in.suffix(), Type: typ, Name: name, Block: in.l.where(t.block)}
	}, func(made any) cty.Value { return cty.CapsuleVal(sinkType, made) })
}

// loadSinks reads the module's sink blocks.
func (l *loader) loadSinks() {
	for _, t := range l.mod.of("sink") {
		for _, in := range t.instances {
			s := in.made.(*Sink)
			if l.taken("sink."+s.Address, t) {
				continue
			}
			b := in.open(t.block)
			s.Batch = in.l.batch(b)
			s.Info = in.l.typeInfo(wire.TypeInfo_KIND_SINK, t.block, b.context)
			s.ConfigJSON, s.Ranges, s.MissingSecrets = in.l.pluginConfig(b, s.Info)
			l.cfg.Sinks = append(l.cfg.Sinks, s)
		}
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
		n := b.l.body(block, b.context+", batch")
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
func (l *loader) typeInfo(kind wire.TypeInfo_Kind, b *hclsyntax.Block, context string) *wire.TypeInfo {
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
	if l.typeFault(word, b, context) {
		return nil
	}
	names := l.opts.Types.Names(word)
	detail := "No plugin that serves a " + word + " is installed."
	if len(names) > 0 {
		detail = "Installed plugins serve " + list(names) + "."
	}
	l.suggest(diag.Error, diag.UnknownType, b.LabelRanges[0], context, "unknown "+word+" type "+quote(b.Labels[0]),
		detail, diag.Suggest(b.Labels[0], names))
	return nil
}
