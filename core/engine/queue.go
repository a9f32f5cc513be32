package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/plan"
)

// A sink that left a pipeline leaves a queue behind if events still wait for it,
// a pipeline that left a source if requests do. They stay in the journal until
// the reader is back or a person gives them up (I3); what no one waits for is
// trimmed as if the reader had never been.

// gone is the mark of a lane that left: the end of what was stored while it was
// there, in the cursor's Extra. What came later is not its business.
func gone(end uint64) []byte { return binary.AppendUvarint(nil, end) }

func goneAt(extra []byte) (end uint64, ok bool) {
	end, n := binary.Uvarint(extra)
	return end, n > 0
}

// reads reports whether g has the reader that a cursor belongs to.
func (g *graph) reads(cursor string) bool {
	if p, s, ok := pipeline.ParseCursorName(cursor); ok {
		return g.pipes[p] != nil && g.pipes[p].lanes[s] != nil
	}
	p, s, ok := dispatch.ParseCursorName(cursor)
	return ok && g.pipes[p] != nil && g.pipes[p].dispatchers[s] != nil
}

// queues are what waits for each reader there is a cursor of, by its name.
func (e *Engine) queues() (map[string]plan.Queue, error) {
	staged := map[[2]string]int64{}
	for _, c := range e.journal.Ledger() {
		if c.Scope != journal.ScopeSink {
			continue
		}
		k := [2]string{c.Source, c.Name}
		switch c.Outcome {
		case journal.Addressed:
			staged[k] += c.N
		case journal.Delivered, journal.DeadLettered, journal.Discarded:
			staged[k] -= c.N
		}
	}
	out := map[string]plan.Queue{}
	for name, c := range e.journal.Cursors() {
		if p, s, ok := pipeline.ParseCursorName(name); ok {
			raw, err := e.journal.Log(journal.Raw, s)
			if err != nil {
				return nil, err
			}
			end := raw.Tail()
			if left, marked := goneAt(c.Extra); marked {
				end = left
			}
			out[name] = plan.Queue{Reader: "pipeline." + p, From: "source." + s, Waiting: int64(end - min(end, c.Offset))}
		} else if p, s, ok := dispatch.ParseCursorName(name); ok {
			out[name] = plan.Queue{Reader: "sink." + s, From: "pipeline." + p, Waiting: staged[[2]string{p, s}]}
		}
	}
	return out, nil
}

// leftovers are the queues whose reader g does not have, empty ones included, by
// the names of their cursors.
func (e *Engine) leftovers(g *graph) (map[string]plan.Queue, error) {
	all, err := e.queues()
	for name := range all {
		if g.reads(name) {
			delete(all, name)
		}
	}
	return all, err
}

// waitingList are all queues in which something waits, in one order.
func (e *Engine) waitingList() ([]plan.Queue, error) {
	all, err := e.queues()
	var out []plan.Queue
	for _, q := range all {
		if q.Waiting > 0 {
			out = append(out, q)
		}
	}
	sortQueues(out)
	return out, err
}

func sortQueues(qs []plan.Queue) {
	slices.SortFunc(qs, func(a, b plan.Queue) int {
		return strings.Compare(a.Reader+" "+a.From, b.Reader+" "+b.From)
	})
}

// markReaders makes durable which lanes g has, before they run: a new one gets
// its cursor, at the first request that is kept, so that nothing it has to read
// is trimmed; one that left gets its mark, one that is back loses it. None of
// these may run meanwhile. ends says, by cursor, where what was stored for a lane
// ends that has just left; without it, at the end of the log.
func (e *Engine) markReaders(g *graph, ends map[string]uint64) error {
	moves, err := e.leavers(g, ends)
	if err != nil {
		return err
	}
	tx := e.journal.Begin()
	n := 0
	for name, c := range moves {
		tx.SetCursor(name, c)
		n++
	}
	cursors := e.journal.Cursors()
	for _, l := range g.lanes() {
		name := pipeline.CursorName(l.Pipeline(), l.Source())
		c, known := cursors[name]
		if _, marked := goneAt(c.Extra); known && !marked {
			continue
		}
		first, err := g.sources[l.Source()].raw.First()
		if err != nil {
			tx.Discard()
			return err
		}
		if first > c.Offset {
			// Nobody kept these for it: they are accounted for as what they are (I3).
			row := journal.Row{Scope: journal.ScopePipeline, Name: l.Pipeline(), Source: l.Source(), Outcome: journal.Missed}
			tx.Count(row, int64(first-c.Offset))
			c.Offset = first
		}
		tx.SetCursor(name, journal.Cursor{Offset: c.Offset})
		n++
	}
	if n == 0 {
		tx.Discard()
		return nil
	}
	if err := tx.Commit(journal.Durable); err != nil {
		return fmt.Errorf("engine: mark lanes that came or left: %w", err)
	}
	return nil
}

// leavers are the marked cursors of the lanes that g does not have.
func (e *Engine) leavers(g *graph, ends map[string]uint64) (map[string]journal.Cursor, error) {
	out := map[string]journal.Cursor{}
	for name, c := range e.journal.Cursors() {
		_, s, ok := pipeline.ParseCursorName(name)
		_, marked := goneAt(c.Extra)
		if !ok || marked || g.reads(name) {
			continue
		}
		end, known := ends[name]
		if !known {
			raw, err := e.journal.Log(journal.Raw, s)
			if err != nil {
				return nil, err
			}
			end = raw.Tail()
		}
		c.Extra = gone(end)
		out[name] = c
	}
	return out, nil
}

// Why a dead letter was made of what waited.
const (
	codeGivenUp   = "queue_discarded"
	reasonGivenUp = "its reader was removed from the configuration, and its queue was given up"
)

// chosen reports whether a person's word for queues means this one: its reader
// or where it comes from.
func chosen(q plan.Queue, words []string) bool {
	return slices.Contains(words, q.Reader) || slices.Contains(words, q.From)
}

// giveUp makes dead letters of what waits in the leftover queues that words
// name. Nothing reads them meanwhile.
func (e *Engine) giveUp(ctx context.Context, g *graph, words []string) (notes []string, err error) {
	if len(words) == 0 {
		return nil, nil
	}
	left, err := e.leftovers(g)
	if err != nil {
		return nil, err
	}
	for name, q := range left {
		if q.Waiting == 0 || !chosen(q, words) {
			continue
		}
		n, err := e.giveUpQueue(ctx, name, q)
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%d dead letters were made of what waited for %s from %s", n, q.Reader, q.From))
		}
		if err != nil {
			return notes, err
		}
	}
	slices.Sort(notes)
	return notes, nil
}

// typeOf reads the type out of a source's address. Within a module it comes
// after the module's name, and that of its instance; only the catalog tells an
// instance from a type.
func typeOf(address string, served func(typ string) bool) string {
	parts := strings.Split(address, ".")
	for len(parts) > 2 && parts[0] == "module" {
		parts = parts[2:]
		if parts[0] != "module" && !served(parts[0]) && len(parts) > 2 {
			parts = parts[1:]
		}
	}
	return parts[0]
}

// serves reports whether an installed plugin serves a type of source.
func (e *Engine) serves(typ string) bool {
	g := e.graph.Load()
	if g == nil || g.cat == nil {
		return false
	}
	_, ok := g.cat.Lookup("source", typ)
	return ok
}

func (e *Engine) giveUpQueue(ctx context.Context, cursor string, q plan.Queue) (int, error) {
	if p, s, ok := pipeline.ParseCursorName(cursor); ok {
		raw, err1 := e.journal.Log(journal.Raw, s)
		staged, err2 := e.journal.Log(journal.StagedIn, p)
		if err := errors.Join(err1, err2); err != nil {
			return 0, err
		}
		end, _ := goneAt(e.journal.Cursor(cursor).Extra)
		l := pipeline.New(pipeline.Options{
			Pipeline: p, Source: s, Provider: typeOf(s, e.serves), Journal: e.journal, Raw: raw, Staged: staged, Log: e.log,
			Open: func() bool { return false },
		})
		return l.GiveUp(ctx, end, gone(end), codeGivenUp, reasonGivenUp)
	}
	p, s, _ := dispatch.ParseCursorName(cursor)
	staged, err := e.journal.Log(journal.StagedIn, p)
	if err != nil {
		return 0, err
	}
	n, err := e.journal.SinkNumber(s)
	if err != nil {
		return 0, err
	}
	return dispatch.GiveUp(ctx, dispatch.Options{
		Pipeline: p, SinkName: s, Number: n, Journal: e.journal, Staged: staged, Log: e.log,
	}, codeGivenUp, reasonGivenUp)
}
