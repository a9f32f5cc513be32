package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/inspect"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/pipeline"
)

// maxLimit is the most events or dead letters that one answer holds.
const maxLimit = 5000

// workTimeout bounds a question, so that it ends before its connection does.
const workTimeout = 75 * time.Second

func (s *Server) routes(mux *http.ServeMux) {
	handle := func(pattern string, open bool, f func(*http.Request) (any, error)) {
		h := func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), workTimeout)
			defer cancel()
			data, err := f(r.WithContext(ctx))
			if err != nil {
				if !changeFailure(w, data, err) {
					s.failure(w, r, err)
				}
				return
			}
			succeed(w, data)
		}
		if !open {
			h = s.trusted(h)
		}
		mux.HandleFunc(pattern, h)
	}
	handle("GET /api/v1/status", true, func(*http.Request) (any, error) { return s.core.Status(), nil })
	handle("GET /api/v1/account", true, func(*http.Request) (any, error) { return inspect.TakeAccount(s.core.Journal()) })
	handle("GET /api/v1/explain", false, s.explain)
	handle("GET /api/v1/events", false, s.events)
	handle("GET /api/v1/dead-letters", false, s.deadLetters)
	handle("GET /api/v1/dead-letters/{id}", false, s.showDeadLetter)
	handle("POST /api/v1/dead-letters/{id}/retry", false, s.retry)
	handle("POST /api/v1/dead-letters/{id}/discard", false, s.discard)
	if c, ok := s.core.(Changer); ok {
		s.changes(handle, c)
	}
	mux.HandleFunc("GET /api/v1/tap", s.trusted(s.tap))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
}

// errInvalid is a request that makes no sense.
var errInvalid = errors.New("invalid request")

// errBusy is a dead letter that another request is changing.
var errBusy = errors.New("the dead letter is being retried or discarded by somebody else")

// failure answers with what went wrong. An error that is no answer to the
// question is logged, and its text stays here.
func (s *Server) failure(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errInvalid):
		fail(w, http.StatusBadRequest, "invalid", err.Error())
	case errors.Is(err, inspect.ErrNotFound):
		fail(w, http.StatusNotFound, "not_found", err.Error())
	case errors.Is(err, errTaps):
		fail(w, http.StatusServiceUnavailable, "busy", err.Error())
	case errors.Is(err, inspect.ErrSettled), errors.Is(err, errBusy):
		fail(w, http.StatusConflict, "conflict", err.Error())
	case errors.Is(err, dispatch.ErrStillRejected), errors.Is(err, pipeline.ErrStillRejected):
		fail(w, http.StatusUnprocessableEntity, "still_rejected", inspect.MaskText(err.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusGatewayTimeout, "timeout", "it took too long; ask for less")
	case errors.Is(err, errRetry):
		fail(w, http.StatusBadGateway, "retry_failed", inspect.MaskText(err.Error()))
	default:
		s.log.Error().Err(err).Str("path", r.URL.Path).Msg("admin request failed")
		fail(w, http.StatusInternalServerError, "internal", "the core could not answer; its log says why")
	}
}

// query reads a request's parameters. The first that is wrong is kept.
type query struct {
	values url.Values
	err    error
}

func read(r *http.Request) *query {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = fmt.Errorf("%w: the query cannot be read", errInvalid)
	}
	return &query{v, err}
}

func (q *query) wrong(name, want string) {
	if q.err == nil {
		q.err = fmt.Errorf("%w: %s must be %s", errInvalid, name, want)
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) flag(name string) bool {
	v := q.text(name)
	b, err := strconv.ParseBool(v)
	if v != "" && err != nil {
		q.wrong(name, "true or false")
	}
	return b
}

func (q *query) limit() int {
	v := q.text("limit")
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxLimit {
		q.wrong("limit", fmt.Sprintf("a number from 1 to %d", maxLimit))
	}
	return n
}

func (q *query) time(name string) time.Time {
	v := q.text(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	if err != nil {
		q.wrong(name, "a time such as 2026-11-23T12:04:05Z")
	}
	return t
}

// options reads what shapes an answer, and logs if it reveals something.
func (s *Server) options(r *http.Request, q *query) inspect.Options {
	o := inspect.Options{Reveal: q.flag("reveal")}
	if o.Reveal && q.err == nil {
		s.log.Info().Str("path", r.URL.Path).Msg("personal data revealed")
	}
	return o
}

func (s *Server) explain(r *http.Request) (any, error) {
	q := read(r)
	id := q.text("id")
	if id == "" {
		q.wrong("id", "given")
	}
	o := s.options(r, q)
	if q.err != nil {
		return nil, q.err
	}
	return inspect.Explain(r.Context(), s.core.Journal(), id, o)
}

// Events is the answer to a search.
type Events struct {
	Events    []inspect.Event `json:"events"`
	Truncated bool            `json:"truncated,omitempty"`
}

func (s *Server) events(r *http.Request) (any, error) {
	q := read(r)
	f := inspect.Filter{
		ID: q.text("id"), Type: q.text("type"), Status: q.text("status"), Channel: q.text("channel"), Source: q.text("source"),
		Pipeline: q.text("pipeline"), Sink: q.text("sink"), Outcome: q.text("outcome"), Since: q.time("since"), Until: q.time("until"),
		Now: s.now().UTC(), Limit: q.limit(),
	}
	if text := q.text("where"); text != "" {
		where, ds := inspect.CompileWhere(text)
		if ds.HasErrors() {
			q.wrong("where", "a condition: "+ds[0].Summary)
		}
		f.Where = where
	}
	o := s.options(r, q)
	if q.err != nil {
		return nil, q.err
	}
	out := Events{Events: []inspect.Event{}}
	var err error
	out.Truncated, err = inspect.Search(r.Context(), s.core.Journal(), f, o, func(e *inspect.Event) bool {
		out.Events = append(out.Events, *e)
		return true
	})
	return out, err
}

// DeadLetters is the answer to a question for dead letters.
type DeadLetters struct {
	DeadLetters []inspect.DeadLetterInfo `json:"dead_letters"`
	Truncated   bool                     `json:"truncated,omitempty"`
}

func (s *Server) deadLetters(r *http.Request) (any, error) {
	q := read(r)
	f := inspect.DeadLetterFilter{
		Pipeline: q.text("pipeline"), Sink: q.text("sink"), Source: q.text("source"), Code: q.text("code"),
		State: q.text("state"), Limit: q.limit(),
	}
	o := s.options(r, q)
	if q.err != nil {
		return nil, q.err
	}
	out := DeadLetters{DeadLetters: []inspect.DeadLetterInfo{}}
	var err error
	out.Truncated, err = inspect.DeadLetters(s.core.Journal(), f, o, func(d *inspect.DeadLetterInfo) bool {
		out.DeadLetters = append(out.DeadLetters, *d)
		return r.Context().Err() == nil
	})
	return out, errors.Join(err, r.Context().Err())
}

func id(r *http.Request) (uint64, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: a dead letter's id is a number", errInvalid)
	}
	return n, nil
}

func (s *Server) showDeadLetter(r *http.Request) (any, error) {
	n, err := id(r)
	if err != nil {
		return nil, err
	}
	q := read(r)
	o := s.options(r, q)
	if q.err != nil {
		return nil, q.err
	}
	return inspect.ShowDeadLetter(s.core.Journal(), n, o)
}

// claim keeps others from changing a dead letter: two changes at once would be
// counted twice in the ledger (I3).
func (s *Server) claim(n uint64) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[n] {
		return nil, errBusy
	}
	s.busy[n] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, n)
	}, nil
}

// errRetry is a retry that could not be carried out.
var errRetry = errors.New("retry")

func (s *Server) retry(r *http.Request) (any, error) {
	n, err := id(r)
	if err != nil {
		return nil, err
	}
	release, err := s.claim(n)
	if err != nil {
		return nil, err
	}
	defer release()
	before, err := inspect.ShowDeadLetter(s.core.Journal(), n, inspect.Options{})
	if err != nil {
		return nil, err
	}
	if before.State != string(journal.DeadOpen) {
		return nil, &inspect.Settled{ID: n, State: before.State}
	}
	err = s.core.RetryDeadLetter(r.Context(), n)
	s.log.Info().Uint64("dead_letter", n).Bool("done", err == nil).Msg("dead letter retried")
	switch {
	case err == nil:
		return inspect.ShowDeadLetter(s.core.Journal(), n, inspect.Options{})
	case errors.Is(err, dispatch.ErrStillRejected), errors.Is(err, pipeline.ErrStillRejected), errors.Is(err, context.DeadlineExceeded):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", errRetry, err)
}

func (s *Server) discard(r *http.Request) (any, error) {
	n, err := id(r)
	if err != nil {
		return nil, err
	}
	release, err := s.claim(n)
	if err != nil {
		return nil, err
	}
	defer release()
	d, err := inspect.Discard(s.core.Journal(), n, s.now())
	if err == nil {
		s.log.Info().Uint64("dead_letter", n).Msg("dead letter discarded")
	}
	return d, err
}
