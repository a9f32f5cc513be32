package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/staged"
)

// Account is the ledger summed up, with the equations of I3 checked at one
// moment of the store.
type Account struct {
	Balanced  bool              `json:"balanced"`
	Sources   []SourceAccount   `json:"sources"`
	Lanes     []LaneAccount     `json:"lanes"`
	Pipelines []PipelineAccount `json:"pipelines"`
	Sinks     []SinkAccount     `json:"sinks"`
}

// SourceAccount counts a source's requests: stored = requests in its raw log.
type SourceAccount struct {
	Source      string `json:"source"`
	Stored      int64  `json:"stored"`
	Refused     int64  `json:"refused"`
	Quarantined int64  `json:"quarantined"`
	// RefusedFor says why requests were refused: a word and how many.
	RefusedFor map[string]int64 `json:"refused_for,omitempty"`
	Problem    string           `json:"problem,omitempty"`
}

// LaneAccount counts what became of a source's requests in a pipeline: stored =
// parsed + missed + backlog.
type LaneAccount struct {
	Pipeline     string `json:"pipeline"`
	Source       string `json:"source"`
	Stored       int64  `json:"stored"`
	Parsed       int64  `json:"parsed"`
	Missed       int64  `json:"missed,omitempty"` // trimmed before the pipeline came, or came back
	Backlog      int64  `json:"backlog"`
	Staged       int64  `json:"staged"`
	Duplicate    int64  `json:"duplicate"`
	Filtered     int64  `json:"filtered"`
	Ignored      int64  `json:"ignored"`
	DeadLettered int64  `json:"dead_lettered"`
	Replayed     int64  `json:"replayed"`
	Discarded    int64  `json:"discarded"`
	Problem      string `json:"problem,omitempty"`
}

// outcomes is how many entries of the staged log the lane's rows account for.
// A dead letter's note stays when it is retried or discarded.
func (l *LaneAccount) outcomes() int64 {
	return l.Staged + l.Duplicate + l.Filtered + l.Ignored + l.DeadLettered + l.Replayed + l.Discarded
}

// PipelineAccount counts the entries of a staged log: entries = the outcomes of
// the pipeline's lanes.
type PipelineAccount struct {
	Pipeline string `json:"pipeline"`
	Entries  int64  `json:"entries"`
	Outcomes int64  `json:"outcomes"`
	Problem  string `json:"problem,omitempty"`
}

// SinkAccount counts what became of a pipeline's events in a sink: addressed =
// delivered + dead-lettered + discarded + waiting.
type SinkAccount struct {
	Pipeline      string `json:"pipeline"`
	Sink          string `json:"sink"`
	Addressed     int64  `json:"addressed"`
	Delivered     int64  `json:"delivered"`
	DeadLettered  int64  `json:"dead_lettered"`
	Discarded     int64  `json:"discarded"`
	Waiting       int64  `json:"waiting"`
	Replayed      int64  `json:"replayed"`
	PossiblyTwice int64  `json:"possibly_twice"`
	// Counted says that Waiting was counted in the log. Otherwise too much
	// waits for that, and Waiting is what the other figures leave.
	Counted bool   `json:"counted"`
	Problem string `json:"problem,omitempty"`
}

// countLimit is how many entries are read to count what waits for one sink.
const countLimit = 200_000

// TakeAccount sums the ledger up.
func TakeAccount(j *journal.Journal) (*Account, error) {
	v := j.View()
	a, err := takeAccount(j, v, countLimit)
	return a, errors.Join(err, v.Close())
}

type accountant struct {
	j       *journal.Journal
	v       *journal.View
	limit   uint64
	cursors map[string]journal.Cursor
	sources map[string]*SourceAccount
	lanes   map[[2]string]*LaneAccount
	sinks   map[[2]string]*SinkAccount
	numbers map[string]uint32 // of sinks
}

func takeAccount(j *journal.Journal, v *journal.View, limit uint64) (*Account, error) {
	c := &accountant{
		j: j, v: v, limit: limit, cursors: map[string]journal.Cursor{}, sources: map[string]*SourceAccount{},
		lanes: map[[2]string]*LaneAccount{}, sinks: map[[2]string]*SinkAccount{}, numbers: map[string]uint32{},
	}
	err := v.Items(c.item, journal.ItemName, journal.ItemCursor, journal.ItemLedger)
	if err != nil {
		return nil, err
	}
	return c.account()
}

func (c *accountant) item(i *journal.Item) error {
	if i.Err != nil {
		return i.Err
	}
	switch i.Kind {
	case journal.ItemName:
		switch i.Of {
		case journal.SinkName:
			c.numbers[i.Name] = i.Log
		case journal.Raw:
			c.source(i.Name)
		}
	case journal.ItemCursor:
		c.cursors[i.Name] = journal.Cursor{Offset: i.Offset, Extra: i.Extra}
		if p, s, ok := pipeline.ParseCursorName(i.Name); ok {
			c.lane(p, s)
		} else if p, s, ok := dispatch.ParseCursorName(i.Name); ok {
			c.sink(p, s)
		}
	case journal.ItemLedger:
		c.count(i.Count)
	}
	return nil
}

func (c *accountant) source(name string) *SourceAccount {
	if c.sources[name] == nil {
		c.sources[name] = &SourceAccount{Source: name}
	}
	return c.sources[name]
}

func (c *accountant) lane(pipe, source string) *LaneAccount {
	k := [2]string{pipe, source}
	if c.lanes[k] == nil {
		c.lanes[k] = &LaneAccount{Pipeline: pipe, Source: source}
	}
	return c.lanes[k]
}

func (c *accountant) sink(pipe, sink string) *SinkAccount {
	k := [2]string{pipe, sink}
	if c.sinks[k] == nil {
		c.sinks[k] = &SinkAccount{Pipeline: pipe, Sink: sink}
	}
	return c.sinks[k]
}

func (c *accountant) count(n journal.Count) {
	var column *int64
	switch n.Scope {
	case journal.ScopeRaw:
		a := c.source(n.Name)
		if n.Outcome == journal.Refused && n.Source != "" {
			if a.RefusedFor == nil {
				a.RefusedFor = map[string]int64{}
			}
			a.RefusedFor[n.Source] += n.N
		}
		column = map[journal.Outcome]*int64{
			journal.Stored: &a.Stored, journal.Refused: &a.Refused, journal.Quarantined: &a.Quarantined,
		}[n.Outcome]
	case journal.ScopePipeline:
		a := c.lane(n.Name, n.Source)
		column = map[journal.Outcome]*int64{
			journal.Parsed: &a.Parsed, journal.Missed: &a.Missed, journal.Staged: &a.Staged, journal.Duplicate: &a.Duplicate,
			journal.Filtered: &a.Filtered, journal.Ignored: &a.Ignored, journal.DeadLettered: &a.DeadLettered,
			journal.Replayed: &a.Replayed, journal.Discarded: &a.Discarded,
		}[n.Outcome]
	case journal.ScopeSink:
		a := c.sink(n.Source, n.Name)
		column = map[journal.Outcome]*int64{
			journal.Addressed: &a.Addressed, journal.Delivered: &a.Delivered, journal.DeadLettered: &a.DeadLettered,
			journal.Discarded: &a.Discarded, journal.Replayed: &a.Replayed, journal.PossiblyTwice: &a.PossiblyTwice,
		}[n.Outcome]
	}
	if column != nil {
		*column += n.N
	}
}

func (c *accountant) account() (*Account, error) {
	a := &Account{Sources: []SourceAccount{}, Lanes: []LaneAccount{}, Pipelines: []PipelineAccount{}, Sinks: []SinkAccount{}}
	tails, err := c.balanceSources(a)
	if err != nil {
		return nil, err
	}
	outcomes := map[string]int64{}
	for _, l := range c.lanes {
		c.balanceLane(l, tails)
		outcomes[l.Pipeline] += l.outcomes()
		a.Lanes = append(a.Lanes, *l)
	}
	ends, err := c.balancePipelines(a, outcomes)
	if err != nil {
		return nil, err
	}
	for _, s := range c.sinks {
		if err := c.balanceSink(s, ends[s.Pipeline]); err != nil {
			return nil, err
		}
		a.Sinks = append(a.Sinks, *s)
	}
	a.sort()
	a.Balanced = len(a.Problems()) == 0
	return a, nil
}

func (c *accountant) balanceSources(a *Account) (tails map[string]uint64, err error) {
	tails = map[string]uint64{}
	for _, s := range c.sources {
		if l := c.log(journal.Raw, s.Source); l != nil {
			if tails[s.Source], err = c.v.End(l); err != nil {
				return nil, err
			}
		}
		if tail := tails[s.Source]; s.Stored != int64(tail) {
			s.Problem = fmt.Sprintf("source %s: stored %d, but its log has taken %d requests", s.Source, s.Stored, tail)
		}
		a.Sources = append(a.Sources, *s)
	}
	return tails, nil
}

// log returns a log that exists, and nil otherwise.
func (c *accountant) log(kind journal.Kind, name string) *journal.Log {
	if !slices.Contains(c.j.Logs(kind), name) {
		return nil
	}
	l, err := c.j.Log(kind, name)
	if err != nil {
		return nil // it exists, so nothing can fail
	}
	return l
}

func (c *accountant) balanceLane(l *LaneAccount, tails map[string]uint64) {
	tail, at := tails[l.Source], c.cursors[pipeline.CursorName(l.Pipeline, l.Source)].Offset
	l.Stored, l.Backlog = int64(tail), int64(tail)-int64(at)
	switch {
	case l.Backlog < 0:
		l.Problem = fmt.Sprintf("pipeline %s has read %d requests of source %s, which has stored %d", l.Pipeline, at, l.Source, tail)
	case l.Parsed+l.Missed+l.Backlog != l.Stored:
		missed := ""
		if l.Missed > 0 {
			missed = fmt.Sprintf("missed %d + ", l.Missed)
		}
		l.Problem = fmt.Sprintf("pipeline %s, source %s: stored %d is not parsed %d + %sbacklog %d", l.Pipeline, l.Source, l.Stored, l.Parsed, missed, l.Backlog)
	}
}

func (c *accountant) balancePipelines(a *Account, outcomes map[string]int64) (ends map[string]uint64, err error) {
	ends = map[string]uint64{}
	for _, name := range names(c.j, journal.StagedIn) {
		l := c.log(journal.StagedIn, name)
		if l == nil {
			continue
		}
		if ends[name], err = c.v.End(l); err != nil {
			return nil, err
		}
		p := PipelineAccount{Pipeline: name, Entries: int64(ends[name]), Outcomes: outcomes[name]}
		if p.Entries != p.Outcomes {
			p.Problem = fmt.Sprintf("pipeline %s: its log has taken %d entries, but %d outcomes are counted", name, p.Entries, p.Outcomes)
		}
		a.Pipelines = append(a.Pipelines, p)
	}
	return ends, nil
}

func (c *accountant) balanceSink(s *SinkAccount, end uint64) error {
	rest := s.Addressed - s.Delivered - s.DeadLettered - s.Discarded
	cursor := c.cursors[dispatch.CursorName(s.Pipeline, s.Sink)]
	s.Waiting = rest
	if open := end - min(end, cursor.Offset); open > c.limit {
		if rest < 0 || rest > int64(open) {
			s.Problem = s.equation(fmt.Sprintf("between 0 and %d", open))
		}
		return nil
	}
	waiting, err := c.countWaiting(s, cursor)
	if err != nil {
		return err
	}
	s.Waiting, s.Counted = waiting, true
	if waiting != rest {
		s.Problem = s.equation(fmt.Sprint(waiting))
	}
	return nil
}

func (s *SinkAccount) equation(waiting string) string {
	return fmt.Sprintf("pipeline %s, sink %s: addressed %d is not delivered %d + dead-lettered %d + discarded %d + waiting %s",
		s.Pipeline, s.Sink, s.Addressed, s.Delivered, s.DeadLettered, s.Discarded, waiting)
}

// countWaiting counts the entries meant for the sink that its cursor says are
// not settled.
func (c *accountant) countWaiting(s *SinkAccount, cursor journal.Cursor) (n int64, err error) {
	l := c.log(journal.StagedIn, s.Pipeline)
	if l == nil {
		return 0, nil
	}
	settled, err := dispatch.ReadSettled(cursor)
	if err != nil {
		return 0, err
	}
	number := c.numbers[s.Sink]
	var m staged.Meta
	err = c.v.Chunks(l.Number(), cursor.Offset, func(i *journal.Item) error {
		if i.Err != nil {
			return i.Err
		}
		for _, e := range i.Entries {
			if err := m.Decode(e.Meta); err != nil {
				return fmt.Errorf("%w: staged entry %s/%d: %w", journal.ErrCorrupt, s.Pipeline, e.Offset, err)
			}
			if m.Note == nil && m.For(number) && !settled.Has(e.Offset) {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (a *Account) sort() {
	slices.SortFunc(a.Sources, func(x, y SourceAccount) int { return cmp.Compare(x.Source, y.Source) })
	slices.SortFunc(a.Lanes, func(x, y LaneAccount) int {
		return cmp.Or(cmp.Compare(x.Pipeline, y.Pipeline), cmp.Compare(x.Source, y.Source))
	})
	slices.SortFunc(a.Sinks, func(x, y SinkAccount) int {
		return cmp.Or(cmp.Compare(x.Pipeline, y.Pipeline), cmp.Compare(x.Sink, y.Sink))
	})
}

// Problems lists the equations that do not hold, in words.
func (a *Account) Problems() []string {
	var out []string
	add := func(p string) {
		if p != "" {
			out = append(out, p)
		}
	}
	for i := range a.Sources {
		add(a.Sources[i].Problem)
	}
	for i := range a.Lanes {
		add(a.Lanes[i].Problem)
	}
	for i := range a.Pipelines {
		add(a.Pipelines[i].Problem)
	}
	for i := range a.Sinks {
		add(a.Sinks[i].Problem)
	}
	return out
}
