package pipeline

import (
	"fmt"
	"slices"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/stage"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/patchbay-io/patchbay/sdk"
)

// writer turns the outcome of a batch into entries, dead letters and ledger
// rows of one step.
type writer struct {
	o  *Options
	tx *journal.Tx

	buf     []byte // bodies and metas of the chunk being built
	scratch []byte
	entries []span
	summary staged.Builder
	err     error

	staged, ended *tap.Spot // where people may watch
}

// span is an entry whose bytes lie in buf, which may still move.
type span struct{ meta, body, end int }

func (w *writer) begin(tx *journal.Tx, rec *tap.Recorder) {
	*w = writer{o: w.o, tx: tx, buf: w.buf[:0], scratch: w.scratch, entries: w.entries[:0], summary: w.summary}
	if rec != nil {
		w.staged, w.ended = rec.At(w.o.place(placeStaged), false), rec.At(w.o.place(placeEnded), false)
	}
	w.summary.Reset(w.o.Source)
}

// row is a ledger row of the lane for what is no event.
func (w *writer) row(o journal.Outcome) journal.Row {
	return journal.Row{Scope: journal.ScopePipeline, Name: w.o.Pipeline, Source: w.o.Source, Outcome: o}
}

// item writes an event that has passed the stages, or a note of why it did not.
func (w *writer) item(it *stage.Item) {
	e := it.Event
	if it.Outcome == 0 {
		if e.Type == sdk.Unspecified {
			e.Type = sdk.Unmapped
		}
		if e.DeliveryStatus == sdk.NoStatus {
			e.DeliveryStatus = e.Type.Asserts()
		}
		for _, t := range w.o.Targets {
			if !slices.Contains(it.Targets, t) {
				it.Targets = append(it.Targets, t)
			}
		}
		if len(it.Targets) == 0 {
			it.End(journal.Filtered, "route", "no sink wants it")
		}
	}
	meta := staged.Meta{Day: staged.Day(e), Channel: uint8(e.Channel), Type: uint8(e.Type)}
	if it.Outcome != 0 {
		meta.Note = &staged.Note{Outcome: it.Outcome, By: it.By, Detail: it.Detail}
		w.tx.Count(meta.Row(journal.ScopePipeline, w.o.Pipeline, w.o.Source, it.Outcome), 1)
		w.entry(&meta, noteEvent(e))
		return
	}
	meta.Targets = it.Targets
	meta.Order = it.Order
	w.tx.Count(meta.Row(journal.ScopePipeline, w.o.Pipeline, w.o.Source, journal.Staged), 1)
	for _, t := range it.Targets {
		w.tx.Count(meta.Row(journal.ScopeSink, w.o.Sinks[t], w.o.Pipeline, journal.Addressed), 1)
	}
	w.entry(&meta, e)
}

func (w *writer) entry(meta *staged.Meta, e *sdk.Event) {
	w.show(meta, e)
	if len(w.entries) >= journal.MaxChunkEntries || len(w.buf) > journal.MaxChunkBytes {
		w.flush()
	}
	s := span{meta: len(w.buf)}
	w.buf = meta.Append(w.buf)
	s.body = len(w.buf)
	w.buf, w.scratch = staged.AppendEvent(w.buf, e, w.scratch)
	s.end = len(w.buf)
	w.entries = append(w.entries, s)
	w.summary.Add(e)
}

// flush hands the chunk to the step, which keeps its bytes.
func (w *writer) flush() {
	if len(w.entries) == 0 {
		return
	}
	es := make([]journal.Entry, len(w.entries))
	for i, s := range w.entries {
		es[i] = journal.Entry{Meta: w.buf[s.meta:s.body:s.body], Body: w.buf[s.body:s.end:s.end]}
	}
	w.tx.Append(w.o.Staged, es, w.summary.Encode())
	// The journal keeps these bytes until they are written; the next chunk will
	// be about as large.
	w.buf, w.entries = make([]byte, 0, len(w.buf)+len(w.buf)/8), w.entries[:0]
	w.summary.Reset(w.o.Source)
}

func (w *writer) verdict(o *origin, v sdk.Verdict) {
	if !v.Ignored {
		w.reject(o, v)
		return
	}
	w.tx.Count(w.row(journal.Ignored), 1)
	w.note(o, journal.Ignored, v.Code)
}

// reject makes a dead letter of a request, or of a part of it.
func (w *writer) reject(o *origin, v sdk.Verdict) {
	d := &journal.DeadLetter{
		State: journal.DeadOpen, Pipeline: w.o.Pipeline, Source: w.o.Source, Code: v.Code, Reason: v.Reason,
		Attempts: 1, FirstAt: w.o.Now().UTC(), RawOffset: o.offset, RawIndex: v.Index,
		Body: o.delivery.Body, Part: v.Part, PartOffset: v.Offset, Row: w.row(0),
	}
	d.LastAt = d.FirstAt
	if v.Part && v.Offset >= 0 && v.Length >= 0 && v.Offset <= len(d.Body) && v.Length <= len(d.Body)-v.Offset {
		d.Body = d.Body[v.Offset : v.Offset+v.Length]
	}
	w.tx.DeadLetter(d)
	w.tx.Count(w.row(journal.DeadLettered), 1)
	w.note(o, journal.DeadLettered, fmt.Sprintf("dead letter %d: %s", d.ID, v.Code))
}

// note tells explain about a request that gave no event.
func (w *writer) note(o *origin, out journal.Outcome, detail string) {
	e := &sdk.Event{
		ID: o.eventID("", 0), ReceivedAt: o.delivery.ReceivedAt, Time: o.delivery.ReceivedAt,
		Source: o.source, Provider: o.provider, RawOffset: o.offset,
	}
	w.entry(&staged.Meta{Note: &staged.Note{Outcome: out, By: "parse", Detail: detail}}, e)
}

func (w *writer) end() error {
	w.flush()
	w.tx = nil
	return w.err
}
