package suite

import (
	"bytes"
	"context"
	"path/filepath"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"google.golang.org/protobuf/encoding/protowire"
)

// callTimeout bounds each call of a suite: a plugin that takes longer hangs.
const callTimeout = 20 * time.Second

// Source is the conformance suite of one source type.
type Source struct {
	Client *sdk.Client
	Type   string // the type to check
	Dir    string // captured requests; the package's documentation has the format
	Update bool   // write the golden files
	// Log returns what the plugin wrote to its log so far; nil skips the look
	// for secrets there.
	Log func() []byte
	// Parse is the source's own, if it runs in this process: what it keeps of a
	// request's memory shows only without a wire between. Nil skips that.
	Parse func(context.Context, []sdk.Delivery, *sdk.Batch) error

	only    string // the one check to run after Configure; empty: all
	info    *wire.TypeInfo
	groups  []group
	secrets secrets
}

// group is the cases with one configuration.
type group struct {
	config []byte
	cases  []Case
}

// Run runs all checks. It needs the plugin to itself.
func (s *Source) Run(ctx context.Context, r Reporter) {
	if !r.Run("describe", func(r Reporter) { s.describe(ctx, r) }) ||
		!r.Run("cases", func(r Reporter) { s.load(r) }) ||
		!r.Run("configure", func(r Reporter) { s.configureAll(ctx, r) }) {
		return
	}
	type check struct {
		name  string
		check func(context.Context, Reporter, *group)
	}
	checks := []check{
		{"golden", s.golden}, {"batch", s.batches}, {"unknown", s.unknownStatus}, {"poison", s.poison}, {"cancel", s.cancel},
	}
	if s.Parse != nil {
		checks = append(checks, check{"alias", s.alias})
	}
	if s.only == "" || s.only == "signature" {
		r.Run("signature", func(r Reporter) { s.signatures(ctx, r) })
	}
	for i := range s.groups {
		for _, c := range checks {
			if s.only == "" || s.only == c.name {
				r.Run(c.name, func(r Reporter) { c.check(ctx, r, &s.groups[i]) })
			}
		}
	}
	if s.Log != nil {
		r.Run("log", func(r Reporter) { s.secrets.absent(r, "the plugin's log", s.Log()) })
	}
}

func (s *Source) describe(ctx context.Context, r Reporter) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, err := s.Client.Describe(ctx)
	if err != nil {
		r.Errorf("Describe: %v", err)
		return
	}
	s.info = checkDescription(r, d, wire.TypeInfo_KIND_SOURCE, s.Type)
	if s.info == nil {
		return
	}
	if c := s.info.GetSource().GetChannel(); c != "" {
		if _, err := sdk.ParseChannel(c); err != nil {
			r.Errorf("Describe: %v", err)
		}
	}
}

func (s *Source) load(r Reporter) {
	cases, config, err := LoadCases(s.Dir)
	if err != nil {
		r.Errorf("%v", err)
		return
	}
	if len(cases) == 0 {
		r.Errorf("no captured requests: put at least one *.http into %s", s.Dir)
		return
	}
	for _, c := range cases {
		if c.Config == nil {
			c.Config = config
		}
		if err := s.secrets.add(c.Config, s.info.GetSchema(), c.Secrets); err != nil {
			r.Errorf("%s: the configuration: %v", c.Name, err)
		}
		i := 0
		for i < len(s.groups) && !bytes.Equal(s.groups[i].config, c.Config) {
			i++
		}
		if i == len(s.groups) {
			s.groups = append(s.groups, group{config: c.Config})
		}
		s.groups[i].cases = append(s.groups[i].cases, c)
	}
}

// parse has deliveries parsed, over the wire.
func (s *Source) parse(ctx context.Context, in []sdk.Delivery) (*sdk.Parsed, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parts := make([][]byte, len(in))
	for i := range in {
		parts[i] = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), in[i].AppendWire(nil))
	}
	return s.Client.Parse(ctx, parts, len(in))
}

// parsed parses deliveries and checks what holds for any answer. It returns
// nothing if the call failed.
func (s *Source) parsed(ctx context.Context, r Reporter, in []sdk.Delivery) []result {
	p, err := s.parse(ctx, in)
	if err != nil {
		r.Errorf("Parse of %d requests: %v", len(in), err)
		return nil
	}
	s.checkParsed(r, in, p)
	return results(in, p)
}

func (s *Source) golden(ctx context.Context, r Reporter, g *group) {
	if !s.configure(ctx, r, g.config) {
		return
	}
	for i := range g.cases {
		c := &g.cases[i]
		r.Run(c.Name, func(r Reporter) {
			if got := s.parsed(ctx, r, []sdk.Delivery{c.Delivery}); got != nil {
				checkIdentities(r, got[0])
				compareGolden(r, filepath.Join(s.Dir, c.Name+".events.json"), got[0], s.Update)
			}
		})
	}
}

// checkIdentities refuses two events of a captured request that core would take
// for one. Requests made up for other checks may well repeat themselves.
func checkIdentities(r Reporter, got result) {
	seen := map[string]bool{}
	for _, e := range got.Events {
		if seen[e.ProviderID] && e.ProviderID != "" {
			r.Errorf("two events of one request have the ProviderID %q: the second would be lost as a duplicate", e.ProviderID)
		}
		seen[e.ProviderID] = true
	}
}

// alias proves that a source keeps nothing that points into a request: what it
// said of one must not change when the request's memory is used again.
func (s *Source) alias(ctx context.Context, r Reporter, g *group) {
	if !s.configure(ctx, r, g.config) {
		return
	}
	var before [][]byte
	for round := range 3 {
		buf, in := flat(g.cases)
		var out sdk.Batch
		if err := s.Parse(ctx, in, &out); err != nil {
			r.Errorf("Parse: %v", err)
			return
		}
		var got [][]byte
		for _, e := range out.Events() {
			got = append(got, e.AppendWire(nil))
		}
		for k := range buf {
			buf[k] = '#'
		}
		if round == 0 {
			before = got
			continue
		}
		if !bytes.Equal(bytes.Join(got, nil), bytes.Join(before, nil)) {
			r.Errorf("Parse gives other events after the memory of earlier requests was used again")
		}
	}
}

// flat returns the requests of cases, all in one buffer, as a frame has them.
func flat(cases []Case) ([]byte, []sdk.Delivery) {
	var buf []byte
	var ends []int
	for i := range cases {
		buf = cases[i].Delivery.AppendWire(buf)
		ends = append(ends, len(buf))
	}
	in := make([]sdk.Delivery, len(cases))
	from := 0
	for i, to := range ends {
		if err := in[i].UnmarshalWire(buf[from:to:to]); err != nil {
			panic("suite: own encoding cannot be read: " + err.Error())
		}
		from = to
	}
	return buf, in
}
