package inspect

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/core/expr"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
)

// Filter says which events Search is for. Empty fields ask for nothing.
type Filter struct {
	ID       string // as for Explain, without references
	Type     string // event_type
	Status   string // delivery_status
	Channel  string
	Source   string
	Pipeline string
	Sink     string // an event that is meant for it
	Outcome  string // a word of the ledger, e.g. staged or duplicate
	// Since and Until bound the time of receipt: [Since, Until).
	Since, Until time.Time
	// Where is a further condition, and Now what its now() means.
	Where *expr.Bool
	Now   time.Time
	// Limit is how many events are told; zero means 50.
	Limit int
}

// WhereFile is the name under which CompileWhere's diagnostics know their text.
const WhereFile = "-where"

// CompileWhere compiles a condition for Filter.Where, e.g.
// event.channel == "sms".
func CompileWhere(text string) (*expr.Bool, diag.List) {
	e, ds := hclsyntax.ParseExpression([]byte(text), WhereFile, hcl.InitialPos)
	if ds.HasErrors() {
		var out diag.List
		for _, d := range ds {
			out = append(out, diag.Diagnostic{Code: diag.Syntax, Summary: d.Summary, Detail: d.Detail, Subject: d.Subject})
		}
		return nil, out
	}
	return expr.CompileBool(e, expr.Scope{})
}

// Search calls each for the events that f asks for, newest first, until each
// returns false or a bound is reached. truncated says that there may be more.
func Search(ctx context.Context, j *journal.Journal, f Filter, o Options, each func(*Event) bool) (truncated bool, err error) {
	r, err := newReader(j, o)
	if err != nil {
		return false, err
	}
	if f.Limit == 0 {
		f.Limit = 50
	}
	s := &searcher{reader: r, f: f, each: each, left: f.Limit}
	s.env.Now = f.Now
	return s.run(ctx)
}

type searcher struct {
	*reader
	f       Filter
	each    func(*Event) bool
	env     expr.Env
	left    int
	decoded int
}

// stream is a pipeline's chunks, and the newest of those left.
type stream struct {
	next func() (*chunk, error, bool)
	head *chunk
}

var errEnough = errors.New("inspect: enough")

func (s *searcher) run(ctx context.Context) (truncated bool, err error) {
	var streams []*stream
	for _, name := range names(s.j, journal.StagedIn) {
		if s.f.Pipeline != "" && s.f.Pipeline != name {
			continue
		}
		next, stop := iter.Pull2(s.chunks(ctx, name, s.want))
		defer stop()
		st := &stream{next: next}
		if err := st.advance(); err != nil {
			return false, err
		}
		streams = append(streams, st)
	}
	for {
		newest := pick(streams)
		if newest == nil {
			return false, nil
		}
		if s.decoded++; s.decoded > s.o.MaxChunks {
			return true, nil
		}
		if err := s.chunk(newest.head); errors.Is(err, errEnough) {
			return true, nil
		} else if err != nil {
			return false, err
		}
		if newest.head.at.Before(s.f.Since) {
			// Nothing older was received later than it was staged.
			newest.head = nil
			continue
		}
		if err := newest.advance(); err != nil {
			return false, err
		}
	}
}

func (st *stream) advance() error {
	c, err, ok := st.next()
	if !ok {
		c = nil
	}
	st.head = c
	return err
}

func pick(streams []*stream) *stream {
	var newest *stream
	for _, st := range streams {
		if st.head != nil && (newest == nil || st.head.at.After(newest.head.at)) {
			newest = st
		}
	}
	return newest
}

func (s *searcher) want(sum *staged.Summary) bool {
	return (s.f.Source == "" || sum.Source == s.f.Source) && (s.f.ID == "" || sum.MayHold(s.f.ID))
}

func (s *searcher) chunk(c *chunk) error {
	for i := len(c.entries) - 1; i >= 0; i-- {
		e, m, err := c.decode(i)
		if err != nil {
			return err
		}
		if !s.matches(e, m) {
			continue
		}
		if s.left == 0 {
			return errEnough
		}
		s.left--
		out := s.event(c, i, e, m)
		if out.Deliveries, err = s.deliveries(c.pipeline, out.Offset, m); err != nil {
			return err
		}
		if !s.each(&out) {
			return errEnough
		}
	}
	return nil
}

func (s *searcher) matches(e *sdk.Event, m *staged.Meta) bool {
	f := &s.f
	outcome := journal.Staged
	if m.Note != nil {
		outcome = m.Note.Outcome
	}
	switch {
	case f.ID != "" && !staged.Matches(e, f.ID),
		f.Type != "" && e.Type.String() != f.Type,
		f.Status != "" && e.DeliveryStatus.String() != f.Status,
		f.Channel != "" && e.Channel.String() != f.Channel,
		f.Source != "" && e.Source != f.Source,
		f.Outcome != "" && outcome.String() != f.Outcome,
		!f.Since.IsZero() && e.ReceivedAt.Before(f.Since),
		!f.Until.IsZero() && !e.ReceivedAt.Before(f.Until),
		f.Sink != "" && !s.meantFor(m):
		return false
	}
	if f.Where == nil {
		return true
	}
	s.env.Reset(e)
	return f.Where.Eval(&s.env)
}

func (s *searcher) meantFor(m *staged.Meta) bool {
	for _, n := range m.Targets {
		if s.sinkName(n) == s.f.Sink {
			return true
		}
	}
	return false
}
