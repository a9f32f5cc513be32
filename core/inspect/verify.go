package inspect

import (
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
)

// Verification is what Verify found.
type Verification struct {
	StoreID string `json:"store_id"`
	// Items counts what was read, by kind; Entries those of the logs.
	Items    map[journal.ItemKind]int64 `json:"items"`
	Entries  int64                      `json:"entries"`
	Findings []Finding                  `json:"findings"`
	// More is how many findings there are beyond those listed.
	More    int      `json:"more,omitempty"`
	Account *Account `json:"account,omitempty"` // nil if the store is too damaged to add up
}

// Finding is something that must not be.
type Finding struct {
	Where   string `json:"where"`
	Problem string `json:"problem"`
}

// Sound reports whether nothing was found.
func (v *Verification) Sound() bool { return len(v.Findings) == 0 }

// maxFindings is how many findings are listed.
const maxFindings = 1000

// Verify reads the whole store at one moment and checks it: that everything
// decodes, that logs have no holes, that no cursor is ahead of its log, that
// summaries find the entries of their chunks, and that the ledger is what a
// recount gives. The error is of the reading, never of what was read.
func Verify(ctx context.Context, j *journal.Journal) (*Verification, error) {
	v := j.View()
	out, err := verify(ctx, j, v)
	return out, errors.Join(err, v.Close())
}

// logState is what verifier knows of one log.
type logState struct {
	kind    journal.Kind
	name    string
	first   uint64 // oldest entry that is there
	next    uint64 // where the next chunk must begin
	seen    bool
	bases   map[uint64]bool // chunks that still miss their summary
	entries int64
}

type verifier struct {
	j      *journal.Journal
	v      *journal.View
	out    *Verification
	logs   map[uint32]*logState
	names  map[string]uint32 // "s messaging"
	recent map[journal.Row]int64
	ledger map[journal.Row]int64
	dead   map[journal.Row]int64 // recounted from the dead letters
}

func verify(ctx context.Context, j *journal.Journal, view *journal.View) (*Verification, error) {
	v := &verifier{
		j: j, v: view, logs: map[uint32]*logState{}, names: map[string]uint32{},
		recent: map[journal.Row]int64{}, ledger: map[journal.Row]int64{}, dead: map[journal.Row]int64{},
		out: &Verification{StoreID: j.StoreID(), Items: map[journal.ItemKind]int64{}, Findings: []Finding{}},
	}
	err := view.Items(func(i *journal.Item) error {
		v.item(i)
		return ctx.Err()
	})
	if errors.Is(err, journal.ErrCorrupt) {
		// The store itself could not go on: what was not read is not known.
		v.find("store", "%v", err)
		return v.out, nil
	}
	if err != nil {
		return nil, err
	}
	v.checkSummaries()
	v.compareLedger()
	v.compareDeadLetters()
	v.out.Account, err = takeAccount(j, view, countLimit)
	if errors.Is(err, journal.ErrCorrupt) {
		v.find("ledger", "cannot be added up: %v", err)
		return v.out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range v.out.Account.Problems() {
		v.find("ledger", "%s", p)
	}
	return v.out, nil
}

func (v *verifier) find(where, format string, args ...any) {
	if len(v.out.Findings) >= maxFindings {
		v.out.More++
		return
	}
	v.out.Findings = append(v.out.Findings, Finding{where, MaskText(fmt.Sprintf(format, args...))})
}

// item checks one key. Keys come in the order of their kinds: names before
// chunks, chunks before summaries and cursors.
func (v *verifier) item(i *journal.Item) {
	v.out.Items[i.Kind]++
	if i.Err != nil {
		v.find(i.Key, "%v", i.Err)
		return
	}
	switch i.Kind {
	case journal.ItemName:
		v.logs[i.Log] = &logState{kind: i.Of, name: i.Name, bases: map[uint64]bool{}}
		v.names[string(rune(i.Of))+" "+i.Name] = i.Log
	case journal.ItemChunk:
		v.chunk(i)
	case journal.ItemSummary:
		v.summary(i)
	case journal.ItemCursor:
		v.cursor(i)
	case journal.ItemLedger:
		v.ledger[i.Count.Row] = i.Count.N
		if i.Count.N < 0 {
			v.find(i.Key, "the count is %d", i.Count.N)
		}
	case journal.ItemDeadLetter:
		v.deadLetter(i)
	case journal.ItemBatch:
		if _, err := dispatch.DecodeBatch(i.Extra); err != nil {
			v.find(i.Key, "%v", err)
		}
	}
}

func (v *verifier) chunk(i *journal.Item) {
	l := v.logs[i.Log]
	if l == nil {
		v.find(i.Key, "belongs to a log that has no name")
		return
	}
	switch {
	case !l.seen:
		l.first = i.Offset
	case i.Offset > l.next:
		v.find(i.Key, "entries %d to %d of %s log %s are missing", l.next, i.Offset-1, l.kind, l.name)
	case i.Offset < l.next:
		v.find(i.Key, "entries %d to %d of %s log %s are there twice", i.Offset, l.next-1, l.kind, l.name)
	}
	if len(i.Entries) == 0 {
		v.find(i.Key, "holds no entry")
	}
	l.seen, l.next = true, i.Offset+uint64(len(i.Entries))
	l.entries += int64(len(i.Entries))
	v.out.Entries += int64(len(i.Entries))
	for _, e := range i.Entries {
		var err error
		switch l.kind {
		case journal.Raw:
			_, err = delivery(l.name, e)
		case journal.StagedIn:
			err = v.stagedEntry(l, e)
		default:
			err = fmt.Errorf("%s %s is no log", l.kind, l.name)
		}
		if err != nil {
			v.find(i.Key, "%v", err)
		}
	}
	if l.kind == journal.StagedIn {
		l.bases[i.Offset] = true
	}
}

// stagedEntry decodes an entry and recounts its ledger rows.
func (v *verifier) stagedEntry(l *logState, e journal.Entry) error {
	c := &chunk{pipeline: l.name, entries: []journal.Entry{e}}
	ev, m, err := c.decode(0)
	if err != nil {
		return err
	}
	outcome := journal.Staged
	if m.Note != nil {
		outcome = m.Note.Outcome
	} else if len(m.Targets) == 0 {
		return fmt.Errorf("entry %d is meant for no sink and has no note", e.Offset)
	}
	v.recent[m.Row(journal.ScopePipeline, l.name, ev.Source, outcome)]++
	for _, t := range m.Targets {
		sink := v.logs[t]
		if sink == nil || sink.kind != journal.SinkName {
			return fmt.Errorf("entry %d is meant for sink number %d, which has no name", e.Offset, t)
		}
		v.recent[m.Row(journal.ScopeSink, sink.name, l.name, journal.Addressed)]++
	}
	return nil
}

// summary checks that the ids of a chunk's entries can be found through it.
func (v *verifier) summary(i *journal.Item) {
	l := v.logs[i.Log]
	if l == nil || !l.bases[i.Offset] {
		v.find(i.Key, "there is no chunk for it")
		return
	}
	delete(l.bases, i.Offset)
	s, err := staged.ParseSummary(i.Extra)
	if err != nil {
		v.find(i.Key, "%v", err)
		return
	}
	stop := errors.New("one chunk is enough")
	err = v.v.Chunks(i.Log, i.Offset, func(ch *journal.Item) error {
		for n := range ch.Entries {
			e, _, err := (&chunk{pipeline: l.name, entries: ch.Entries}).decode(n)
			if err == nil {
				err = covers(&s, e)
			}
			if err != nil {
				v.find(i.Key, "%v", err)
			}
		}
		return stop
	})
	if err != nil && !errors.Is(err, stop) {
		v.find(i.Key, "%v", err)
	}
}

func covers(s *staged.Summary, e *sdk.Event) error {
	for _, id := range []string{e.ID.String(), e.MessageID, e.Recipient, e.CustomerID, e.ConversationID} {
		if id != "" && !s.MayHold(id) {
			return fmt.Errorf("event %s cannot be found through it", e.ID)
		}
	}
	if s.Source != e.Source || e.RawOffset < s.FirstRaw || e.RawOffset > s.LastRaw {
		return fmt.Errorf("request %s cannot be found through it", ref(e.Source, e.RawOffset))
	}
	return nil
}

func (v *verifier) checkSummaries() {
	for _, l := range v.logs {
		for base := range l.bases {
			v.find(fmt.Sprintf("chunk at %d of staged log %s", base, l.name), "has no summary, so its messages cannot be found")
		}
	}
}

// cursor checks that a cursor is not ahead of its log (I9).
func (v *verifier) cursor(i *journal.Item) {
	kind, name := journal.Raw, ""
	if _, source, ok := pipeline.ParseCursorName(i.Name); ok {
		name = source
	} else if pipe, _, ok := dispatch.ParseCursorName(i.Name); ok {
		kind, name = journal.StagedIn, pipe
		if _, err := dispatch.ReadSettled(journal.Cursor{Offset: i.Offset, Extra: i.Extra}); err != nil {
			v.find(i.Key, "%v", err)
		}
	} else {
		return // where a log goes on after everything was trimmed
	}
	end := uint64(0)
	if n, ok := v.names[string(rune(kind))+" "+name]; ok {
		l, err := v.j.Log(kind, name)
		if err == nil {
			end, err = v.v.End(l)
		}
		if err != nil {
			v.find(i.Key, "the end of log %d cannot be read: %v", n, err)
			return
		}
	}
	if i.Offset > end {
		v.find(i.Key, "is at %d, but %s log %s ends at %d", i.Offset, kind, name, end)
	}
}

func (v *verifier) deadLetter(i *journal.Item) {
	d := i.DeadLetter
	if d.ID != i.Offset {
		v.find(i.Key, "says that its id is %d", d.ID)
	}
	if len(d.Event) > 0 {
		if _, err := staged.Event(d.Event); err != nil {
			v.find(i.Key, "its event cannot be read: %v", err)
		}
	}
	row := journal.Row{Scope: d.Row.Scope, Name: d.Row.Name, Source: d.Row.Source}
	switch d.State {
	case journal.DeadOpen, journal.DeadRetrying:
		row.Outcome = journal.DeadLettered
	case journal.DeadResolved:
		row.Outcome = journal.Replayed
	case journal.DeadDiscarded:
		row.Outcome = journal.Discarded
	default:
		v.find(i.Key, "has the unknown state %q", d.State)
		return
	}
	v.dead[row]++
}

// compareLedger compares the ledger with a recount of the staged logs. What
// retention has removed can only have been more.
func (v *verifier) compareLedger() {
	for _, l := range v.logs {
		if l.kind != journal.StagedIn {
			continue
		}
		whole := !l.seen || l.first == 0
		for row, n := range v.recent {
			if !v.of(row, l.name) || row.Outcome == journal.DeadLettered {
				continue // a dead letter's note stays when its row changes
			}
			if have := v.ledger[row]; have < n || (whole && have != n) {
				v.find("ledger "+row.String(), "is %d, but the staged log holds %d", have, n)
			}
		}
		if !whole {
			continue
		}
		for row, have := range v.ledger {
			if _, counted := v.recent[row]; v.of(row, l.name) && recounted(row.Outcome) && !counted && have != 0 && l.seen {
				v.find("ledger "+row.String(), "is %d, but the staged log holds 0", have)
			}
		}
	}
}

// of reports whether a row counts entries of a pipeline's staged log.
func (v *verifier) of(row journal.Row, pipe string) bool {
	switch row.Scope {
	case journal.ScopePipeline:
		return row.Name == pipe
	case journal.ScopeSink:
		return row.Source == pipe
	}
	return false
}

// recounted are the outcomes that entries of a staged log tell of for good.
func recounted(o journal.Outcome) bool {
	switch o {
	case journal.Staged, journal.Duplicate, journal.Filtered, journal.Ignored, journal.Addressed:
		return true
	}
	return false
}

// compareDeadLetters compares the ledger with a recount of the dead letters.
func (v *verifier) compareDeadLetters() {
	sums := map[journal.Row]int64{}
	for row, n := range v.ledger {
		switch row.Outcome {
		case journal.DeadLettered, journal.Replayed, journal.Discarded:
			sums[journal.Row{Scope: row.Scope, Name: row.Name, Source: row.Source, Outcome: row.Outcome}] += n
		}
	}
	for row, n := range v.dead {
		if sums[row] != n {
			v.find("ledger "+row.String(), "is %d, but there are %d such dead letters", sums[row], n)
		}
	}
	for row, n := range sums {
		if _, ok := v.dead[row]; !ok && n != 0 {
			v.find("ledger "+row.String(), "is %d, but there are no such dead letters", n)
		}
	}
}
