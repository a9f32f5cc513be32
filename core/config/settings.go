package config

import (
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/patchbay-io/patchbay/core/diag"
)

// The defaults of what may be left out.
const (
	defaultDataDir        = "data"
	defaultListen         = "127.0.0.1:8080"
	defaultAdminListen    = "127.0.0.1:9090"
	defaultMaxBody        = 1 << 20
	defaultMaxInFlight    = 64 << 20
	defaultMaxHeaders     = 32 << 10
	defaultMinFree        = 256 << 20
	defaultMaxConnections = 10000
	defaultRetain         = 168 * time.Hour
	defaultWindow         = 168 * time.Hour
	defaultReload         = 10 * time.Second
)

// minBody is the smallest limit that still lets real requests in.
const minBody = 1 << 10

// The bounds of max_header_bytes: what real requests have, and what a
// connection may take of memory before anybody knows it.
const (
	minHeaders = 4 << 10
	maxHeaders = 1 << 20
)

// loadSettings reads the blocks of which there is at most one.
func (l *loader) loadSettings(blocks map[string][]*hclsyntax.Block) {
	l.patchbay(l.single(blocks["patchbay"], "patchbay"))
	receiverListen := l.receiver(l.single(blocks["receiver"], "receiver"))
	l.admin(l.single(blocks["admin"], "admin"), receiverListen)
	l.journal(l.single(blocks["journal"], "journal"))
}

// single returns the only block of a kind, or an empty one.
func (l *loader) single(blocks []*hclsyntax.Block, kind string) *body {
	var first *hclsyntax.Block
	for _, b := range blocks {
		if len(b.Labels) > 0 {
			l.report(diag.WrongLabels, b.LabelRanges[0], kind, kind+" has no labels", "Write "+kind+" { ... }.")
		}
		if l.unique(kind, b) {
			first = b
		}
	}
	if first == nil {
		return &body{l: l, syn: &hclsyntax.Body{}, context: kind}
	}
	l.cfg.Ranges[kind] = first.DefRange()
	for name, a := range first.Body.Attributes {
		l.cfg.Ranges[kind+"."+name] = a.Expr.Range()
	}
	return l.body(first, kind)
}

func (l *loader) patchbay(b *body) {
	l.cfg.RequiredVersion = l.requireVersion(b)
	dir, rng := b.text("data_dir", defaultDataDir)
	if dir == "" {
		b.report(diag.InvalidValue, rng, `"data_dir" is empty`, "Write the path of a directory.")
		dir = defaultDataDir
	}
	l.cfg.DataDir = l.absolute(dir)
	l.plugins(b)
	b.done()
}

// absolute returns where a path of the configuration leads, wherever patchbay
// was started.
func (l *loader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	abs, err := filepath.Abs(filepath.Join(l.cfg.Dir, path))
	if err != nil {
		l.noPlace(diag.FileUnreadable, "can't tell the working directory", cause(err))
	}
	return abs
}

func (l *loader) receiver(b *body) hcl.Range {
	r := &l.cfg.Receiver
	var rng hcl.Range
	r.Listen, rng = b.listen(defaultListen)
	r.PublicURL = b.publicURL()
	r.MaxBody = b.size("max_body", defaultMaxBody, minBody)
	r.MaxInFlight = b.size("max_in_flight", max(defaultMaxInFlight, r.MaxBody), minBody)
	r.MaxConnections = int(min(b.count("max_connections", defaultMaxConnections, 1), 1<<30))
	r.HeaderTimeout = b.duration("header_timeout", 5*time.Second)
	r.BodyTimeout = b.duration("body_timeout", 15*time.Second)
	r.IdleTimeout = b.duration("idle_timeout", 60*time.Second)
	r.WriteTimeout = b.duration("write_timeout", 10*time.Second)
	r.MaxHeaderBytes = int(b.bounded("max_header_bytes", b.size("max_header_bytes", defaultMaxHeaders, minHeaders), maxHeaders))
	l.network(r, b)
	if r.MaxInFlight < r.MaxBody {
		b.report(diag.OutOfRange, b.syn.Attributes["max_in_flight"].Expr.Range(), `"max_in_flight" is smaller than "max_body"`, "A request of the largest size would never be accepted.")
	}
	b.done()
	return rng
}

func (l *loader) admin(b *body, receiverListen hcl.Range) {
	var rng hcl.Range
	l.cfg.Admin.Listen, rng = b.listen(defaultAdminListen)
	if l.cfg.Admin.Listen == l.cfg.Receiver.Listen && !freePort(l.cfg.Admin.Listen) {
		if rng.Empty() {
			rng = receiverListen
		}
		b.report(diag.InvalidValue, rng, "receiver and admin listen on the same address",
			"The admin listener is not for the public. Give it another port.")
	}
	b.done()
}

func (l *loader) journal(b *body) {
	l.cfg.Journal.Retain = b.duration("retain", defaultRetain)
	l.cfg.Journal.MaxDisk = b.size("max_disk", 0, 64<<20)
	l.cfg.Journal.MinFree = b.size("min_free", defaultMinFree, 1<<20)
	b.done()
}
