package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
	"github.com/patchbay-io/patchbay/core/staged"
	"github.com/patchbay-io/patchbay/sdk"
)

// Explain tells what became of everything that has the given id: an event's or
// a message's, a recipient, a customer, a conversation, or a request's reference
// such as twilio.support/12. The error wraps ErrNotFound if there is nothing.
func Explain(ctx context.Context, j *journal.Journal, id string, o Options) (*Story, error) {
	r, err := newReader(j, o)
	if err != nil {
		return nil, err
	}
	x := &explainer{reader: r, story: &Story{ID: id}, requests: map[string]*Request{}}
	if source, offset, ok := parseRef(j, id); ok {
		err = x.byRef(ctx, source, offset)
	} else {
		err = x.byID(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	x.finish()
	return x.story, nil
}

type explainer struct {
	*reader
	story    *Story
	requests map[string]*Request
	events   int
}

// parseRef reads a reference to a request of a source that the journal knows.
func parseRef(j *journal.Journal, id string) (source string, offset uint64, ok bool) {
	cut := strings.LastIndexByte(id, '/')
	if cut < 0 {
		return "", 0, false
	}
	offset, err := strconv.ParseUint(id[cut+1:], 10, 64)
	return id[:cut], offset, err == nil && slices.Contains(j.Logs(journal.Raw), id[:cut])
}

func (x *explainer) byID(ctx context.Context, id string) error {
	err := x.search(ctx,
		func(s *staged.Summary) bool { return s.MayHold(id) },
		func(e *sdk.Event, _ *staged.Meta) bool { return staged.Matches(e, id) })
	if err != nil {
		return err
	}
	if x.events == 0 {
		return &NotFound{ID: id, Pipelines: names(x.j, journal.StagedIn), Truncated: x.story.Truncated}
	}
	return nil
}

func (x *explainer) byRef(ctx context.Context, source string, offset uint64) error {
	raw, err := x.j.Log(journal.Raw, source)
	if err != nil {
		return err
	}
	if offset >= raw.Tail() {
		return x.tooFar(source, raw.Tail())
	}
	if _, err := x.request(source, offset); err != nil {
		return err
	}
	return x.search(ctx,
		func(s *staged.Summary) bool { return s.Source == source && s.FirstRaw <= offset && offset <= s.LastRaw },
		func(e *sdk.Event, _ *staged.Meta) bool { return e.Source == source && e.RawOffset == offset })
}

// tooFar says that a source has not received so many requests.
func (x *explainer) tooFar(source string, stored uint64) error {
	why := "source " + source + " has received no request yet"
	if stored > 0 {
		why = fmt.Sprintf("source %s has received %s, the last is %s/%d", source, count(stored, "request", "requests"), source, stored-1)
	}
	return &NotFound{ID: x.story.ID, Why: why}
}

// search goes through all pipelines.
func (x *explainer) search(ctx context.Context, want func(*staged.Summary) bool, match func(*sdk.Event, *staged.Meta) bool) error {
	for _, name := range names(x.j, journal.StagedIn) {
		decoded := 0
		for c, err := range x.chunks(ctx, name, want) {
			if err != nil {
				return err
			}
			if decoded++; decoded > x.o.MaxChunks || x.events >= x.o.MaxEvents {
				x.story.Truncated = true
				break
			}
			for i := len(c.entries) - 1; i >= 0; i-- {
				if err := x.entry(c, i, match); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (x *explainer) entry(c *chunk, i int, match func(*sdk.Event, *staged.Meta) bool) error {
	e, m, err := c.decode(i)
	if err != nil || !match(e, m) {
		return err
	}
	if x.events >= x.o.MaxEvents {
		x.story.Truncated = true
		return nil
	}
	x.events++
	out := x.event(c, i, e, m)
	if out.Deliveries, err = x.deliveries(c.pipeline, out.Offset, m); err != nil {
		return err
	}
	if m.Note != nil && m.Note.Outcome == journal.DeadLettered {
		if out.DeadLetter, err = x.noted(m.Note.Detail); err != nil {
			return err
		}
	}
	req, err := x.request(e.Source, e.RawOffset)
	if err != nil {
		return err
	}
	if req.Gone {
		req.ReceivedAt = e.ReceivedAt
	}
	req.Events = append(req.Events, out)
	return nil
}

// noted finds the dead letter that a note names.
func (x *explainer) noted(detail string) (*DeadLetterRef, error) {
	var id uint64
	if n, _ := fmt.Sscanf(detail, "dead letter %d:", &id); n != 1 {
		return nil, nil
	}
	d, err := x.j.DeadLetter(id)
	if errors.Is(err, journal.ErrNoDeadLetter) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return x.deadRef(d), nil
}

// request returns the story's request and reads it the first time.
func (x *explainer) request(source string, offset uint64) (*Request, error) {
	key := ref(source, offset)
	if r, ok := x.requests[key]; ok {
		return r, nil
	}
	r := &Request{Ref: key, Source: source, Offset: offset, Key: -1, Events: []Event{}}
	x.requests[key] = r
	if !slices.Contains(x.j.Logs(journal.Raw), source) {
		r.Gone = true
		return r, nil
	}
	raw, err := x.j.Log(journal.Raw, source)
	if err != nil {
		return nil, err
	}
	entries, err := raw.Read(offset, 1, 1)
	switch {
	case errors.Is(err, journal.ErrTrimmed), err == nil && len(entries) == 0:
		r.Gone = true
	case err != nil:
		return nil, err
	default:
		d, err := delivery(source, entries[0])
		if err != nil {
			return nil, err
		}
		r.ReceivedAt, r.Method, r.Authenticated, r.Remote, r.Bytes = d.ReceivedAt, d.Method, d.Authenticated, d.Remote, len(d.Body)
		if d.Authenticated {
			r.Key = d.Key
		}
	}
	x.lanes(r)
	return r, nil
}

// delivery decodes a stored request.
func delivery(source string, e journal.Entry) (*sdk.Delivery, error) {
	inner, err := staged.Unframe(e.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: request %s/%d: %w", journal.ErrCorrupt, source, e.Offset, err)
	}
	d := new(sdk.Delivery)
	if err := d.UnmarshalWire(inner); err != nil {
		return nil, fmt.Errorf("%w: request %s/%d: %w", journal.ErrCorrupt, source, e.Offset, err)
	}
	return d, nil
}

// lanes says which pipelines have yet to read the request.
func (x *explainer) lanes(r *Request) {
	r.Unread = true
	for name, c := range x.cursors {
		p, source, ok := pipeline.ParseCursorName(name)
		if !ok || source != r.Source {
			continue
		}
		r.Unread = false
		if c.Offset <= r.Offset {
			r.WaitsFor = append(r.WaitsFor, p)
		}
	}
	slices.Sort(r.WaitsFor)
}

func (x *explainer) finish() {
	for _, r := range x.requests {
		slices.SortFunc(r.Events, func(a, b Event) int {
			return cmp.Or(cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Offset, b.Offset))
		})
		x.story.Requests = append(x.story.Requests, *r)
	}
	slices.SortFunc(x.story.Requests, func(a, b Request) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Offset, b.Offset))
	})
}
