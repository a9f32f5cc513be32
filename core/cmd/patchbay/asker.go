package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/rs/zerolog"
)

// asker answers questions: a running core, or a journal that nothing has open.
type asker interface {
	explain(ctx context.Context, id string, reveal bool) (*inspect.Story, error)
	events(ctx context.Context, f inspect.Filter, where string, reveal bool) (*admin.Events, error)
	deadLetters(ctx context.Context, f inspect.DeadLetterFilter, reveal bool) (*admin.DeadLetters, error)
	deadLetter(ctx context.Context, id uint64, reveal bool) (*inspect.DeadLetterInfo, error)
	retry(ctx context.Context, id uint64) (*inspect.DeadLetterInfo, error)
	discard(ctx context.Context, id uint64) (*inspect.DeadLetterInfo, error)
	account(ctx context.Context) (*inspect.Account, error)
	close() error
}

// ask runs f with whoever can answer. write says that f may change the journal.
func (a *app) ask(ctx context.Context, p *place, write bool, f func(asker) error) error {
	dir, err := a.data(p)
	if err != nil {
		return err
	}
	c, err := admin.Connect(ctx, dir)
	if err == nil {
		return f(&online{c})
	}
	if !errors.Is(err, admin.ErrNoCore) {
		return err
	}
	j, err := a.openJournal(dir, !write)
	if err != nil {
		return err
	}
	a.note("no core is running: reading the journal in %s", j.Path())
	off := &offline{j, a.now}
	return errors.Join(f(off), off.close())
}

// journalMemory is enough for looking into a journal.
const journalMemory = 16 << 20

func (a *app) openJournal(dataDir string, readOnly bool) (*journal.Journal, error) {
	path := filepath.Join(dataDir, "journal")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, unreachable("there is no journal in %s: no core has run there yet", path)
	}
	return journal.Open(journal.Options{
		Dir: path, ReadOnly: readOnly, Log: zerolog.Nop(), CacheBytes: journalMemory, MemTableBytes: journalMemory, Now: a.now,
	})
}

// online asks a running core.
type online struct{ c *admin.Client }

func reveal(q url.Values, yes bool) url.Values {
	if yes {
		q.Set("reveal", "true")
	}
	return q
}

// values makes parameters of pairs, without the empty ones.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func limitText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (o *online) explain(ctx context.Context, id string, show bool) (*inspect.Story, error) {
	s := new(inspect.Story)
	return s, o.c.Get(ctx, "explain", reveal(values("id", id), show), s)
}

func (o *online) events(ctx context.Context, f inspect.Filter, where string, show bool) (*admin.Events, error) {
	out := new(admin.Events)
	return out, o.c.Get(ctx, "events", reveal(values(
		"id", f.ID, "type", f.Type, "status", f.Status, "channel", f.Channel, "source", f.Source, "pipeline", f.Pipeline,
		"sink", f.Sink, "outcome", f.Outcome, "since", stamp(f.Since), "until", stamp(f.Until), "where", where,
		"limit", limitText(f.Limit),
	), show), out)
}

func (o *online) deadLetters(ctx context.Context, f inspect.DeadLetterFilter, show bool) (*admin.DeadLetters, error) {
	out := new(admin.DeadLetters)
	return out, o.c.Get(ctx, "dead-letters", reveal(values(
		"pipeline", f.Pipeline, "sink", f.Sink, "source", f.Source, "code", f.Code, "state", f.State, "limit", limitText(f.Limit),
	), show), out)
}

func (o *online) deadLetter(ctx context.Context, id uint64, show bool) (*inspect.DeadLetterInfo, error) {
	d := new(inspect.DeadLetterInfo)
	return d, o.c.Get(ctx, fmt.Sprintf("dead-letters/%d", id), reveal(url.Values{}, show), d)
}

func (o *online) retry(ctx context.Context, id uint64) (*inspect.DeadLetterInfo, error) {
	d := new(inspect.DeadLetterInfo)
	return d, o.c.Post(ctx, fmt.Sprintf("dead-letters/%d/retry", id), d)
}

func (o *online) discard(ctx context.Context, id uint64) (*inspect.DeadLetterInfo, error) {
	d := new(inspect.DeadLetterInfo)
	return d, o.c.Post(ctx, fmt.Sprintf("dead-letters/%d/discard", id), d)
}

func (o *online) account(ctx context.Context) (*inspect.Account, error) {
	acc := new(inspect.Account)
	return acc, o.c.Get(ctx, "account", nil, acc)
}

func (o *online) close() error { return nil }

// offline reads a journal by itself.
type offline struct {
	j   *journal.Journal
	now func() time.Time
}

func (o *offline) explain(ctx context.Context, id string, show bool) (*inspect.Story, error) {
	return inspect.Explain(ctx, o.j, id, inspect.Options{Reveal: show})
}

func (o *offline) events(ctx context.Context, f inspect.Filter, _ string, show bool) (*admin.Events, error) {
	out := &admin.Events{Events: []inspect.Event{}}
	f.Now = o.now()
	var err error
	out.Truncated, err = inspect.Search(ctx, o.j, f, inspect.Options{Reveal: show}, func(e *inspect.Event) bool {
		out.Events = append(out.Events, *e)
		return true
	})
	return out, err
}

func (o *offline) deadLetters(_ context.Context, f inspect.DeadLetterFilter, show bool) (*admin.DeadLetters, error) {
	out := &admin.DeadLetters{DeadLetters: []inspect.DeadLetterInfo{}}
	var err error
	out.Truncated, err = inspect.DeadLetters(o.j, f, inspect.Options{Reveal: show}, func(d *inspect.DeadLetterInfo) bool {
		out.DeadLetters = append(out.DeadLetters, *d)
		return true
	})
	return out, err
}

func (o *offline) deadLetter(_ context.Context, id uint64, show bool) (*inspect.DeadLetterInfo, error) {
	return inspect.ShowDeadLetter(o.j, id, inspect.Options{Reveal: show})
}

func (o *offline) retry(context.Context, uint64) (*inspect.DeadLetterInfo, error) {
	return nil, unreachable("a retry needs the plugins: start the core with patchbay run")
}

func (o *offline) discard(_ context.Context, id uint64) (*inspect.DeadLetterInfo, error) {
	return inspect.Discard(o.j, id, o.now())
}

func (o *offline) account(context.Context) (*inspect.Account, error) { return inspect.TakeAccount(o.j) }

func (o *offline) close() error { return o.j.Close() }
