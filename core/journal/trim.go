package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Trim removes whole chunks that end at or below offset and were written before
// cutoff. It returns the offset of the oldest entry left. While the journal is full
// it returns once the store needs the room no more, which can take minutes, or with
// the error of ctx; what is trimmed stays trimmed.
func (l *Log) Trim(ctx context.Context, offset uint64, cutoff time.Time) (uint64, error) {
	tail := l.Tail() // before the look: what comes meanwhile is not gone
	keep, gone, err := l.trimmable(tail, min(offset, tail), cutoff)
	if err != nil {
		return 0, err
	}
	if gone {
		tx := l.j.Begin()
		for _, p := range []byte{prefixChunk, prefixSummary} {
			_ = tx.batch.DeleteRange(logPrefix(p, l.id), logKey(p, l.id, keep), nil)
		}
		// The floor remembers the end in case nothing is left.
		tx.SetCursor(l.floorName(), Cursor{Offset: keep})
		if err := tx.Commit(Lazy); err != nil {
			return 0, err
		}
		l.forget(keep)
	}
	return keep, l.reclaim(ctx, keep)
}

// trimmable finds the oldest entry to keep, tail if there is none, and says whether
// anything is to go.
func (l *Log) trimmable(tail, offset uint64, cutoff time.Time) (keep uint64, gone bool, err error) {
	it, err := l.j.db.NewIter(l.bounds(prefixChunk))
	if err != nil {
		return 0, false, fmt.Errorf("journal: trim log %q: %w", l.name, err)
	}
	keep = tail
	for ok := it.First(); ok; ok = it.Next() {
		c, err := l.chunkAt(it)
		if err != nil {
			return 0, false, errors.Join(err, it.Close())
		}
		if c.end() > offset || !c.at.Before(cutoff) {
			keep = c.base
			break
		}
		keep, gone = c.end(), true
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return 0, false, fmt.Errorf("journal: trim log %q: %w", l.name, err)
	}
	return keep, gone, nil
}

// reclaim gives the room of what is gone back to the disk, if the journal is full.
// The store compacts what is written to; while nothing is accepted nothing is, and
// what was removed would stay on the disk, and the journal full, for ever. It is
// done once for what is gone, also if that went before the journal was full.
func (l *Log) reclaim(ctx context.Context, keep uint64) error {
	if keep == 0 || !l.j.Full() || l.reclaimed.Load() >= keep {
		return nil
	}
	for _, p := range []byte{prefixChunk, prefixSummary} {
		if err := l.j.db.Compact(ctx, logPrefix(p, l.id), logKey(p, l.id, keep), false); err != nil {
			return fmt.Errorf("journal: trim log %q: give room back: %w", l.name, err)
		}
	}
	l.reclaimed.Store(keep)
	return nil
}

// forget drops what ends at or below offset from memory: what is trimmed is gone
// for every reader.
func (l *Log) forget(offset uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = slices.DeleteFunc(l.recent, func(w chunkWrite) bool {
		gone := w.base+uint64(w.n) <= offset
		if gone {
			l.cached -= len(w.value)
		}
		return gone
	})
}
