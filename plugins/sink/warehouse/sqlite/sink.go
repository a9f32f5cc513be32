package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// Sink writes events to a SQLite file. Use New.
type Sink struct {
	now        func() time.Time
	migrations []migration

	cfg     *Config
	db      *database // nil before Open, after Close, and after it broke
	batch   batch
	walSize int64 // the last size of the write-ahead log that was warned of
}

// New returns a sink that takes the time of a load from now.
func New(now func() time.Time) *Sink { return &Sink{now: now, migrations: migrations()} }

// Info implements sdk.Sink.
func (s *Sink) Info() sdk.Info {
	return sdk.Info{
		Name: "sqlite", Version: sdk.Version,
		Summary: "Writes events and the state of each message to a SQLite file.",
		Sink: sdk.SinkTraits{
			Idempotency: sdk.Keyed,
			// One commit costs an fsync and writes each page once, however many rows
			// of it changed: a backlog is cheaper in large batches.
			MaxEvents: 8192, MaxBytes: 8 << 20,
		},
	}
}

// Open implements sdk.Sink.
func (s *Sink) Open(ctx context.Context, cfg *Config) error {
	if err := s.Close(ctx); err != nil {
		return err
	}
	if err := s.Check(cfg); err != nil {
		return err
	}
	s.cfg = cfg
	return s.open(ctx)
}

func (s *Sink) open(ctx context.Context) (err error) {
	s.db, err = openDatabase(ctx, s.cfg.Path, s.cfg, s.now, s.migrations)
	return err
}

// Close implements sdk.Sink. The file is complete by itself afterwards, unless
// another process still reads it.
func (s *Sink) Close(context.Context) error {
	db := s.db
	if s.db = nil; db == nil {
		return nil
	}
	return failure("close", db.close())
}

// Write implements sdk.Sink. The batch is one transaction: it is on disk with
// the message states and the load's record, or not at all (I4).
func (s *Sink) Write(ctx context.Context, in []sdk.Event, out *sdk.Results) error {
	if len(in) == 0 {
		return nil
	}
	if err := s.ready(ctx); err != nil {
		return err
	}
	db := s.db
	db.conn.SetInterrupt(ctx.Done())
	err := s.batch.write(db, in, load{batchID: out.BatchID(), pipeline: out.Pipeline(), at: s.now().UnixMicro()})
	db.conn.SetInterrupt(nil)
	db.forget()
	if err != nil {
		return s.undo(err)
	}
	for _, o := range s.batch.outcomes {
		if o.err == nil {
			out.Duplicate(o.index)
		} else {
			out.Reject(o.index, o.code, o.err)
		}
	}
	s.watchLog(ctx)
	return nil
}

// ready opens the file again if an error closed it, and makes sure that it is
// still the file that the path names.
func (s *Sink) ready(ctx context.Context) error {
	if s.db == nil {
		if s.cfg == nil {
			return errors.New("sqlite: write: not open")
		}
		return s.open(ctx)
	}
	if !s.db.moved() {
		return nil
	}
	err := s.Close(ctx)
	return errors.Join(&sdk.Failure{Class: sdk.Misconfigured, Code: "moved", Err: errors.New(
		"sqlite: write: the file was moved, replaced or deleted while it was open: the next attempt opens what is there now")}, err)
}

// undo rolls the transaction back. A connection that cannot even do that is
// closed: the next Write opens the file anew.
func (s *Sink) undo(cause error) error {
	err := failure("write", cause)
	s.db.recent.clear()
	if s.db.conn.AutocommitEnabled() {
		return err // SQLite has rolled back by itself
	}
	if rollbackErr := s.db.rollback.run(); rollbackErr != nil {
		return errors.Join(err, rollbackErr, s.Close(context.Background()))
	}
	return err
}

// watchLog warns when the write-ahead log outgrows its bound, each time that it
// has doubled: a reader that never ends keeps it from being merged.
func (s *Sink) watchLog(ctx context.Context) {
	size := s.db.logSize()
	if size < 4*walBytes {
		s.walSize = 0
		return
	}
	if size >= 2*s.walSize {
		s.walSize = size
		sdk.Log(ctx).Warn().Int64("wal_bytes", size).
			Msg("sqlite write-ahead log keeps growing: another process reads the file without ever ending its transaction")
	}
}

// rowError is why one row cannot be stored.
func rowError(err error) error { return fmt.Errorf("sqlite: %w", err) }
