package engine

import (
	"context"
	"errors"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
)

// trimEvery is how often old chunks are looked for.
const trimEvery = time.Minute

// maxClockStep is how far the wall clock may run ahead of the monotonic one
// between two looks before trimming pauses: a clock that jumps must not remove
// what is still young (F24).
const maxClockStep = time.Hour

// trimLoop removes what every reader has finished with and is older than the
// configured retention.
func (e *Engine) trimLoop(ctx context.Context) error {
	t := time.NewTicker(trimEvery)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now := time.Now()
		// Round strips the monotonic reading: the difference is the wall clock's.
		if step := now.Round(0).Sub(last.Round(0)) - now.Sub(last); step > maxClockStep || step < -maxClockStep {
			e.log.Warn().Int64("step_ms", step.Milliseconds()).Msg("clock jumped, nothing is trimmed this time")
			last = now
			continue
		}
		last = now
		if err := e.trim(ctx, now.Add(-e.graph.Load().cfg.Journal.Retain)); err != nil && !errors.Is(err, journal.ErrClosed) && ctx.Err() == nil {
			e.log.Warn().Err(err).Msg("journal could not be trimmed")
		}
	}
}

// trim removes chunks written before cutoff that all their readers have passed.
// Readers that are no longer configured count for as long as something waits for
// them (I3): a sink until its events are settled, a lane until it has what was
// stored while it was there.
func (e *Engine) trim(ctx context.Context, cutoff time.Time) error {
	rawDone, stagedDone, err := e.passed()
	if err != nil {
		return err
	}
	var errs []error
	for kind, done := range map[journal.Kind]map[string]uint64{journal.Raw: rawDone, journal.StagedIn: stagedDone} {
		for _, name := range e.journal.Logs(kind) {
			offset, read := done[name]
			if !read {
				continue
			}
			l, err := e.journal.Log(kind, name)
			if err == nil {
				_, err = l.Trim(ctx, offset, cutoff)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// passed says how far all readers of each log have come.
func (e *Engine) passed() (raw, staged map[string]uint64, err error) {
	raw, staged = map[string]uint64{}, map[string]uint64{}
	lowest := func(m map[string]uint64, key string, offset uint64) {
		if old, ok := m[key]; !ok || offset < old {
			m[key] = offset
		}
	}
	left, err := e.leftovers(e.graph.Load())
	if err != nil {
		return nil, nil, err
	}
	cursors := e.journal.Cursors()
	for name, c := range cursors {
		if gone, ok := left[name]; ok && gone.Waiting == 0 {
			continue
		}
		if _, source, ok := pipeline.ParseCursorName(name); ok {
			lowest(raw, source, c.Offset)
		} else if pipe, _, ok := dispatch.ParseCursorName(name); ok {
			lowest(staged, pipe, c.Offset)
		}
	}
	// Where nobody reads any more, a lane that left still stands for what came
	// after it: the next pipeline begins with that. A staged log without a sink is
	// of a pipeline that left.
	for name := range left {
		if _, source, ok := pipeline.ParseCursorName(name); ok {
			if _, read := raw[source]; !read {
				raw[source] = cursors[name].Offset
			}
		} else if pipe, _, ok := dispatch.ParseCursorName(name); ok {
			if _, read := staged[pipe]; !read {
				l, err := e.journal.Log(journal.StagedIn, pipe)
				if err != nil {
					return nil, nil, err
				}
				staged[pipe] = l.Tail()
			}
		}
	}
	return raw, staged, nil
}
