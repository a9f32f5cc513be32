package pipeline

import (
	"context"
	"fmt"
)

// Drain carries what is stored when it is called and returns. It is for those
// who want to see the outcome at once, and must not be called beside Run. A
// plugin that parses nothing at all is an error, and its requests stay where
// they are.
func (l *Lane) Drain(ctx context.Context) error {
	end := l.o.Raw.Tail()
	for {
		from := l.o.Journal.Cursor(l.cursor).Offset
		if from >= end {
			return nil
		}
		entries, err := l.o.Raw.Read(from, l.o.MaxRequests, l.o.MaxBytes)
		if err != nil {
			return fmt.Errorf("pipeline %q, source %s: %w", l.o.Pipeline, l.o.Source, err)
		}
		p, err := l.parser.parse(ctx, entries)
		if err == nil {
			err = l.commit(ctx, p)
		}
		if err != nil {
			return fmt.Errorf("pipeline %q, source %s: %w", l.o.Pipeline, l.o.Source, err)
		}
	}
}
